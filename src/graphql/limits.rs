//! Reads and measures a document once, before validation and execution.
//!
//! What a client may ask for is bounded here and nowhere else: [`scan`] counts tokens and brackets before the parser,
//! [`measure`] depth, fields, aliases and cost, [`values`] holds variables and literals against the schema. Every number is
//! a setting (`limits.*`). A document that passed is kept by its SHA-256, parsed; the next request copies it. There are
//! no persisted queries: a document is sent whole each time, so that none resolves for somebody it was not made by.
//!
//! It knows nothing of viewers: a limit is the same for everybody, so that refusing tells nothing.
//!
//! ```
//! use palisade::{config::Limits, graphql::limits::{Catalog, Documents}};
//!
//! let catalog = Catalog::new("type Query { agents(first: Int): [Agent!]! } type Agent { name: String! }")?;
//! let documents = Documents::new(catalog, Limits { cost: 500, ..Limits::default() });
//! let asked = |query| documents.read(query, None, &Default::default()).map(|document| document.cost);
//! assert_eq!(asked("{ agents(first: 100) { name } }"), Ok(101));
//! assert!(asked("{ a: agents(first: 100) { a: name b: name c: name d: name e: name f: name } }").is_err());
//! # Ok::<(), async_graphql::parser::Error>(())
//! ```

pub mod catalog;
pub mod measure;
mod merge;
pub mod rejection;
pub mod scan;
pub mod values;

use std::{fmt::Write as _, sync::Arc};

use async_graphql::{
    Positioned, Variables,
    parser::{
        self, parse_query,
        types::{DocumentOperations, ExecutableDocument, OperationDefinition},
    },
};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

pub use catalog::Catalog;
pub use rejection::Refusal;

use crate::config::Limits;

/// Reads documents, and keeps those that passed.
#[derive(Debug)]
pub struct Documents {
    catalog: Catalog,
    limits: Limits,
    known: Cache<[u8; 32], Arc<Parsed>>,
}

#[derive(Debug)]
struct Parsed {
    document: ExecutableDocument,
    weight: u32,
}

/// A document that may run.
#[derive(Clone, Debug)]
pub struct Document {
    parsed: Arc<Parsed>,
    /// SHA-256 of its text: the name under which it is logged.
    pub hash: [u8; 32],
    /// The chosen operation's name.
    pub operation_name: Option<String>,
    /// Fields of the largest answer that it can have.
    pub cost: u64,
}

impl Document {
    /// The parsed text.
    pub fn parsed(&self) -> &ExecutableDocument {
        &self.parsed.document
    }

    /// The chosen operation.
    pub fn operation(&self) -> Option<&OperationDefinition> {
        choose(self.parsed(), self.operation_name.as_deref()).ok().map(|(_, operation)| &operation.node)
    }

    /// The first sixteen digits of the hash.
    pub fn short_hash(&self) -> String {
        self.hash[..8].iter().fold(String::with_capacity(16), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// About how much memory a token takes when parsed, and a text besides its bytes.
const TOKEN_BYTES: usize = 256;

impl Documents {
    /// Reads documents of the schema that `catalog` describes.
    pub fn new(catalog: Catalog, limits: Limits) -> Self {
        let known = Cache::builder()
            .max_capacity(limits.document_cache)
            .weigher(|_, parsed: &Arc<Parsed>| parsed.weight)
            .build();
        Self { catalog, limits, known }
    }

    /// The schema's types.
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The limits that documents are held against.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads one: the document with its cost, or why it is turned away.
    pub fn read(&self, text: &str, operation_name: Option<&str>, variables: &Variables) -> Result<Document, Refusal> {
        let hash: [u8; 32] = Sha256::digest(text).into();
        let parsed = match self.known.get(&hash) {
            Some(parsed) => parsed,
            None => {
                let parsed = Arc::new(self.parse(text)?);
                self.known.insert(hash, parsed.clone());
                parsed
            }
        };
        let (operation_name, operation) = choose(&parsed.document, operation_name.filter(|name| !name.is_empty()))?;
        let operation_name = operation_name.map(str::to_owned);
        values::variables(&self.catalog, &operation.node, variables)?;
        let cost = measure::cost(&self.catalog, &parsed.document, &operation.node, variables, &self.limits);
        if cost > self.limits.cost {
            let what = "fields in its largest answer";
            return Err(Refusal::too_complex(what, cost, self.limits.cost, "cost").at(operation.pos));
        }
        Ok(Document { parsed, hash, operation_name, cost })
    }

    fn parse(&self, text: &str) -> Result<Parsed, Refusal> {
        let tokens = scan::scan(text, &self.limits)?;
        let document = parse_query(text).map_err(|error| syntax(&error))?;
        measure::sizes(&document, &self.limits)?;
        merge::check(&self.catalog, &document)?;
        values::literals(&self.catalog, &document)?;
        let weight = u32::try_from(text.len() + tokens * TOKEN_BYTES).unwrap_or(u32::MAX);
        Ok(Parsed { document, weight })
    }
}

type Chosen<'a> = (Option<&'a str>, &'a Positioned<OperationDefinition>);

fn choose<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Result<Chosen<'a>, Refusal> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok((None, operation)),
        (DocumentOperations::Multiple(operations), Some(name)) => operations
            .get_key_value(name)
            .map(|(name, operation)| (Some(name.as_str()), operation))
            .ok_or_else(|| Refusal::validation("operationName", "The document has no operation of that name.")),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => first(document),
        (DocumentOperations::Multiple(_), None) => {
            Err(Refusal::validation("operationName", "The document has several operations; name the one to run."))
        }
        (DocumentOperations::Single(_), Some(_)) => {
            Err(Refusal::validation("operationName", "The document has no operation of that name."))
        }
    }
}

fn first(document: &ExecutableDocument) -> Result<Chosen<'_>, Refusal> {
    let first = document.operations.iter().next();
    first
        .map(|(name, operation)| (name.map(async_graphql::Name::as_str), operation))
        .ok_or_else(|| Refusal::validation("query", "The document has no operation."))
}

/// The parser's words without the line of the document that it would print: that line may hold a password.
fn syntax(error: &parser::Error) -> Refusal {
    let (expected, position) = match error {
        parser::Error::Syntax { message, start, .. } => {
            (message.rsplit_once("\n  = ").map(|(_, expected)| expected.trim().replace('_', " ")), Some(*start))
        }
        parser::Error::MissingOperation => (Some("the document has no operation".to_owned()), None),
        parser::Error::RecursionLimitExceeded => (Some("it is nested too deeply".to_owned()), None),
        parser::Error::MultipleOperations { operation, .. } => {
            (Some("an operation without a name must be the only one".to_owned()), Some(*operation))
        }
        parser::Error::OperationDuplicated { second, .. } => {
            (Some("two operations have one name".to_owned()), Some(*second))
        }
        parser::Error::FragmentDuplicated { second, .. } => {
            (Some("two fragments have one name".to_owned()), Some(*second))
        }
        _ => (None, None),
    };
    let refusal = Refusal::validation(
        "query",
        expected.map_or_else(|| "Syntax error.".to_owned(), |expected| format!("Syntax error: {expected}.")),
    );
    match position {
        Some(position) => refusal.at(position),
        None => refusal,
    }
}

#[cfg(test)]
mod tests;

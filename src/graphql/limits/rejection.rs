//! Why a document was turned away before it ran.

use async_graphql::{ErrorExtensionValues, Pos, ServerError};

/// A request that is not carried out. Its words name limits, types and paths, never a value that the client sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Code of the contract: `VALIDATION` or `QUERY_TOO_COMPLEX`.
    pub code: &'static str,
    /// Path of what is wrong: `query`, `operationName`, or a variable's, such as `input.name`.
    pub field: Option<String>,
    /// What is wrong with it.
    pub message: String,
    /// Where in the document.
    pub locations: Vec<Pos>,
}

impl Refusal {
    /// A limit is passed. Says which and both numbers.
    pub fn too_complex(
        what: &str,
        found: impl std::fmt::Display,
        limit: impl std::fmt::Display,
        setting: &str,
    ) -> Self {
        Self {
            code: "QUERY_TOO_COMPLEX",
            field: None,
            message: format!("The document has {found} {what}; at most {limit} are allowed (limits.{setting})."),
            locations: Vec::new(),
        }
    }

    /// Something is wrong with what was sent.
    pub fn validation(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: "VALIDATION", field: Some(field.into()), message: message.into(), locations: Vec::new() }
    }

    /// With its place in the document.
    pub fn at(mut self, position: Pos) -> Self {
        self.locations = vec![position];
        self
    }
}

impl From<Refusal> for ServerError {
    fn from(refusal: Refusal) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", refusal.code);
        if let Some(field) = refusal.field {
            extensions.set("field", field);
        }
        Self {
            message: refusal.message,
            source: None,
            locations: refusal.locations,
            path: Vec::new(),
            extensions: Some(extensions),
        }
    }
}

//! A document that may run costs at least what a plain count of its fields finds, and is within every limit by a plain measure.

use std::{fmt::Write as _, sync::OnceLock};

use async_graphql::{
    Variables,
    parser::types::{ExecutableDocument, Field, Selection, SelectionSet},
};
use palisade::{
    config::Limits,
    graphql::limits::{Catalog, Document, Documents, Refusal},
};

fn documents() -> &'static Documents {
    static DOCUMENTS: OnceLock<Documents> = OnceLock::new();
    DOCUMENTS.get_or_init(|| {
        let catalog = Catalog::new(include_str!("../../schema.graphql")).expect("our own schema");
        Documents::new(catalog, Limits::default())
    })
}

/// Reads a text as a document, alters a good one, and makes one of pieces.
pub fn check(data: &[u8]) {
    let (kind, rest) = super::first(data);
    if let Some(text) = super::text(rest) {
        one(text);
    }
    one(&super::altered(GOOD[usize::from(kind) % GOOD.len()], rest));
    one(&composed(kind, rest));
}

const GOOD: [&str; 6] = [
    "{ agents(first: 3) { edges { cursor node { id name systemPrompt } } pageInfo { hasNextPage } totalCount } }",
    "query Q($n: Int = 2, $id: ID!) { goals(first: $n) { nodes { ...g } } node(id: $id) { id ... on Goal { ...g } } }
     fragment g on Goal { id status tasks(first: 5) { nodes { id status } } }",
    "mutation { submitGoal(input: { agentId: \"agt_01h2xcejqtf2nbrexx3vqjhp41\", goalText: \"x\" }) { goal { id } } }",
    "{ __schema { types { name fields { name type { name ofType { name } } } } } viewer { __typename } }",
    "subscription { events { id type } }",
    "{ a: agents { nodes { id } } b: agents(last: 100) @skip(if: true) { nodes { id @include(if: false) } } }",
];

/// A document of the schema's words and the language's signs, opened and closed in step.
fn composed(kind: u8, script: &[u8]) -> String {
    const WORDS: [&str; 24] = [
        "agents",
        "goals",
        "tasks",
        "nodes",
        "edges",
        "node",
        "id",
        "name",
        "status",
        "viewer",
        "organization",
        "executions",
        "agents(first: 100)",
        "goals(first: 1)",
        "tasks(last: 7)",
        "...f",
        "... on Goal",
        "...",
        "x: id",
        "__typename",
        "__schema",
        "fields",
        "nodes(ids: [])",
        "totalCount",
    ];
    let mut text = String::from(["{", "query A {", "mutation {", "fragment f on Goal { id } {"][usize::from(kind % 4)]);
    let mut open = 1;
    for byte in script.iter().take(400) {
        match byte % 32 {
            24..=28 => {
                text.push_str(" {");
                open += 1;
            }
            29 | 30 if open > 1 => {
                text.push_str(" }");
                open -= 1;
            }
            31 => text.push_str(" } fragment f on Agent { ...f"),
            word => {
                let _ = write!(text, " {}", WORDS[usize::from(word) % WORDS.len()]);
            }
        }
    }
    text + &" }".repeat(open)
}

fn read(text: &str) -> Result<Document, Refusal> {
    documents().read(text, None, &Variables::default())
}

fn one(text: &str) {
    let limits = documents().limits();
    match (read(text), read(text)) {
        (Ok(document), Ok(again)) => {
            assert_eq!(
                (document.cost, document.hash),
                (again.cost, again.hash),
                "a document that is known costs another sum"
            );
            assert!(document.cost <= limits.cost, "{text}");
            let parsed = document.parsed();
            let operation = document.operation().expect("it was chosen");
            let mut steps = 20_000;
            let fields = fields(parsed, &operation.selection_set.node, &mut steps);
            assert!(document.cost >= fields, "{} for {fields} fields: {text}", document.cost);
            let depth = depth(parsed, &operation.selection_set.node, 0);
            assert!(depth <= limits.depth, "{depth} levels: {text}");
            let roots = roots(parsed, &operation.selection_set.node);
            assert!(roots <= limits.roots, "{roots} fields of the root: {text}");
        }
        (Err(refusal), Err(again)) => {
            assert_eq!(refusal.message, again.message, "{text}");
            assert!(["VALIDATION", "QUERY_TOO_COMPLEX"].contains(&refusal.code), "{}", refusal.code);
        }
        _ => panic!("read in two ways: {text}"),
    }
}

/// Each field once, fragments where they are spread. What is below a list that may be empty is not counted.
fn fields(document: &ExecutableDocument, set: &SelectionSet, steps: &mut u32) -> u64 {
    let mut count = 0;
    for item in &set.items {
        if *steps == 0 {
            return count;
        }
        *steps -= 1;
        count += match &item.node {
            Selection::Field(field) => 1 + below(document, &field.node, steps),
            Selection::InlineFragment(fragment) => fields(document, &fragment.node.selection_set.node, steps),
            Selection::FragmentSpread(spread) => {
                let fragment = document.fragments.get(&spread.node.fragment_name.node);
                fragment.map_or(0, |fragment| fields(document, &fragment.node.selection_set.node, steps))
            }
        };
    }
    count
}

/// Fields of the root, fragments where they are spread. A fragment that is not there has none: it is refused later.
fn roots(document: &ExecutableDocument, set: &SelectionSet) -> usize {
    let of = |item: &Selection| match item {
        Selection::Field(_) => 1,
        Selection::InlineFragment(fragment) => roots(document, &fragment.node.selection_set.node),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node);
            fragment.map_or(0, |fragment| roots(document, &fragment.node.selection_set.node))
        }
    };
    set.items.iter().map(|item| of(&item.node)).sum()
}

fn below(document: &ExecutableDocument, field: &Field, steps: &mut u32) -> u64 {
    let sized = ["first", "last", "ids"].iter().any(|name| field.get_argument(name).is_some());
    // Looking at the schema has a price of its own.
    let own = field.name.node.starts_with("__");
    if sized || own { 0 } else { fields(document, &field.selection_set.node, steps) }
}

fn depth(document: &ExecutableDocument, set: &SelectionSet, level: usize) -> usize {
    // A fragment that spreads itself is refused before.
    assert!(level < 200, "a document without an end");
    let of = |item: &Selection| match item {
        Selection::Field(field) if field.node.name.node.starts_with("__") => 1,
        Selection::Field(field) => 1 + depth(document, &field.node.selection_set.node, level + 1),
        Selection::InlineFragment(fragment) => depth(document, &fragment.node.selection_set.node, level + 1),
        Selection::FragmentSpread(spread) => document
            .fragments
            .get(&spread.node.fragment_name.node)
            .map_or(0, |fragment| depth(document, &fragment.node.selection_set.node, level + 1)),
    };
    set.items.iter().map(|item| of(&item.node)).max().unwrap_or(0)
}

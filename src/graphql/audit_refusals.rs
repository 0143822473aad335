//! Which fields of a mutation were refused, for the audit log.

use async_graphql::{
    PathSegment, ServerError, Value,
    parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};

use crate::service::refused_mutations::Refusal;

/// Codes that say nothing of the viewer: the log would fill with the platform's own troubles.
const NOT_REFUSALS: &[&str] = &["RATE_LIMITED", "UNAVAILABLE", "INTERNAL", "UNAUTHENTICATED"];

/// The fields of the mutation that ran which were answered with an error of their own. An error further down is one of
/// reading: what the field changed is changed, and has its own record.
pub fn refused(document: &ExecutableDocument, operation: &OperationDefinition, errors: &[ServerError]) -> Vec<Refusal> {
    let text = |error: &ServerError, key| match error.extensions.as_ref()?.get(key)? {
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    let refusals = errors.iter().filter_map(|error| {
        let [PathSegment::Field(key)] = error.path.as_slice() else { return None };
        let mutation = field(document, &operation.selection_set.node, key)?.to_owned();
        let code = text(error, "code").filter(|code| !NOT_REFUSALS.contains(&code.as_str()))?;
        Some(Refusal { mutation, code, field: text(error, "field") })
    });
    refusals.collect()
}

/// The name of the root field that answers under `key`.
fn field<'a>(document: &'a ExecutableDocument, set: &'a SelectionSet, key: &str) -> Option<&'a str> {
    set.items.iter().find_map(|item| match &item.node {
        Selection::Field(field) => {
            (field.node.response_key().node.as_str() == key).then(|| field.node.name.node.as_str())
        }
        Selection::InlineFragment(fragment) => field(document, &fragment.node.selection_set.node, key),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node)?;
            field(document, &fragment.node.selection_set.node, key)
        }
    })
}

//! Refuses a document in which one key of the answer would stand for two fields.
//!
//! The library compares fields only where they are written under the same type condition, and then merges two objects into
//! one that never was: `{ a: agent(id: 1) { id } ... on Query { a: agent(id: 2) { name } } }`.

use async_graphql::{
    Name, Positioned,
    indexmap::IndexMap,
    parser::types::{ExecutableDocument, Field, Selection, SelectionSet},
};

use super::{
    catalog::{Catalog, named},
    rejection::Refusal,
};

type Set<'a> = (&'a Positioned<SelectionSet>, Option<&'a str>);
type Occurrence<'a> = (&'a Positioned<Field>, Option<&'a str>);

/// Checks every operation. The document has been measured: expanded, it is small.
pub fn check(catalog: &Catalog, document: &ExecutableDocument) -> Result<(), Refusal> {
    let merge = Merge { catalog, document };
    for (_, operation) in document.operations.iter() {
        merge.sets(&[(&operation.node.selection_set, catalog.root(operation.node.ty))])?;
    }
    Ok(())
}

struct Merge<'a> {
    catalog: &'a Catalog,
    document: &'a ExecutableDocument,
}

impl<'a> Merge<'a> {
    fn sets(&self, sets: &[Set<'a>]) -> Result<(), Refusal> {
        let mut keys: IndexMap<&'a Name, Vec<Occurrence<'a>>> = IndexMap::new();
        for set in sets {
            self.collect(*set, &mut keys);
        }
        for (key, occurrences) in keys {
            // Fields that differ so far; more than a few only where types do.
            let mut different: Vec<Occurrence<'a>> = Vec::new();
            let mut below: Vec<Set<'a>> = Vec::new();
            for (field, parent) in occurrences {
                if !different.iter().any(|(other, of)| *of == parent && same(&other.node, &field.node)) {
                    let clash = |(other, of): &Occurrence<'a>| {
                        self.catalog.may_overlap(*of, parent) && !same(&other.node, &field.node)
                    };
                    if different.iter().any(clash) {
                        let message = format!("\"{key}\" stands for two different fields; give each its own alias.");
                        return Err(Refusal::validation("query", message).at(field.pos));
                    }
                    different.push((field, parent));
                }
                if !field.node.selection_set.node.items.is_empty() {
                    let known = parent.and_then(|parent| self.catalog.field(parent, &field.node.name.node));
                    below.push((&field.node.selection_set, known.map(|known| named(&known.ty))));
                }
            }
            self.sets(&below)?;
        }
        Ok(())
    }

    fn collect(&self, (set, parent): Set<'a>, keys: &mut IndexMap<&'a Name, Vec<Occurrence<'a>>>) {
        for item in &set.node.items {
            match &item.node {
                Selection::Field(field) => {
                    keys.entry(&field.node.response_key().node).or_default().push((field, parent));
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let condition = condition.map(|condition| condition.node.on.node.as_str());
                    self.collect((&fragment.node.selection_set, condition.or(parent)), keys);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        let condition = fragment.node.type_condition.node.on.node.as_str();
                        self.collect((&fragment.node.selection_set, Some(condition)), keys);
                    }
                }
            }
        }
    }
}

/// Whether two selections are of one field with the same arguments.
fn same(a: &Field, b: &Field) -> bool {
    a.name.node == b.name.node
        && a.arguments.len() == b.arguments.len()
        && a.arguments
            .iter()
            .all(|(name, value)| b.get_argument(&name.node).is_some_and(|other| other.node == value.node))
}

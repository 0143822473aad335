//! How large a document is, and how large an answer it can have.
//!
//! Each fragment is measured once and its numbers are used wherever it is spread: forty fragments that spread each other
//! twice take forty steps, not 2^40. That is why this runs before anything of the library's, which walks each spread.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{
        ExecutableDocument, FragmentDefinition, OperationDefinition, OperationType, Selection, SelectionSet,
    },
};

use async_graphql_value::Value as InputValue;

use super::{
    catalog::{Catalog, Field, named},
    rejection::Refusal,
};
use crate::config::Limits;

/// Selection sets and fragments inside each other that the library walks (it refuses more than 32 by itself).
const LEVELS: usize = 30;
/// The most elements that a page holds, and how many it holds unasked.
const PAGE: (u64, u64) = (100, 20);
/// What looking at the schema, or at one of its types, costs.
const INTROSPECTION: (u64, u64) = (1_000, 100);

/// The size of an operation, fragments counted wherever they are spread.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Size {
    /// Fields inside fields.
    pub depth: usize,
    /// Selection sets and fragments inside each other.
    pub levels: usize,
    /// Selections.
    pub fields: usize,
    /// Fields under another name.
    pub aliases: usize,
    /// Fields of the outermost set.
    pub roots: usize,
    /// Lists of the schema's fields or types inside each other.
    pub introspection: usize,
}

impl Size {
    fn beside(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.levels = self.levels.max(other.levels);
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.roots = self.roots.saturating_add(other.roots);
        self.introspection = self.introspection.max(other.introspection);
    }
}

/// Measures every operation of a document and holds each against the limits.
pub fn sizes(document: &ExecutableDocument, limits: &Limits) -> Result<(), Refusal> {
    let mut walk = Sizes { document, limits, known: HashMap::new(), open: HashSet::new() };
    // All of them, used or not: validation visits each.
    for name in document.fragments.keys() {
        walk.fragment(name, 0)?;
    }
    for (_, operation) in document.operations.iter() {
        let size = walk.set(&operation.node.selection_set, 0)?;
        let checks = [
            (size.depth, limits.depth, "levels of fields", "depth"),
            (size.levels, LEVELS.min(limits.nesting), "levels of selections and fragments", "nesting"),
            (size.fields, limits.fields, "selections", "fields"),
            (size.aliases, limits.aliases, "aliases", "aliases"),
            (size.roots, limits.roots, "root fields", "roots"),
        ];
        for (found, limit, what, setting) in checks {
            if found > limit {
                return Err(Refusal::too_complex(what, found, limit, setting).at(operation.pos));
            }
        }
        if operation.node.ty == OperationType::Mutation {
            once_each(document, &operation.node.selection_set, &mut HashSet::new())?;
        }
    }
    Ok(())
}

/// A mutation that selects a field twice under one name would run it twice: the library does not merge before it runs.
fn once_each<'a>(
    document: &'a ExecutableDocument,
    set: &'a Positioned<SelectionSet>,
    seen: &mut HashSet<&'a Name>,
) -> Result<(), Refusal> {
    for item in &set.node.items {
        let inner = match &item.node {
            Selection::Field(field) => {
                if !seen.insert(&field.node.response_key().node) {
                    let message = "A mutation selects a field twice under one name; give each its own alias.";
                    return Err(Refusal::validation("query", message).at(field.pos));
                }
                continue;
            }
            Selection::InlineFragment(fragment) => &fragment.node.selection_set,
            Selection::FragmentSpread(spread) => match document.fragments.get(&spread.node.fragment_name.node) {
                Some(fragment) => &fragment.node.selection_set,
                None => continue,
            },
        };
        once_each(document, inner, seen)?;
    }
    Ok(())
}

struct Sizes<'a> {
    document: &'a ExecutableDocument,
    limits: &'a Limits,
    known: HashMap<&'a Name, Size>,
    open: HashSet<&'a Name>,
}

impl<'a> Sizes<'a> {
    fn set(&mut self, set: &'a Positioned<SelectionSet>, level: usize) -> Result<Size, Refusal> {
        if level > 2 * LEVELS {
            return Err(Refusal::too_complex("levels of selections and fragments or more", level, LEVELS, "nesting")
                .at(set.pos));
        }
        let mut size = Size::default();
        for item in &set.node.items {
            let mut inner = match &item.node {
                Selection::Field(field) => {
                    let inner = self.set(&field.node.selection_set, level + 1)?;
                    let name = field.node.name.node.as_str();
                    let asks = matches!(name, "__schema" | "__type");
                    if asks && inner.introspection > self.limits.introspection {
                        let (found, limit) = (inner.introspection, self.limits.introspection);
                        return Err(Refusal::too_complex(
                            "lists of the schema's inside each other",
                            found,
                            limit,
                            "introspection",
                        )
                        .at(field.pos));
                    }
                    let lists = matches!(name, "fields" | "inputFields" | "interfaces" | "possibleTypes");
                    Size {
                        // The query that tools read a schema with has its own limit, and is deep.
                        depth: if asks { 1 } else { inner.depth + 1 },
                        aliases: inner.aliases.saturating_add(usize::from(field.node.alias.is_some())),
                        roots: 1,
                        introspection: inner.introspection + usize::from(lists),
                        ..inner
                    }
                }
                Selection::InlineFragment(fragment) => self.set(&fragment.node.selection_set, level + 1)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, level + 1)?,
            };
            inner.fields = inner.fields.saturating_add(1);
            inner.levels += 1;
            size.beside(inner);
        }
        Ok(size)
    }

    fn fragment(&mut self, name: &'a Name, level: usize) -> Result<Size, Refusal> {
        if let Some(size) = self.known.get(name) {
            return Ok(*size);
        }
        // An unknown fragment is validation's to report.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Size::default()) };
        if !self.open.insert(name) {
            return Err(
                Refusal::validation("query", format!("The fragment \"{name}\" spreads itself.")).at(fragment.pos)
            );
        }
        let size = self.set(&fragment.node.selection_set, level)?;
        self.open.remove(name);
        self.known.insert(name, size);
        Ok(size)
    }
}

/// How many fields the largest answer to an operation has.
pub fn cost(
    catalog: &Catalog,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
    limits: &Limits,
) -> u64 {
    let mut walk = Costs { catalog, document, operation, variables, plain: limits.plain_list, known: HashMap::new() };
    let cost = walk.set(&operation.selection_set, catalog.root(operation.ty));
    cost.total(limits.plain_list)
}

/// Fields of an answer: those that are there once, and those for each element of lists whose length is not known yet: a
/// connection's `edges` and `nodes` have the length that the connection was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    once: u64,
    each: u64,
}

impl Cost {
    fn total(self, length: u64) -> u64 {
        self.once.saturating_add(self.each.saturating_mul(length))
    }
}

struct Costs<'a> {
    catalog: &'a Catalog,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    plain: u64,
    known: HashMap<&'a Name, Cost>,
}

impl<'a> Costs<'a> {
    fn set(&mut self, set: &'a Positioned<SelectionSet>, parent: Option<&'a str>) -> Cost {
        let mut cost = Cost::default();
        for item in &set.node.items {
            let inner = match &item.node {
                Selection::Field(field) => self.field(&field.node, parent),
                Selection::InlineFragment(fragment) => {
                    let condition =
                        fragment.node.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
                    self.set(&fragment.node.selection_set, condition.or(parent))
                }
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node),
            };
            cost.once = cost.once.saturating_add(inner.once);
            cost.each = cost.each.saturating_add(inner.each);
        }
        cost
    }

    fn fragment(&mut self, name: &'a Name) -> Cost {
        if let Some(cost) = self.known.get(name) {
            return *cost;
        }
        let cost = self.document.fragments.get(name).map_or_else(
            Cost::default,
            |fragment: &Positioned<FragmentDefinition>| {
                self.set(&fragment.node.selection_set, Some(fragment.node.type_condition.node.on.node.as_str()))
            },
        );
        self.known.insert(name, cost);
        cost
    }

    fn field(&mut self, field: &'a async_graphql::parser::types::Field, parent: Option<&'a str>) -> Cost {
        match field.name.node.as_str() {
            "__schema" => return Cost { once: INTROSPECTION.0, each: 0 },
            "__type" => return Cost { once: INTROSPECTION.1, each: 0 },
            _ => {}
        }
        let known = parent.and_then(|parent| self.catalog.field(parent, &field.name.node));
        let inner = self.set(&field.selection_set, known.map(|field| named(&field.ty)));
        let Some(known) = known else { return Cost { once: inner.total(self.plain).saturating_add(1), each: 0 } };
        let length = self.length(field, known);
        if !known.list {
            return Cost { once: inner.total(length.unwrap_or(self.plain)).saturating_add(known.weight), each: 0 };
        }
        let element = inner.total(self.plain);
        match length {
            Some(length) => Cost { once: element.saturating_mul(length).saturating_add(1), each: 0 },
            None => Cost { once: 1, each: element },
        }
    }

    /// How many elements the arguments ask for.
    fn length(&self, field: &async_graphql::parser::types::Field, known: &Field) -> Option<u64> {
        if known.paged {
            let asked = ["first", "last"].into_iter().filter_map(|name| match self.argument(field, name)? {
                Asked::Number(number) => Some(number),
                Asked::List(_) | Asked::Other => Some(PAGE.0),
            });
            return Some(asked.max().unwrap_or(PAGE.1).min(PAGE.0));
        }
        match self.argument(field, "ids")? {
            Asked::List(length) => Some(length),
            Asked::Number(_) | Asked::Other => Some(1),
        }
    }

    /// What an argument asks for, looked up if it is a variable; nothing if it is left out or null.
    fn argument(&self, field: &async_graphql::parser::types::Field, name: &str) -> Option<Asked> {
        Some(match &field.get_argument(name)?.node {
            InputValue::Variable(variable) => {
                let value = self.variables.get(variable).or_else(|| {
                    let mut definitions = self.operation.variable_definitions.iter();
                    definitions.find(|definition| definition.node.name.node == *variable)?.node.default_value()
                })?;
                match value {
                    Value::Null => return None,
                    Value::Number(number) => Asked::Number(number.as_u64().unwrap_or(PAGE.0)),
                    Value::List(list) => Asked::List(length(list)),
                    _ => Asked::Other,
                }
            }
            InputValue::Null => return None,
            InputValue::Number(number) => Asked::Number(number.as_u64().unwrap_or(PAGE.0)),
            InputValue::List(list) => Asked::List(length(list)),
            _ => Asked::Other,
        })
    }
}

enum Asked {
    Number(u64),
    List(u64),
    Other,
}

fn length<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

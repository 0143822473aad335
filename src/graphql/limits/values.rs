//! Holds values against the schema before anything runs.
//!
//! The library would notice a wrong value only in the middle of execution, when an earlier mutation has run, and its words
//! repeat the value (`Expected input type "String", found {password: …}`). Here a wrong value stops the operation, and
//! the answer names its path and what is allowed there; it never repeats what was sent, not even an unknown key, which
//! might be a secret in the wrong place.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Value, Variables,
    indexmap::IndexMap,
    parser::types::{BaseType, ExecutableDocument, OperationDefinition, Selection, SelectionSet, Type},
};
use async_graphql_value::Value as InputValue;

use super::{
    catalog::{Argument, Catalog, Kind, Plain, ScalarCheck, named},
    rejection::Refusal,
};
use crate::money::Usd;

/// Checks for the scalars that everybody knows; others are added with [`Catalog::with_scalar`].
pub(super) fn scalars() -> HashMap<&'static str, ScalarCheck> {
    let mut checks: HashMap<&'static str, ScalarCheck> = HashMap::new();
    checks.insert(
        "Int",
        |plain| matches!(plain, Plain::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok())),
    );
    checks.insert("Float", |plain| matches!(plain, Plain::Number(_)));
    checks.insert("String", |plain| matches!(plain, Plain::Text(_)));
    checks.insert("Boolean", |plain| matches!(plain, Plain::Bool));
    checks.insert("ID", |plain| match plain {
        Plain::Text(_) => true,
        Plain::Number(number) => number.is_i64() || number.is_u64(),
        _ => false,
    });
    checks.insert(
        "DateTime",
        |plain| matches!(plain, Plain::Text(text) if text.parse::<chrono::DateTime<chrono::Utc>>().is_ok()),
    );
    checks.insert("Decimal", |plain| match plain {
        Plain::Text(text) => text.parse::<Usd>().is_ok(),
        Plain::Number(number) => number.is_i64() || number.is_u64(),
        Plain::Bool | Plain::Other => false,
    });
    checks.insert("BigInt", |plain| match plain {
        Plain::Text(text) => text.parse::<i64>().is_ok(),
        Plain::Number(number) => number.is_i64(),
        Plain::Bool | Plain::Other => false,
    });
    checks.insert("Date", |plain| matches!(plain, Plain::Text(text) if text.parse::<chrono::NaiveDate>().is_ok()));
    checks
}

/// A value of the document or of a variable, seen alike.
enum View<'a, T> {
    Null,
    Plain(Plain<'a>),
    Enum(&'a str),
    List(&'a [T]),
    Object(&'a IndexMap<Name, T>),
    Variable,
}

trait Look: Sized {
    fn look(&self) -> View<'_, Self>;
}

macro_rules! look {
    ($type:ty $(, $variable:pat)?) => {
        impl Look for $type {
            fn look(&self) -> View<'_, Self> {
                match self {
                    Self::Null => View::Null,
                    Self::String(text) => View::Plain(Plain::Text(text)),
                    Self::Number(number) => View::Plain(Plain::Number(number)),
                    Self::Boolean(_) => View::Plain(Plain::Bool),
                    Self::Binary(_) => View::Plain(Plain::Other),
                    Self::Enum(name) => View::Enum(name),
                    Self::List(list) => View::List(list),
                    Self::Object(object) => View::Object(object),
                    $($variable => View::Variable,)?
                }
            }
        }
    };
}
look!(Value);
look!(InputValue, Self::Variable(_));

struct Check<'a> {
    catalog: &'a Catalog,
    path: String,
}

impl Check<'_> {
    fn wrong(&self, what: impl Into<String>) -> Refusal {
        Refusal::validation(self.path.clone(), what)
    }

    fn within<T>(&mut self, step: &str, check: impl FnOnce(&mut Self) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let length = self.path.len();
        self.path.push_str(step);
        let outcome = check(self);
        self.path.truncate(length);
        outcome
    }

    fn value<T: Look>(&mut self, ty: &Type, value: &T) -> Result<(), Refusal> {
        match (value.look(), &ty.base) {
            (View::Variable, _) => Ok(()),
            (View::Null, _) if ty.nullable => Ok(()),
            (View::Null, _) => Err(self.wrong("must not be null")),
            (View::List(list), BaseType::List(inner)) => {
                for (index, element) in list.iter().enumerate() {
                    self.within(&format!(".{index}"), |check| check.value(inner, element))?;
                }
                Ok(())
            }
            // One element where a list is expected is a list of one.
            (_, BaseType::List(inner)) => self.value(inner, value),
            (_, BaseType::Named(name)) => self.named(name, value),
        }
    }

    fn named<T: Look>(&mut self, name: &str, value: &T) -> Result<(), Refusal> {
        match self.catalog.kind(name) {
            Some(Kind::Enum(names)) => match value.look() {
                View::Enum(given) | View::Plain(Plain::Text(given)) if names.iter().any(|name| name == given) => Ok(()),
                _ => Err(self.wrong(format!("must be one of {}", names.join(", ")))),
            },
            Some(Kind::Input(fields)) => match value.look() {
                View::Object(object) => self.object(name, fields, object),
                _ => Err(self.wrong(format!("must be an object of type {name}"))),
            },
            Some(Kind::Scalar) => {
                let plain = match value.look() {
                    View::Plain(plain) => plain,
                    _ => Plain::Other,
                };
                if self.catalog.scalar(name).is_some_and(|check| !check(plain)) {
                    return Err(self.wrong(format!("must be a value of type {name}")));
                }
                self.text(value)
            }
            // Unknown, or no type for a value: validation's to report.
            _ => Ok(()),
        }
    }

    fn object<T: Look>(
        &mut self,
        ty: &str,
        fields: &[(String, Argument)],
        object: &IndexMap<Name, T>,
    ) -> Result<(), Refusal> {
        if object.keys().any(|key| fields.iter().all(|(name, _)| name != key.as_str())) {
            let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
            return Err(self.wrong(format!("has a key that {ty} does not know; it knows {}", names.join(", "))));
        }
        for (name, field) in fields {
            self.within(&format!(".{name}"), |check| match object.get(name.as_str()) {
                Some(value) => check.value(&field.ty, value),
                None if field.ty.nullable || field.has_default => Ok(()),
                None => Err(check.wrong("is required")),
            })?;
        }
        Ok(())
    }

    /// PostgreSQL stores no NUL; refused here, both databases answer alike.
    fn text<T: Look>(&self, value: &T) -> Result<(), Refusal> {
        match value.look() {
            View::Plain(Plain::Text(text)) if text.contains('\0') => {
                Err(self.wrong("must not contain a NUL character"))
            }
            View::List(list) => list.iter().try_for_each(|element| self.text(element)),
            View::Object(object) => {
                if object.keys().any(|key| key.contains('\0')) {
                    return Err(self.wrong("must not contain a NUL character"));
                }
                object.values().try_for_each(|element| self.text(element))
            }
            _ => Ok(()),
        }
    }
}

/// Checks the variables that an operation declares. Others are not looked at, as the specification has it.
pub fn variables(catalog: &Catalog, operation: &OperationDefinition, variables: &Variables) -> Result<(), Refusal> {
    for definition in &operation.variable_definitions {
        let name = &definition.node.name.node;
        let ty = &definition.node.var_type.node;
        let mut check = Check { catalog, path: name.to_string() };
        let outcome = match variables.get(name) {
            Some(value) => check.value(ty, value),
            None => match &definition.node.default_value {
                Some(value) => check.value(ty, &value.node),
                None if ty.nullable => Ok(()),
                None => Err(check.wrong("is required")),
            },
        };
        outcome.map_err(|refusal| refusal.at(definition.pos))?;
    }
    Ok(())
}

/// Checks the values that are written out in a document.
pub fn literals(catalog: &Catalog, document: &ExecutableDocument) -> Result<(), Refusal> {
    for fragment in document.fragments.values() {
        let parent = fragment.node.type_condition.node.on.node.as_str();
        selections(catalog, &fragment.node.selection_set, Some(parent))?;
    }
    for (_, operation) in document.operations.iter() {
        selections(catalog, &operation.node.selection_set, catalog.root(operation.node.ty))?;
    }
    Ok(())
}

fn selections(catalog: &Catalog, set: &Positioned<SelectionSet>, parent: Option<&str>) -> Result<(), Refusal> {
    for item in &set.node.items {
        match &item.node {
            Selection::Field(field) => {
                let known = parent.and_then(|parent| catalog.field(parent, &field.node.name.node));
                for (name, value) in &field.node.arguments {
                    if let Some(argument) = known.and_then(|known| known.arguments.get(name.node.as_str())) {
                        let mut check = Check { catalog, path: name.node.to_string() };
                        check.value(&argument.ty, &value.node).map_err(|refusal| refusal.at(value.pos))?;
                    }
                }
                selections(catalog, &field.node.selection_set, known.map(|known| named(&known.ty)))?;
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
                selections(catalog, &fragment.node.selection_set, condition.or(parent))?;
            }
            Selection::FragmentSpread(_) => {}
        }
    }
    Ok(())
}

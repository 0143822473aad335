//! What of the schema was exercised: asked for and not turned away as a document.

use std::collections::BTreeMap;

use super::{
    document::{Argument, Input},
    schema::{Kind, Schema},
};

/// How often each thing was exercised. Fields are `Type.field`, arguments `Type.field(argument)`, fields of inputs
/// `Input.field`, values of enums `Enum.VALUE`.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    pub counts: BTreeMap<String, usize>,
}

impl Coverage {
    pub fn add(&mut self, what: String) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub fn of(&self, what: &str) -> usize {
        self.counts.get(what).copied().unwrap_or(0)
    }

    pub fn argument(&mut self, on: &str, field: &str, argument: &Argument) {
        self.add(format!("{on}.{field}({})", argument.name));
        self.input(&argument.value);
    }

    pub fn input(&mut self, value: &Input) {
        match value {
            Input::Enum(ty, value) => self.add(format!("{ty}.{value}")),
            Input::List(items) => items.iter().for_each(|item| self.input(item)),
            Input::Object(ty, fields) => {
                for (name, value) in fields {
                    self.add(format!("{ty}.{name}"));
                    self.input(value);
                }
            }
            Input::Null | Input::Bool(_) | Input::Int(_) | Input::Text(_) => {}
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
    }
}

/// Everything there is to exercise.
pub fn everything(schema: &Schema) -> Vec<String> {
    let mut all = Vec::new();
    for (name, kind) in &schema.types {
        match kind {
            Kind::Scalar => {}
            Kind::Enum(values) => all.extend(values.iter().map(|value| format!("{name}.{value}"))),
            Kind::Input(fields) => all.extend(fields.iter().map(|field| format!("{name}.{}", field.name))),
            Kind::Abstract(fields, _) => all.extend(fields.iter().map(|field| format!("{name}.{}", field.name))),
            Kind::Object(fields) => {
                for field in fields {
                    all.push(format!("{name}.{}", field.name));
                    let argument = |of: &super::schema::Argument| format!("{name}.{}({})", field.name, of.name);
                    all.extend(field.arguments.iter().map(argument));
                }
            }
        }
    }
    all
}

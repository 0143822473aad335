//! An operation as a tree that can be printed, and made smaller.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

#[derive(Clone, Debug)]
pub struct Operation {
    /// `query`, `mutation` or `subscription`.
    pub kind: &'static str,
    pub selections: Vec<Selection>,
}

#[derive(Clone, Debug)]
pub enum Selection {
    Field(Field),
    Fragment(Fragment),
}

#[derive(Clone, Debug)]
pub struct Field {
    /// The type that it is a field of.
    pub on: String,
    pub name: String,
    pub alias: Option<String>,
    pub arguments: Vec<Argument>,
    /// The type of what it answers, inside all lists.
    pub ty: String,
    pub selections: Vec<Selection>,
}

#[derive(Clone, Debug)]
pub struct Fragment {
    /// The type that it is for; without it, for whatever type it stands in.
    pub on: Option<String>,
    /// Whether it stands apart, under a name.
    pub named: bool,
    /// Whether it has a directive that lets it in.
    pub included: bool,
    pub selections: Vec<Selection>,
}

#[derive(Clone, Debug)]
pub struct Argument {
    pub name: String,
    /// Its type as the document writes it.
    pub ty: String,
    pub value: Input,
    /// Whether it is sent beside the document.
    pub variable: bool,
}

#[derive(Clone, Debug)]
pub enum Input {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    /// A value of the enum.
    Enum(String, String),
    List(Vec<Input>),
    /// Fields of the input type.
    Object(String, Vec<(String, Input)>),
}

impl Input {
    fn literal(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => write!(out, "{value}").unwrap(),
            Self::Int(value) => write!(out, "{value}").unwrap(),
            Self::Text(text) => out.push_str(&json!(text).to_string()),
            Self::Enum(_, value) => out.push_str(value),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    item.literal(out);
                }
                out.push(']');
            }
            Self::Object(_, fields) => {
                out.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    write!(out, "{name}: ").unwrap();
                    value.literal(out);
                }
                out.push('}');
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Int(value) => json!(value),
            Self::Text(text) | Self::Enum(_, text) => json!(text),
            Self::List(items) => items.iter().map(Self::json).collect(),
            Self::Object(_, fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), value.json())).collect())
            }
        }
    }
}

impl Field {
    /// Under what name it is answered.
    pub fn key(&self) -> &str {
        self.alias.as_ref().unwrap_or(&self.name)
    }
}

/// An operation as it is sent.
#[derive(Clone, Debug)]
pub struct Printed {
    pub document: String,
    pub variables: Value,
}

#[derive(Default)]
struct Printer {
    body: String,
    fragments: Vec<String>,
    declared: Vec<String>,
    variables: Map<String, Value>,
}

impl Operation {
    pub fn print(&self) -> Printed {
        let mut printer = Printer::default();
        printer.selections(&self.selections);
        let declared =
            if printer.declared.is_empty() { String::new() } else { format!("({})", printer.declared.join(", ")) };
        let mut document = format!("{}{declared} {}", self.kind, printer.body);
        for fragment in &printer.fragments {
            document.push_str(fragment);
        }
        Printed { document, variables: Value::Object(printer.variables) }
    }

    /// How many fields it selects.
    pub fn size(&self) -> usize {
        fn size(selections: &[Selection]) -> usize {
            let of = |selection: &Selection| match selection {
                Selection::Field(field) => 1 + size(&field.selections),
                Selection::Fragment(fragment) => size(&fragment.selections),
            };
            selections.iter().map(of).sum()
        }
        size(&self.selections)
    }

    /// The fields of its root.
    pub fn roots(&self) -> impl Iterator<Item = &Field> {
        self.selections.iter().filter_map(|selection| match selection {
            Selection::Field(field) => Some(field),
            Selection::Fragment(_) => None,
        })
    }
}

impl Printer {
    fn selections(&mut self, selections: &[Selection]) {
        self.body.push_str("{ ");
        for selection in selections {
            match selection {
                Selection::Field(field) => self.field(field),
                Selection::Fragment(fragment) => self.fragment(fragment),
            }
        }
        self.body.push_str("} ");
    }

    fn field(&mut self, field: &Field) {
        if let Some(alias) = &field.alias {
            write!(self.body, "{alias}: ").unwrap();
        }
        self.body.push_str(&field.name);
        for (at, argument) in field.arguments.iter().enumerate() {
            self.body.push_str(if at > 0 { ", " } else { "(" });
            write!(self.body, "{}: ", argument.name).unwrap();
            if argument.variable {
                let name = format!("v{}", self.declared.len());
                write!(self.body, "${name}").unwrap();
                self.declared.push(format!("${name}: {}", argument.ty));
                self.variables.insert(name, argument.value.json());
            } else {
                argument.value.literal(&mut self.body);
            }
        }
        self.body.push_str(if field.arguments.is_empty() { " " } else { ") " });
        if !field.selections.is_empty() {
            self.selections(&field.selections);
        }
    }

    fn fragment(&mut self, fragment: &Fragment) {
        let directive = if fragment.included { "@include(if: true) " } else { "" };
        match &fragment.on {
            Some(on) if fragment.named => {
                let outer = std::mem::take(&mut self.body);
                self.selections(&fragment.selections);
                let inner = std::mem::replace(&mut self.body, outer);
                let name = format!("F{}", self.fragments.len());
                self.fragments.push(format!("fragment {name} on {on} {inner}"));
                write!(self.body, "...{name} {directive}").unwrap();
            }
            on => {
                self.body.push_str("... ");
                if let Some(on) = on {
                    write!(self.body, "on {on} ").unwrap();
                }
                self.body.push_str(directive);
                self.selections(&fragment.selections);
            }
        }
    }
}

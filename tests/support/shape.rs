//! The schema as tests read it: every field, every argument, and how to ask for all of a type.

use std::{collections::BTreeMap, fmt::Write as _};

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, InputValueDefinition, Type, TypeKind, TypeSystemDefinition},
};

/// Every type by name.
pub struct Shape {
    pub kinds: BTreeMap<String, Kind>,
}

pub enum Kind {
    Scalar,
    Enum(Vec<String>),
    /// What an object has, or an interface.
    Object(Vec<Field>),
    /// The objects of a union.
    Union(Vec<String>),
    Input(Vec<Argument>),
}

pub struct Field {
    pub name: String,
    pub arguments: Vec<Argument>,
    pub of: String,
    /// The row of the permission table, where the field names one.
    pub permission: Option<String>,
}

pub struct Argument {
    pub name: String,
    /// As it is written: `[ID!]!`.
    pub text: String,
    /// The name of its innermost type.
    pub of: String,
    pub list: bool,
    /// Whether it must be given.
    pub required: bool,
}

fn innermost(of: &Type) -> String {
    match &of.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => innermost(inner),
    }
}

fn argument(of: &InputValueDefinition) -> Argument {
    let kind = &of.ty.node;
    Argument {
        name: of.name.to_string(),
        text: kind.to_string(),
        of: innermost(kind),
        list: matches!(kind.base, BaseType::List(_)),
        required: !kind.nullable && of.default_value.is_none(),
    }
}

impl Shape {
    pub fn new() -> Self {
        let document = parse_schema(palisade::app::plug::sdl()).unwrap();
        let mut kinds = BTreeMap::new();
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let kind = match definition.node.kind {
                TypeKind::Scalar => Kind::Scalar,
                TypeKind::Enum(of) => Kind::Enum(of.values.iter().map(|value| value.node.value.to_string()).collect()),
                TypeKind::Union(of) => Kind::Union(of.members.iter().map(ToString::to_string).collect()),
                TypeKind::InputObject(of) => Kind::Input(of.fields.iter().map(|field| argument(&field.node)).collect()),
                TypeKind::Object(object) => Kind::Object(object.fields.iter().map(|one| field(&one.node)).collect()),
                TypeKind::Interface(of) => Kind::Object(of.fields.iter().map(|one| field(&one.node)).collect()),
            };
            kinds.insert(definition.node.name.to_string(), kind);
        }
        for scalar in ["ID", "String", "Int", "Float", "Boolean"] {
            kinds.insert(scalar.to_owned(), Kind::Scalar);
        }
        Self { kinds }
    }

    pub fn fields(&self, object: &str) -> &[Field] {
        let Kind::Object(fields) = &self.kinds[object] else { panic!("{object} has no fields") };
        fields
    }

    pub fn is_leaf(&self, name: &str) -> bool {
        matches!(self.kinds[name], Kind::Scalar | Kind::Enum(_))
    }

    /// Everything of a type, so many objects deep; nothing where there is no more than objects.
    pub fn selection(&self, of: &str, depth: usize) -> String {
        let mut text = String::new();
        match &self.kinds[of] {
            Kind::Union(members) => {
                for member in members {
                    let _ = write!(text, " ... on {member} {{ __typename {} }}", self.selection(member, depth));
                }
            }
            // Of an interface, the objects that have more than it says.
            Kind::Object(_) if of == "Node" => text.push_str(" id"),
            Kind::Object(fields) => {
                for field in fields {
                    if self.is_leaf(&field.of) {
                        let _ = write!(text, " {}{}", field.name, given(field));
                    } else if depth > 0 {
                        let inner = self.selection(&field.of, depth - 1);
                        if !inner.is_empty() {
                            let _ = write!(text, " {}{} {{{inner} }}", field.name, given(field));
                        }
                    }
                }
            }
            Kind::Scalar | Kind::Enum(_) | Kind::Input(_) => {}
        }
        text
    }
}

fn field(of: &async_graphql::parser::types::FieldDefinition) -> Field {
    let permission = of.directives.iter().find(|directive| directive.node.name.node == "requires");
    Field {
        name: of.name.to_string(),
        arguments: of.arguments.iter().map(|one| argument(&one.node)).collect(),
        of: innermost(&of.ty.node),
        permission: permission.map(|directive| directive.node.get_argument("permission").unwrap().node.to_string()),
    }
}

/// What a field must be given, and short lists.
pub fn given(field: &Field) -> String {
    let mut arguments = Vec::new();
    for argument in &field.arguments {
        match argument.name.as_str() {
            "first" => arguments.push("first: 3".to_owned()),
            // The demo's whole history.
            "from" if argument.required => arguments.push("from: \"2026-10-01T00:00:00Z\"".to_owned()),
            "to" if argument.required => arguments.push("to: \"2026-12-01T00:00:00Z\"".to_owned()),
            _ if argument.required => panic!("{} requires {}: say here what it is given", field.name, argument.name),
            _ => {}
        }
    }
    if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) }
}

//! What the schema says, read from its SDL once at start: types of fields and arguments, and which fields are lists.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, FieldDefinition, InputValueDefinition, OperationType, Type, TypeKind, TypeSystemDefinition},
};

/// The schema's types by name.
#[derive(Debug, Default)]
pub struct Catalog {
    types: HashMap<String, Kind>,
    objects: HashSet<String>,
    query: String,
    mutation: Option<String>,
    subscription: Option<String>,
    scalars: HashMap<&'static str, ScalarCheck>,
}

/// Says whether a text, number or truth value can be a scalar of some type; `None` for what is neither.
pub type ScalarCheck = fn(Plain<'_>) -> bool;

/// A scalar as it was sent.
#[derive(Clone, Copy, Debug)]
pub enum Plain<'a> {
    /// A text.
    Text(&'a str),
    /// A number.
    Number(&'a async_graphql::Number),
    /// True or false.
    Bool,
    /// A list, an object or an enum's value.
    Other,
}

/// What a type is.
#[derive(Debug)]
pub enum Kind {
    /// Text, number or truth value of some form.
    Scalar,
    /// One of these names.
    Enum(Vec<String>),
    /// An argument's object.
    Input(Vec<(String, Argument)>),
    /// Object, interface or union.
    Composite(HashMap<String, Field>),
}

/// An argument, or a field of an input object.
#[derive(Debug)]
pub struct Argument {
    /// Its type.
    pub ty: Type,
    /// Whether it may be left out although it is not nullable.
    pub has_default: bool,
}

/// A field that can be selected.
#[derive(Debug)]
pub struct Field {
    /// Its type.
    pub ty: Type,
    /// Its arguments.
    pub arguments: HashMap<String, Argument>,
    /// Whether it is a list.
    pub list: bool,
    /// Whether it takes `first`, as a connection does.
    pub paged: bool,
    /// How many fields it counts for.
    pub weight: u64,
}

/// Fields that count for more than themselves, with why.
const WEIGHTS: &[(&str, &str, u64)] = &[
    // Half a megabyte each, read from a disk: two dozen in a request of the default limit.
    ("WorkspaceFile", "contents", 2_000),
];

fn weight(ty: &str, field: &str) -> u64 {
    WEIGHTS.iter().find(|(of, name, _)| (*of, *name) == (ty, field)).map_or(1, |(_, _, weight)| *weight)
}

/// The name at the bottom of a type.
pub fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

impl Catalog {
    /// Reads a schema's SDL.
    ///
    /// # Errors
    /// When it cannot be parsed.
    pub fn new(sdl: &str) -> Result<Self, async_graphql::parser::Error> {
        let mut catalog = Self { query: "Query".to_owned(), ..Self::default() };
        for name in ["Int", "Float", "String", "Boolean", "ID"] {
            catalog.types.insert(name.to_owned(), Kind::Scalar);
        }
        catalog.scalars = super::values::scalars();
        let mut implements = Vec::new();
        for definition in parse_schema(sdl)?.definitions {
            match definition {
                TypeSystemDefinition::Schema(schema) => {
                    catalog.query = schema.node.query.map_or(catalog.query, |name| name.node.to_string());
                    catalog.mutation = schema.node.mutation.map(|name| name.node.to_string());
                    catalog.subscription = schema.node.subscription.map(|name| name.node.to_string());
                }
                TypeSystemDefinition::Type(definition) => {
                    let name = definition.node.name.node.to_string();
                    let kind = match definition.node.kind {
                        TypeKind::Scalar => Kind::Scalar,
                        TypeKind::Enum(definition) => Kind::Enum(
                            definition.values.into_iter().map(|value| value.node.value.node.to_string()).collect(),
                        ),
                        TypeKind::InputObject(definition) => {
                            Kind::Input(definition.fields.into_iter().map(|field| argument(field.node)).collect())
                        }
                        TypeKind::Object(definition) => {
                            catalog.objects.insert(name.clone());
                            implements
                                .extend(definition.implements.iter().map(|of| (name.clone(), of.node.to_string())));
                            Kind::Composite(definition.fields.into_iter().map(|each| field(&name, each.node)).collect())
                        }
                        TypeKind::Interface(definition) => {
                            Kind::Composite(definition.fields.into_iter().map(|each| field(&name, each.node)).collect())
                        }
                        TypeKind::Union(_) => Kind::Composite(HashMap::new()),
                    };
                    catalog.types.insert(name, kind);
                }
                TypeSystemDefinition::Directive(_) => {}
            }
        }
        catalog.make_interfaces_strict(&implements);
        Ok(catalog)
    }

    /// A field costs through its interface what it costs on the strictest implementer; the library would count 1.
    fn make_interfaces_strict(&mut self, implements: &[(String, String)]) {
        for (object, interface) in implements {
            let Some(Kind::Composite(fields)) = self.types.get(object) else { continue };
            let strict: Vec<(String, bool, bool, u64)> =
                fields.iter().map(|(name, field)| (name.clone(), field.list, field.paged, field.weight)).collect();
            if let Some(Kind::Composite(fields)) = self.types.get_mut(interface) {
                for (name, list, paged, weight) in strict {
                    if let Some(field) = fields.get_mut(&name) {
                        field.list |= list;
                        field.paged |= paged;
                        field.weight = field.weight.max(weight);
                    }
                }
            }
        }
    }

    /// Checks values of the scalar `name` with `check`, before anything runs.
    #[must_use]
    pub fn with_scalar(mut self, name: &'static str, check: ScalarCheck) -> Self {
        self.scalars.insert(name, check);
        self
    }

    /// A type by name.
    pub fn kind(&self, name: &str) -> Option<&Kind> {
        self.types.get(name)
    }

    /// The check for a scalar's values, if there is one.
    pub fn scalar(&self, name: &str) -> Option<ScalarCheck> {
        self.scalars.get(name).copied()
    }

    /// A field of an object or interface.
    pub fn field(&self, ty: &str, name: &str) -> Option<&Field> {
        match self.types.get(ty)? {
            Kind::Composite(fields) => fields.get(name),
            _ => None,
        }
    }

    /// Whether values of one type may be values of another too. What is not known may be anything.
    pub fn may_overlap(&self, a: Option<&str>, b: Option<&str>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => a == b || !self.objects.contains(a) || !self.objects.contains(b),
            _ => true,
        }
    }

    /// The root type for operations of a kind.
    pub fn root(&self, operation: OperationType) -> Option<&str> {
        match operation {
            OperationType::Query => Some(&self.query),
            OperationType::Mutation => self.mutation.as_deref(),
            OperationType::Subscription => self.subscription.as_deref(),
        }
    }

    /// Names of all types, for tests that go over the schema.
    pub fn names(&self) -> HashSet<&str> {
        self.types.keys().map(String::as_str).collect()
    }
}

fn argument(definition: InputValueDefinition) -> (String, Argument) {
    let has_default = definition.default_value.is_some();
    (definition.name.node.to_string(), Argument { ty: definition.ty.node, has_default })
}

fn field(of: &str, definition: FieldDefinition) -> (String, Field) {
    let arguments: HashMap<_, _> = definition.arguments.into_iter().map(|each| argument(each.node)).collect();
    let ty = definition.ty.node;
    let list = matches!(ty.base, BaseType::List(_));
    let paged = arguments.contains_key("first") || arguments.contains_key("last");
    let name = definition.name.node.to_string();
    let weight = weight(of, &name);
    (name, Field { ty, arguments, list, paged, weight })
}

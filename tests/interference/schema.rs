//! The schema as the generator reads it, from the SDL of the running code: a new field is asked for without anybody
//! saying so here.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, InputValueDefinition, Type, TypeKind, TypeSystemDefinition},
};

pub struct Schema {
    pub types: BTreeMap<String, Kind>,
}

pub enum Kind {
    Scalar,
    Enum(Vec<String>),
    Input(Vec<Argument>),
    Object(Vec<Field>),
    /// An interface or a union: its own fields, and the objects that it can be.
    Abstract(Vec<Field>, Vec<String>),
}

#[derive(Clone)]
pub struct Field {
    pub name: String,
    pub ty: Type,
    pub arguments: Vec<Argument>,
}

#[derive(Clone)]
pub struct Argument {
    pub name: String,
    pub ty: Type,
    /// Whether it must be given.
    pub required: bool,
}

/// The name inside all lists.
pub fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

fn argument(definition: &InputValueDefinition) -> Argument {
    Argument {
        name: definition.name.node.to_string(),
        ty: definition.ty.node.clone(),
        required: !definition.ty.node.nullable && definition.default_value.is_none(),
    }
}

impl Schema {
    pub fn read(sdl: &str) -> Self {
        let mut types: BTreeMap<String, Kind> =
            ["Int", "Float", "String", "Boolean", "ID"].map(|name| (name.to_owned(), Kind::Scalar)).into();
        let mut implementors: Vec<(String, String)> = Vec::new();
        for definition in parse_schema(sdl).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            let fields = |fields: &[async_graphql::Positioned<async_graphql::parser::types::FieldDefinition>]| {
                let field = |field: &async_graphql::Positioned<async_graphql::parser::types::FieldDefinition>| Field {
                    name: field.node.name.node.to_string(),
                    ty: field.node.ty.node.clone(),
                    arguments: field.node.arguments.iter().map(|of| argument(&of.node)).collect(),
                };
                fields.iter().map(field).collect::<Vec<_>>()
            };
            let kind = match &definition.node.kind {
                TypeKind::Scalar => Kind::Scalar,
                TypeKind::Enum(of) => Kind::Enum(of.values.iter().map(|v| v.node.value.node.to_string()).collect()),
                TypeKind::InputObject(of) => Kind::Input(of.fields.iter().map(|field| argument(&field.node)).collect()),
                TypeKind::Object(of) => {
                    implementors.extend(of.implements.iter().map(|of| (of.node.to_string(), name.clone())));
                    Kind::Object(fields(&of.fields))
                }
                TypeKind::Interface(of) => Kind::Abstract(fields(&of.fields), Vec::new()),
                TypeKind::Union(of) => {
                    Kind::Abstract(Vec::new(), of.members.iter().map(|member| member.node.to_string()).collect())
                }
            };
            types.insert(name, kind);
        }
        for (interface, object) in implementors {
            let Some(Kind::Abstract(_, objects)) = types.get_mut(&interface) else { panic!("{interface}") };
            objects.push(object);
        }
        Self { types }
    }

    pub fn kind(&self, name: &str) -> &Kind {
        self.types.get(name).unwrap_or_else(|| panic!("no type {name}"))
    }

    /// Whether it takes a selection of its own.
    pub fn composite(&self, name: &str) -> bool {
        matches!(self.kind(name), Kind::Object(_) | Kind::Abstract(..))
    }

    pub fn fields(&self, name: &str) -> &[Field] {
        match self.kind(name) {
            Kind::Object(fields) | Kind::Abstract(fields, _) => fields,
            _ => panic!("{name} has no fields"),
        }
    }

    pub fn field(&self, name: &str, field: &str) -> Option<&Field> {
        self.fields(name).iter().find(|of| of.name == field)
    }

    /// The objects that a type can be.
    pub fn objects(&self, name: &str) -> Vec<String> {
        match self.kind(name) {
            Kind::Abstract(_, objects) => objects.clone(),
            _ => vec![name.to_owned()],
        }
    }

    /// Interfaces that the object implements.
    pub fn interfaces(&self, object: &str) -> Vec<String> {
        let implements = |kind: &Kind| matches!(kind, Kind::Abstract(fields, of) if !fields.is_empty() && of.iter().any(|o| o == object));
        self.types.iter().filter(|(_, kind)| implements(kind)).map(|(name, _)| name.clone()).collect()
    }

    /// Ways through the schema, as lists of fields that lead to an object, up to so many steps. What a page is made of
    /// is no step.
    pub fn ways(&self, from: &str, steps: usize) -> Vec<Vec<(String, String)>> {
        let mut ways = Vec::new();
        self.walk(from, steps, &mut Vec::new(), &mut ways);
        ways
    }

    fn walk(&self, at: &str, left: usize, way: &mut Vec<(String, String)>, ways: &mut Vec<Vec<(String, String)>>) {
        if !way.is_empty() {
            ways.push(way.clone());
        }
        if left == 0 {
            return;
        }
        for object in self.objects(at) {
            for field in self.fields(&object) {
                let to = self.through(named(&field.ty));
                // What leads back at once says nothing new, and makes the ways ten times as many.
                if self.composite(&to) && !way.iter().any(|(on, name)| *on == object && *name == field.name) {
                    way.push((object.clone(), field.name.clone()));
                    self.walk(&to, left - 1, way, ways);
                    way.pop();
                }
            }
        }
    }

    /// What a page is a page of; any other type is itself.
    pub fn through(&self, name: &str) -> String {
        match self.kind(name) {
            Kind::Object(fields) if name.ends_with("Connection") => {
                named(&fields.iter().find(|field| field.name == "nodes").unwrap().ty).to_owned()
            }
            _ => name.to_owned(),
        }
    }
}

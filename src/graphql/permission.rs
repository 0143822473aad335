//! The permission table's row names as a GraphQL enum, descriptions included, made from the table itself.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, InputType, InputValueError, InputValueResult, Name, OutputType, Positioned, ServerResult,
    Value,
    parser::types::Field,
    registry::{Deprecation, MetaEnumValue, MetaType, MetaTypeId, Registry},
};

use crate::policy::{Permission, RULES};

/// A row of the permission table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PermissionName(pub Permission);

impl From<Permission> for PermissionName {
    fn from(permission: Permission) -> Self {
        Self(permission)
    }
}

fn register(create: impl FnOnce(fn(&mut Registry) -> MetaType) -> String) -> String {
    create(|_| MetaType::Enum {
        name: "Permission".to_owned(),
        description: Some("A row of the permission table: what a viewer may be allowed to do.".to_owned()),
        enum_values: RULES
            .iter()
            .map(|rule| {
                let note = if rule.note.is_empty() { String::new() } else { format!(" {}", rule.note) };
                let name = rule.permission.as_str().to_owned();
                let value = MetaEnumValue {
                    name: name.clone(),
                    description: Some(format!("{}.{note}", rule.action)),
                    deprecation: Deprecation::NoDeprecated,
                    visible: None,
                    inaccessible: false,
                    tags: Vec::new(),
                    directive_invocations: Vec::new(),
                };
                (name, value)
            })
            .collect(),
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: Some(std::any::type_name::<PermissionName>()),
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    })
}

impl InputType for PermissionName {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed("Permission")
    }

    fn create_type_info(registry: &mut Registry) -> String {
        register(|make| registry.create_input_type::<Self, _>(MetaTypeId::Enum, make))
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let word = match &value {
            Some(Value::Enum(name)) => name.as_str(),
            Some(Value::String(text)) => text.as_str(),
            _ => return Err(InputValueError::custom("expected a Permission")),
        };
        let found = Permission::ALL.iter().find(|permission| permission.as_str() == word);
        found.map(|permission| Self(*permission)).ok_or_else(|| InputValueError::custom("expected a Permission"))
    }

    fn to_value(&self) -> Value {
        Value::Enum(Name::new(self.0.as_str()))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

impl OutputType for PermissionName {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed("Permission")
    }

    fn create_type_info(registry: &mut Registry) -> String {
        register(|make| registry.create_output_type::<Self, _>(MetaTypeId::Enum, make))
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::Enum(Name::new(self.0.as_str())))
    }
}

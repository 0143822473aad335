//! The field guard: a confidential value as a GraphQL output.
//!
//! It opens for a viewer that may read content and resolves to null for one that may not, without an error, noting the
//! path for `extensions.redacted`. It notes it also where the stored value is null: the report must not tell.

use std::{borrow::Cow, future::Future};

use async_graphql::{
    ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value, indexmap::IndexMap, parser::types::Field,
    registry::Registry,
};
use entity::confidential::{Confidential, JsonText, Reader};

use super::{
    context::cx_of,
    scalars::{BigInt, Json},
};

/// The key under which async-graphql's feature `raw_value` writes a string out as the JSON that it is.
const RAW_JSON: &str = "$serde_json::private::RawValue";

/// A type of content, and how it is written out.
pub trait Content: Send + Sync {
    /// The GraphQL type, without `!`.
    fn type_name() -> Cow<'static, str>;
    /// Registers the type.
    fn register(registry: &mut Registry);
    /// The value.
    fn to_value(&self) -> Value;
}

impl Content for String {
    fn type_name() -> Cow<'static, str> {
        <Self as OutputType>::type_name()
    }

    fn register(registry: &mut Registry) {
        <Self as OutputType>::create_type_info(registry);
    }

    fn to_value(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Content for i32 {
    fn type_name() -> Cow<'static, str> {
        <Self as OutputType>::type_name()
    }

    fn register(registry: &mut Registry) {
        <Self as OutputType>::create_type_info(registry);
    }

    fn to_value(&self) -> Value {
        Value::from(*self)
    }
}

impl Content for i64 {
    fn type_name() -> Cow<'static, str> {
        <BigInt as OutputType>::type_name()
    }

    fn register(registry: &mut Registry) {
        <BigInt as OutputType>::create_type_info(registry);
    }

    fn to_value(&self) -> Value {
        async_graphql::ScalarType::to_value(&BigInt(*self))
    }
}

impl Content for JsonText {
    fn type_name() -> Cow<'static, str> {
        <Json as OutputType>::type_name()
    }

    fn register(registry: &mut Registry) {
        <Json as OutputType>::create_type_info(registry);
    }

    /// Passed on as text: it was checked when it was stored.
    fn to_value(&self) -> Value {
        let mut raw = IndexMap::new();
        raw.insert(Name::new(RAW_JSON), Value::String(self.as_str().to_owned()));
        Value::Object(raw)
    }
}

/// A confidential value on its way out.
pub struct Redacted<'a, T> {
    value: Held<'a, T>,
    /// Whether this kind of content is for this viewer, of those who may read any.
    entitled: bool,
}

enum Held<'a, T> {
    Row(&'a Confidential<T>),
    Computed(Confidential<T>),
}

impl<'a, T> Redacted<'a, T> {
    /// A value that is no row's, for whoever may read content.
    pub const fn computed(value: Confidential<T>) -> Self {
        Self { value: Held::Computed(value), entitled: true }
    }

    /// For whoever may read content and sees the row.
    pub const fn new(value: &'a Confidential<T>) -> Self {
        Self { value: Held::Row(value), entitled: true }
    }

    /// For some of those only: what the policy table says of the viewer at hand.
    pub const fn only_if(entitled: bool, value: &'a Confidential<T>) -> Self {
        Self { value: Held::Row(value), entitled }
    }
}

impl<T: Content> OutputType for Redacted<'_, T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    /// Nullable whatever the column is: null is how it is withheld.
    fn qualified_type_name() -> String {
        T::type_name().into_owned()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::register(registry);
        T::type_name().into_owned()
    }

    fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> impl Future<Output = ServerResult<Value>> + Send {
        let cx = cx_of(ctx);
        let held = match &self.value {
            Held::Row(value) => *value,
            Held::Computed(value) => value,
        };
        let value = match cx.reader() {
            Some(reader) if self.entitled && reader.opens(held.audience()) => {
                held.open(&reader).map_or(Value::Null, Content::to_value)
            }
            _ => {
                cx.note_redaction(ctx.path_node.as_ref());
                Value::Null
            }
        };
        std::future::ready(Ok(value))
    }
}

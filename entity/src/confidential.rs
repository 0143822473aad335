//! Values that must not get out by accident: [`Confidential`] and [`Secret`].
//!
//! Wall 1. A confidential value cannot be printed, serialised, compared or dereferenced. It opens only against a
//! [`Reader`], a proof that a content-blind viewer cannot obtain, so that showing it to one does not compile.
//!
//! ```compile_fail
//! let prompt = entity::confidential::Confidential::new("be kind".to_owned());
//! println!("{prompt}"); // no Display
//! ```
//! ```compile_fail
//! let prompt = entity::confidential::Confidential::new("be kind".to_owned());
//! let text: &String = &*prompt; // no Deref
//! ```
//! ```compile_fail
//! let prompt = entity::confidential::Confidential::new("be kind".to_owned());
//! fn json<T: serde::Serialize>(_: &T) {}
//! json(&prompt); // no Serialize
//! ```

use std::fmt;

use sea_orm::{
    ActiveValue, ColIdx, DeriveValueType, IntoActiveValue, QueryResult, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};

use crate::table::Audience;

/// Proof that whoever holds it may read content.
///
/// One type implements it, in `palisade::policy`, and only `policy` makes one; `tests/architecture.rs` holds that there is no
/// second implementor.
pub trait Reader {
    /// Whether it opens what is for this audience.
    fn opens(&self, audience: Audience) -> bool;
}

/// A value that a super-admin must never see.
///
/// Holds nothing both where the column is null and where it was not selected: the two must not be told apart.
/// `Into<Value>` (to store it) is called only in `store`.
///
/// It knows for which service accounts it is. A row's reader says so from the row's table; until then it is for none.
#[derive(Clone)]
pub struct Confidential<T> {
    value: Option<T>,
    audience: Audience,
}

impl<T> Confidential<T> {
    /// Seals a value.
    pub const fn new(value: T) -> Self {
        Self::from_option(Some(value))
    }

    /// Seals a value that may be absent.
    pub const fn from_option(value: Option<T>) -> Self {
        Self { value, audience: Audience::Members }
    }

    /// Holds nothing: the column was null, or was not selected for this viewer.
    pub const fn withheld() -> Self {
        Self::from_option(None)
    }

    /// The same, for the service accounts that may read it as well.
    #[must_use]
    pub fn of(self, audience: Audience) -> Self {
        Self { audience, ..self }
    }

    /// For which service accounts it is.
    pub const fn audience(&self) -> Audience {
        self.audience
    }

    /// Opens the value for somebody who may read it.
    pub fn open(&self, proof: &impl Reader) -> Option<&T> {
        self.value.as_ref().filter(|_| proof.opens(self.audience))
    }

    /// Derives another confidential value without opening this one: what is computed from content is content.
    pub fn map<U>(&self, derive: impl FnOnce(&T) -> U) -> Confidential<U> {
        Confidential { value: self.value.as_ref().map(derive), audience: self.audience }
    }
}

impl<T> fmt::Debug for Confidential<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[confidential]")
    }
}

/// Never equal, not even to itself. SeaORM's derived `ActiveModel` demands the trait; a comparison that answered would
/// be an oracle.
impl<T> PartialEq for Confidential<T> {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl<T: Into<Value> + Nullable> From<Confidential<T>> for Value {
    fn from(confidential: Confidential<T>) -> Self {
        confidential.value.map_or_else(T::null, Into::into)
    }
}

impl<T: TryGetable> TryGetable for Confidential<T> {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        Option::<T>::try_get_by(row, index).map(Self::from_option)
    }
}

impl<T: ValueType + Nullable> ValueType for Confidential<T> {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        if value == T::null() { Ok(Self::withheld()) } else { <T as ValueType>::try_from(value).map(Self::new) }
    }

    fn type_name() -> String {
        format!("Confidential<{}>", T::type_name())
    }

    fn array_type() -> ArrayType {
        T::array_type()
    }

    fn column_type() -> ColumnType {
        T::column_type()
    }
}

impl<T: Nullable> Nullable for Confidential<T> {
    fn null() -> Value {
        T::null()
    }
}

impl<T: Into<Value> + Nullable> IntoActiveValue<Confidential<T>> for Confidential<T> {
    fn into_active_value(self) -> ActiveValue<Self> {
        ActiveValue::Set(self)
    }
}

/// A hash, a sealed key, a mail body: read by `identity` alone, shown to nobody.
#[derive(Clone, DeriveValueType)]
pub struct Secret(String);

impl Secret {
    /// Seals a value.
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself, for verifying against it. The name is meant to stand out in a review.
    pub const fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Never equal, for the reason that [`Confidential`] is not.
impl PartialEq for Secret {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

/// JSON as text. It is checked where it comes in and passed on as it is: parsing it again would cost more than the
/// query that read it.
#[derive(Clone, DeriveValueType, PartialEq)]
pub struct JsonText(String);

impl JsonText {
    /// Wraps text that is known to be JSON.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Metadata may hold JSON too, but content may as well: never print it.
impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[json]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidential_value_prints_as_a_label() {
        assert_eq!(format!("{:?}", Confidential::new("be kind".to_owned())), "[confidential]");
        assert_eq!(format!("{:?}", Confidential::<String>::withheld()), "[confidential]");
        assert_eq!(format!("{:?}", Secret::new("hash".to_owned())), "[secret]");
    }

    #[test]
    fn equality_tells_nothing() {
        let value = Confidential::new(1);
        assert!(value != value.clone());
    }
}

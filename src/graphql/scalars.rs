//! Scalars of the contract.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime as Chrono, SecondsFormat, Utc};

/// A moment in UTC, RFC 3339 with microseconds: `2026-11-22T09:30:00.000000Z`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DateTime(pub Chrono<Utc>);

/// A moment in UTC, RFC 3339 with microseconds: `2026-11-22T09:30:00.000000Z`.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = value else {
            return Err(InputValueError::custom("expected an RFC 3339 date and time"));
        };
        // Years that do not fit the databases' range alike are refused here, with everything else that is no time.
        match Chrono::parse_from_rfc3339(&text) {
            Ok(time) if (1970..=9999).contains(&chrono::Datelike::year(&time.naive_utc())) => Ok(Self(time.to_utc())),
            _ => Err(InputValueError::custom("expected an RFC 3339 date and time between the years 1970 and 9999")),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl From<Chrono<Utc>> for DateTime {
    fn from(time: Chrono<Utc>) -> Self {
        Self(time)
    }
}

/// A whole number of 64 bits, written as a text: a client's own numbers may not hold it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BigInt(pub i64);

/// A whole number of 64 bits, written as a text: a client's own numbers may not hold it.
#[Scalar(name = "BigInt")]
impl ScalarType for BigInt {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = match &value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        number.map(Self).ok_or_else(|| InputValueError::custom("expected a whole number of 64 bits"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Any JSON value.
#[derive(Clone, Debug)]
pub struct Json(pub serde_json::Value);

/// Any JSON value.
#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        value.into_json().map(Self).map_err(|_| InputValueError::custom("expected a JSON value"))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or(Value::Null)
    }
}

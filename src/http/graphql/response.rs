//! What goes back: one operation's answer, or a list of them.

use std::{any::Any, collections::BTreeMap};

use async_graphql::{Response as GraphQlResponse, ServerError, Value};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::content_type::Form;
use crate::{error::Error, graphql::limits::Refusal};

/// The answer to one operation.
#[derive(Debug)]
pub struct Answer {
    /// What it asked for; nothing where it was not carried out, and then the answer has no such key.
    pub data: Option<Value>,
    /// What went wrong, each with a code of the contract.
    pub errors: Vec<ServerError>,
    /// What there is to say besides.
    pub extensions: BTreeMap<String, Value>,
    /// The status, where the form shows it.
    pub status: StatusCode,
}

impl Answer {
    /// The answer of an operation that was carried out.
    pub fn executed(response: GraphQlResponse) -> Self {
        Self {
            data: Some(response.data),
            errors: response.errors,
            extensions: response.extensions,
            status: StatusCode::OK,
        }
    }

    /// The answer to a request that was not carried out.
    pub fn refused(status: StatusCode, errors: Vec<ServerError>) -> Self {
        Self { data: None, errors, extensions: BTreeMap::new(), status }
    }

    /// The answer to a request that cannot be read.
    pub fn unreadable(status: StatusCode, field: &str, message: &str) -> Self {
        Self::refused(status, vec![Refusal::validation(field, message).into()])
    }

    /// The code of its first error.
    pub fn code(&self) -> Option<&str> {
        match self.errors.first()?.extensions.as_ref()?.get("code")? {
            Value::String(code) => Some(code),
            _ => None,
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, vec![refusal.into()])
    }
}

/// An error that ends the whole request.
impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Unauthenticated => StatusCode::UNAUTHORIZED,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
            Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let error = async_graphql::Error::from(error);
        let error = ServerError {
            message: error.message,
            source: None,
            locations: Vec::new(),
            path: Vec::new(),
            extensions: error.extensions,
        };
        Self::refused(status, vec![error])
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.errors.is_empty() {
            map.serialize_entry("errors", &self.errors)?;
        }
        if let Some(data) = &self.data {
            map.serialize_entry("data", data)?;
        }
        if !self.extensions.is_empty() {
            map.serialize_entry("extensions", &self.extensions)?;
        }
        map.end()
    }
}

/// Sends one answer.
pub fn single(answer: &Answer, form: Form) -> Response {
    // Plain JSON hides what is wrong with a document behind 200, as its clients expect; what is wrong with the HTTP request,
    // the token or the server it shows.
    let status = match (form, answer.status) {
        (Form::Json, StatusCode::BAD_REQUEST) => StatusCode::OK,
        (_, status) => status,
    };
    send(status, form, serde_json::to_vec(answer))
}

/// Sends one answer with its own status, whatever the form: the HTTP request itself was wrong.
pub fn rejected(answer: &Answer, form: Form) -> Response {
    let mut response = send(answer.status, form, serde_json::to_vec(answer));
    if answer.status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Sends a batch's answers in its order.
pub fn batch(answers: &[Answer], form: Form) -> Response {
    send(StatusCode::OK, form, serde_json::to_vec(answers))
}

fn send(status: StatusCode, form: Form, body: serde_json::Result<Vec<u8>>) -> Response {
    let Ok(body) = body else {
        // Values have text keys only, so that writing them cannot fail.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    headers.insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    response
}

/// Answers for a handler that panicked. The panic's words may hold content: they are neither sent nor logged.
pub fn panicked(_payload: Box<dyn Any + Send + 'static>) -> Response {
    rejected(&Answer::from(Error::internal("a handler panicked; its place is in the log")), Form::Json)
}

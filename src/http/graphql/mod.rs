//! `/graphql`, as the GraphQL-over-HTTP specification has it.
//!
//! What is wrong with the HTTP request is told by its status whatever the form: method 405, media type 415, `Accept` 406,
//! size 413, unreadable JSON 400, token 401. A token that does not hold is never taken for no token: the caller would
//! read the anonymous view and believe that it is signed in. The cause is not told: expired, forged and revoked are one
//! answer.

pub mod content_type;
pub mod engine;
pub mod response;
mod sse;
mod subscription;
pub mod websocket;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use serde::Deserialize;

use self::{content_type::Form, engine::Call, response::Answer};
use super::{client_address::client_address, request_log::Facts, router::Server};
use crate::{error::Error, graphql::limits::Refusal, viewer::Viewer};

/// The parameters of an operation, in a body or (as text) in a query string.
#[derive(Deserialize)]
pub struct Parameters<V, E> {
    query: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<V>,
    extensions: Option<E>,
}

/// The parameters as a JSON body has them.
pub type Json = Parameters<async_graphql::Variables, serde_json::Map<String, serde_json::Value>>;
type Text = Parameters<String, String>;

/// Answers one request.
pub async fn handle(State(server): State<Server>, request: Request) -> Response {
    let form = Form::wanted(request.headers());
    let limit = server.settings.timeout;
    match tokio::time::timeout(limit, Box::pin(respond(&server, request, form))).await {
        Ok(response) => response,
        Err(_) => {
            let answer = Answer::from(Error::Unavailable(format!("a request took longer than {limit:?}")));
            response::rejected(&answer, form.unwrap_or_default())
        }
    }
}

async fn respond(server: &Server, request: Request, form: Option<Form>) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(hub) = server.backend.hub() {
        if websocket::is_asked_for(&parts) {
            return websocket::accept(server, hub, &mut parts).await;
        }
        if content_type::wants_events(&parts.headers) {
            return sse::respond(server, hub, &parts, body).await;
        }
    }
    let Some(form) = form else {
        let message = "The answer is application/graphql-response+json or application/json.";
        return response::rejected(&Answer::unreadable(StatusCode::NOT_ACCEPTABLE, "accept", message), Form::Json);
    };
    if let Err(response) = method(&parts, form) {
        return *response;
    }
    let viewer = match viewer(server, &parts.headers).await {
        Ok(viewer) => viewer,
        Err(error) => return turned_away(error, form),
    };
    let calls = match read(server, &parts, body).await {
        Ok(calls) => calls,
        Err(answer) => return with_facts(response::rejected(&answer, form), Facts::of(&viewer), &[*answer]),
    };
    let client = client_address(&parts.extensions, &parts.headers, server.settings.trusted_proxies);
    let mut budget = server.engine.documents().limits().cost;
    match calls {
        Calls::One(call) => {
            let run = server.engine.run(&*server.backend, &viewer, client, call, &mut budget);
            let (answer, facts) = Box::pin(run).await;
            let mut response = response::single(&answer, form);
            if answer.status == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            with_facts(response, facts, &[answer])
        }
        Calls::Batch(calls) => {
            let mut all = Facts::of(&viewer);
            let mut answers = Vec::with_capacity(calls.len());
            // One after the other: a later mutation may build on an earlier one.
            for call in calls {
                let run = server.engine.run(&*server.backend, &viewer, client, call, &mut budget);
                let (answer, facts) = Box::pin(run).await;
                all.statements += facts.statements;
                all.operation = all.operation.or(facts.operation);
                all.document = all.document.or(facts.document);
                answers.push(answer);
            }
            all.operations = answers.len();
            with_facts(response::batch(&answers, form), all, &answers)
        }
    }
}

pub(super) fn with_facts(mut response: Response, mut facts: Facts, answers: &[Answer]) -> Response {
    facts.code = answers.iter().find_map(Answer::code).map(str::to_owned);
    response.extensions_mut().insert(facts);
    response
}

/// Only POST with JSON, and GET. A browser sends neither JSON nor a token to another origin without asking first.
pub(super) fn method(parts: &Parts, form: Form) -> Result<(), Box<Response>> {
    let (status, field, message) = match parts.method {
        Method::GET => return Ok(()),
        Method::POST if content_type::is_json(&parts.headers) => return Ok(()),
        Method::POST => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", "The body must be application/json in UTF-8.")
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, "method", "GraphQL is spoken by POST and GET."),
    };
    let mut response = response::rejected(&Answer::unreadable(status, field, message), form);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    }
    Err(response.into())
}

/// The values of all `Authorization` headers.
pub(super) fn authorization(headers: &HeaderMap) -> Result<Vec<&str>, Error> {
    let values: Result<_, _> = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::to_str).collect();
    values.map_err(|_| Error::Unauthenticated)
}

pub(super) async fn viewer(server: &Server, headers: &HeaderMap) -> Result<Viewer, Error> {
    server.backend.authenticate(&authorization(headers)?).await
}

pub(super) fn turned_away(error: Error, form: Form) -> Response {
    let wait = match error {
        Error::RateLimited { retry_after } => Some(retry_after),
        _ => None,
    };
    let answer = Answer::from(error);
    let mut response = response::rejected(&answer, form);
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    with_facts(response, Facts { viewer: Some("refused"), ..Facts::default() }, &[answer])
}

pub(super) enum Calls {
    One(Call),
    Batch(Vec<Call>),
}

pub(super) async fn read(server: &Server, parts: &Parts, body: Body) -> Result<Calls, Box<Answer>> {
    if parts.method == Method::GET {
        return from_query(parts).map(Calls::One);
    }
    let body = to_bytes(body, server.settings.body_limit).await.map_err(|error| too_large(&error, server))?;
    from_body(&body, server)
}

fn too_large(error: &(dyn std::error::Error + 'static), server: &Server) -> Box<Answer> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    if causes.any(|cause| cause.is::<http_body_util::LengthLimitError>()) {
        let limit = server.settings.body_limit;
        let message = format!("The body is longer than {limit} bytes (http.body_limit).");
        return Box::new(Answer::refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            vec![Refusal { code: "QUERY_TOO_COMPLEX", field: None, message, locations: Vec::new() }.into()],
        ));
    }
    bad("body", "The body could not be read to its end.")
}

pub(super) fn bad(field: &str, message: &str) -> Box<Answer> {
    Box::new(Answer::unreadable(StatusCode::BAD_REQUEST, field, message))
}

fn from_query(parts: &Parts) -> Result<Call, Box<Answer>> {
    let Query(text) = Query::<Text>::try_from_uri(&parts.uri)
        .map_err(|_| bad("query", "The query string must be form-encoded, each parameter once."))?;
    let variables = text.variables.filter(|text| !text.trim().is_empty());
    let variables = variables.map(|text| serde_json::from_str(&text)).transpose();
    let extensions = text.extensions.filter(|text| !text.trim().is_empty());
    let extensions = extensions.map(|text| serde_json::from_str(&text)).transpose();
    call(Parameters {
        query: text.query,
        operation_name: text.operation_name,
        variables: variables.map_err(|_| bad("variables", "must be a JSON object"))?,
        extensions: extensions.map_err(|_| bad("extensions", "must be a JSON object"))?,
    })
    .map(|call| Call { read_only: true, ..call })
}

fn from_body(body: &Bytes, server: &Server) -> Result<Calls, Box<Answer>> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
        return call(serde_json::from_slice(body).map_err(|_| unreadable(body))?).map(Calls::One);
    }
    let batch: Vec<Json> = serde_json::from_slice(body).map_err(|_| unreadable(body))?;
    let limit = server.engine.documents().limits().batch;
    if batch.is_empty() {
        return Err(bad("body", "A batch holds at least one operation."));
    }
    if batch.len() > limit {
        return Err(Answer::from(Refusal::too_complex("operations", batch.len(), limit, "batch")).into());
    }
    batch.into_iter().map(call).collect::<Result<_, _>>().map(Calls::Batch)
}

pub(super) fn call(parameters: Json) -> Result<Call, Box<Answer>> {
    let persisted = parameters.extensions.is_some_and(|extensions| extensions.contains_key("persistedQuery"));
    let query = match parameters.query {
        Some(query) => query,
        // The words that make clients send the whole document instead.
        None if persisted => return Err(bad("extensions.persistedQuery", "PersistedQueryNotSupported")),
        None => return Err(bad("query", "is required")),
    };
    let variables = parameters.variables.unwrap_or_default();
    Ok(Call { query, operation_name: parameters.operation_name, variables, read_only: false })
}

/// Says which part of a body is wrong. The parser's own words would repeat it.
fn unreadable(body: &Bytes) -> Box<Answer> {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return bad("body", "The body is not JSON.");
    };
    let operations = match &value {
        serde_json::Value::Array(operations) => operations.as_slice(),
        other => std::slice::from_ref(other),
    };
    for operation in operations {
        let Some(object) = operation.as_object() else {
            return bad("body", "The body must be an object, or a list of objects.");
        };
        for (name, value) in object {
            let problem = match name.as_str() {
                "query" | "operationName" if !value.is_string() && !value.is_null() => "must be a string",
                "variables" | "extensions" if !value.is_object() && !value.is_null() => "must be a JSON object",
                _ => continue,
            };
            return bad(name, problem);
        }
    }
    bad("body", "The body has a key twice.")
}

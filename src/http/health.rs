//! The small pages: health, keys, and who can log in to the demo.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{
    graphql::{
        content_type::Form,
        response::{self, Answer},
    },
    router::Server,
};

/// The process lives. It asks nobody: a database that is down is no reason to restart the server.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether requests should be sent here: the database answers and is migrated. Says which holds, not why not.
pub async fn readyz(State(server): State<Server>) -> Response {
    let checks = server.backend.ready().await;
    let ready = checks.iter().all(|(_, holds)| *holds);
    let checks: serde_json::Map<_, _> =
        checks.into_iter().map(|(name, holds)| (name.to_owned(), json!(holds))).collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "checks": checks }))).into_response()
}

/// Keys that tokens are checked with.
pub async fn jwks(State(server): State<Server>) -> Response {
    match server.backend.jwks().await {
        Ok(keys) => {
            let mut response = Json(keys).into_response();
            // Short, so that a new key is known before its first token is refused.
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
            response
        }
        Err(error) => response::rejected(&Answer::from(error), Form::Json),
    }
}

/// Who can log in to the demo; elsewhere there is no such page.
pub async fn demo_logins(State(server): State<Server>) -> Response {
    server
        .backend
        .demo_logins()
        .map_or_else(|| StatusCode::NOT_FOUND.into_response(), |logins| Json(logins).into_response())
}

/// No such page.
pub async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "not found\n")
}

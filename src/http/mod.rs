//! The HTTP door.
//!
//! | path | what |
//! |---|---|
//! | `/graphql` | GraphQL over HTTP: POST with JSON, GET for queries ([`graphql`]); as server-sent events ([`sse`]); over a WebSocket ([`websocket`]) |
//! | `/graphiql/` | the explorer, embedded ([`graphiql`]); `/` leads there |
//! | `/audit/export` | an organisation's log as NDJSON ([`audit_export`]) |
//! | `/healthz`, `/readyz` | the process lives; the database answers and is migrated ([`pages`]) |
//! | `/.well-known/jwks.json` | keys that tokens are checked with |
//! | `/demo/logins.json` | who can log in, in the demo only |
//! | `/dev/mailbox` | mail that was sent into a folder, on a developer's machine and in the demo only ([`mailbox`]) |
//!
//! async-graphql-axum's extractor is not used: it runs a mutation sent by GET, as text, form or multipart, reads batches of
//! any length, and its response always has `data` and the status 200. What this room needs of the rest it asks of one
//! trait, [`Backend`], so that its tests bring a small schema and `app` the real one.
//!
//! One line is logged per request ([`request_log`]): never variables, documents, tokens, addresses or query strings.

pub mod answer;
pub mod audit_export;
pub mod backend;
pub mod client;
pub mod engine;
pub mod following;
pub mod graphiql;
pub mod graphql;
pub mod headers;
pub mod mailbox;
pub mod negotiate;
pub mod origin;
pub mod pages;
pub mod request_log;
pub mod sse;
pub mod websocket;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware,
    response::Redirect,
    routing::{any, get},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
};

pub use answer::Answer;
pub use backend::{Backend, Opened, Report};
pub use client::ClientAddress;
pub use engine::{Call, Engine};

use crate::config::Http;

/// What the handlers share.
#[derive(Clone)]
pub struct Server {
    engine: Arc<Engine>,
    backend: Arc<dyn Backend>,
    settings: Arc<Http>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Every route, with what stands before all of them.
pub fn router(engine: Arc<Engine>, backend: Arc<dyn Backend>, settings: Http) -> Router {
    let cors = cors(&settings);
    let server = Server { engine, backend, settings: Arc::new(settings) };
    let mut graphql = Router::new().route("/graphql", any(graphql::handle));
    if let Some(cors) = cors {
        graphql = graphql.layer(cors);
    }
    let explorer = Router::new()
        .route("/graphiql", get(|| async { Redirect::permanent("/graphiql/") }))
        .route("/graphiql/", get(graphiql::index))
        .route("/graphiql/{*path}", get(graphiql::asset))
        // The explorer alone: an answer that holds secrets beside what a caller sent must not tell by its length.
        .layer(CompressionLayer::new().gzip(true));
    Router::new()
        .merge(graphql)
        .merge(explorer)
        .route("/", get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/graphiql/")]) }))
        .route("/healthz", get(pages::healthz))
        .route("/readyz", get(pages::readyz))
        .route("/.well-known/jwks.json", get(pages::jwks))
        .route("/audit/export", get(audit_export::handle))
        .route("/demo/logins.json", get(pages::demo_logins))
        .route("/dev/mailbox", get(mailbox::page))
        .fallback(pages::not_found)
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(middleware::from_fn_with_state(server.clone(), headers::add))
        .layer(middleware::from_fn(request_log::log))
        .with_state(server)
}

/// Lets browsers call from the listed origins, with a token but without cookies.
fn cors(settings: &Http) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> =
        settings.allowed_origins.iter().filter_map(|origin| origin.trim_end_matches('/').parse().ok()).collect();
    if origins.is_empty() {
        return None;
    }
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::ACCEPT,
                HeaderName::from_static("last-event-id"),
            ])
            .max_age(std::time::Duration::from_secs(600)),
    )
}

//! Every route, with the layers in front of all of them.

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

use super::{
    audit_export,
    backend::Backend,
    dev_mailbox, forward_auth, graphiql,
    graphql::{self, engine::Engine, response},
    health, request_log, security_headers,
};
use crate::config::Http;

/// What the handlers share.
#[derive(Clone)]
pub struct Server {
    pub(super) engine: Arc<Engine>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) settings: Arc<Http>,
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
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/.well-known/jwks.json", get(health::jwks))
        .route("/auth/verify", any(forward_auth::verify))
        .route("/auth/verify/", any(forward_auth::verify))
        .route("/auth/verify/{*path}", any(forward_auth::verify))
        .route("/audit/export", get(audit_export::handle))
        .route("/demo/logins.json", get(health::demo_logins))
        .route("/dev/mailbox", get(dev_mailbox::page))
        .fallback(health::not_found)
        .layer(CatchPanicLayer::custom(response::panicked))
        .layer(middleware::from_fn_with_state(server.clone(), security_headers::add))
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

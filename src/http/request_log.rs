//! One structured line per request, and one per stream when it ends.
//!
//! It says who (kind of viewer and organisation, no user, no address), what (operation's name, document's hash) and how it
//! went. A path is the route's pattern, since a path or a query string may hold content.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use entity::ids::{OrgId, TypedId as _};

use crate::{graphql::limits::Document, viewer::Viewer};

/// What a handler knows of its request, left in the response's extensions.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The operation's name.
    pub operation: Option<String>,
    /// The first digits of the document's SHA-256.
    pub document: Option<String>,
    /// What kind of viewer.
    pub viewer: Option<&'static str>,
    /// Whose data.
    pub organization: Option<OrgId>,
    /// How many statements the database ran.
    pub statements: u64,
    /// Operations in the batch.
    pub operations: usize,
    /// The first error's code.
    pub code: Option<String>,
}

impl Facts {
    /// What there is to say of the viewer.
    pub fn of(viewer: &Viewer) -> Self {
        let kind = match viewer {
            Viewer::Anonymous => "anonymous",
            Viewer::Unaffiliated(_) => "unaffiliated",
            Viewer::Tenant(_) => "tenant",
            Viewer::ServiceAccount(_) => "service_account",
            Viewer::SuperAdmin(_) => "super_admin",
        };
        Self { viewer: Some(kind), organization: viewer.org_id(), ..Self::default() }
    }

    /// With the document that ran.
    pub fn ran(&mut self, document: &Document) {
        self.operation.clone_from(&document.operation_name);
        self.document = Some(document.short_hash());
    }

    /// A client chooses the name, and so its length.
    fn short_operation(&self) -> Option<&str> {
        self.operation.as_deref().map(|name| name.get(..64).unwrap_or(name))
    }

    /// Logs an operation that did not end with its request, or had none of its own.
    pub fn log_stream(&self, transport: &'static str, events: u64, began: Instant) {
        tracing::info!(
            target: "palisade::stream",
            transport,
            operation = self.short_operation(),
            document = self.document,
            code = self.code,
            viewer = self.viewer,
            org = self.organization.map(|org| tracing::field::display(org.uuid())),
            statements = self.statements,
            events,
            millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "stream"
        );
    }
}

/// Logs a request when it is answered.
pub async fn log(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let path = path.as_ref().map_or("-", MatchedPath::as_str);
    let mut response = next.run(request).await;
    let facts = response.extensions_mut().remove::<Facts>().unwrap_or_default();
    tracing::info!(
        target: "palisade::request",
        method = method.as_str(),
        path,
        status = response.status().as_u16(),
        operation = facts.short_operation(),
        document = facts.document,
        operations = (facts.operations > 1).then_some(facts.operations),
        code = facts.code,
        viewer = facts.viewer,
        org = facts.organization.map(|org| tracing::field::display(org.uuid())),
        statements = facts.viewer.map(|_| facts.statements),
        micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
        "request"
    );
    response
}

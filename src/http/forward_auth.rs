//! `/auth/verify`: who asks, for a proxy that stands before other services.
//!
//! nginx (`auth_request`), Envoy (`ext_authz`) and Traefik (`forwardAuth`) send the caller's headers here first and act on
//! the status:
//!
//! | status | who |
//! |---|---|
//! | 200 | a member of an organisation, a service account, or a super-admin, under the rows as they are now |
//! | 403 | somebody who is signed in but may use nothing here: in no organisation, or by a token whose scopes leave nothing |
//! | 401 | nobody, or a token that does not hold, whatever the cause |
//! | 503 | the database, or an issuer whose keys are needed, does not answer: the proxy refuses |
//!
//! Every answer has **all** of [`CONTEXT`], empty where there is nothing to say, so that a proxy that copies them also
//! overwrites what a caller wrote there itself. Nothing but `Authorization` is read of a request: not the context headers,
//! not the path, not the method, not the body.

use std::collections::BTreeSet;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use entity::{
    enums::{OrgRole, ServiceScope},
    ids::TeamId,
};

use super::{
    graphql::{response::Answer, viewer},
    request_log::Facts,
    router::Server,
};
use crate::{
    error::{Error, Result},
    policy::markdown::scope,
    viewer::{Account, Viewer},
};

/// What a service behind the proxy is told.
pub const CONTEXT: [HeaderName; 7] = [USER, ORG, ROLE, TEAMS, SUPER_ADMIN, KIND, SCOPES];

const USER: HeaderName = HeaderName::from_static("x-user-id");
const ORG: HeaderName = HeaderName::from_static("x-org-id");
const ROLE: HeaderName = HeaderName::from_static("x-org-role");
const TEAMS: HeaderName = HeaderName::from_static("x-team-ids");
const SUPER_ADMIN: HeaderName = HeaderName::from_static("x-is-super-admin");
const KIND: HeaderName = HeaderName::from_static("x-principal-kind");
const SCOPES: HeaderName = HeaderName::from_static("x-scopes");

/// Answers one question.
pub async fn verify(State(server): State<Server>, request: Request) -> Response {
    let limit = server.settings.timeout;
    let asked = tokio::time::timeout(limit, viewer(&server, request.headers())).await;
    let asked = asked.unwrap_or_else(|_| Err(Error::Unavailable(format!("a token took longer than {limit:?}"))));
    answer(asked)
}

fn answer(asked: Result<Viewer>) -> Response {
    let viewer = match asked {
        Ok(viewer) => viewer,
        Err(error) => return refused(error),
    };
    let facts = Facts::of(&viewer);
    let (status, context) = match &viewer {
        Viewer::Anonymous => return refused(Error::Unauthenticated),
        Viewer::Unaffiliated(account) => (StatusCode::FORBIDDEN, Context::of(account)),
        Viewer::SuperAdmin(account) => (StatusCode::OK, Context { super_admin: "true", ..Context::of(account) }),
        Viewer::ServiceAccount(key) => {
            let context = Context {
                org: key.org_id.to_string(),
                super_admin: "false",
                kind: "service_account",
                scopes: words(&key.scopes),
                ..Context::default()
            };
            (StatusCode::OK, context)
        }
        Viewer::Tenant(tenant) => {
            let account = &tenant.account;
            // Empty scopes would read as a token without limits.
            let left = account.scopes().is_none_or(|scopes| !scopes.is_empty());
            let context = Context {
                org: tenant.org_id.to_string(),
                role: match tenant.org_role {
                    OrgRole::Admin => "admin",
                    OrgRole::Member => "member",
                },
                teams: tenant.teams.keys().map(TeamId::to_string).collect::<Vec<_>>().join(","),
                ..Context::of(account)
            };
            (if left { StatusCode::OK } else { StatusCode::FORBIDDEN }, context)
        }
    };
    respond(status, &context, facts)
}

/// Nobody, as far as a service behind the proxy is told.
fn refused(error: Error) -> Response {
    let code = error.code();
    let wait = match error {
        Error::RateLimited { retry_after } => Some(retry_after),
        _ => None,
    };
    // Tells the log the cause; of the answer only the status is used.
    let status = Answer::from(error).status;
    let facts = Facts { viewer: Some("refused"), code: Some(code.to_owned()), ..Facts::default() };
    let mut response = respond(status, &Context::default(), facts);
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}

#[derive(Default)]
struct Context {
    user: String,
    org: String,
    role: &'static str,
    teams: String,
    super_admin: &'static str,
    kind: &'static str,
    scopes: String,
}

impl Context {
    fn of(account: &Account) -> Self {
        Self {
            user: account.user_id.to_string(),
            super_admin: "false",
            kind: "user",
            scopes: account.scopes().map(words).unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// Scopes as OAuth writes them.
fn words(scopes: &BTreeSet<ServiceScope>) -> String {
    scopes.iter().map(|one| scope(*one)).collect::<Vec<_>>().join(" ")
}

fn respond(status: StatusCode, context: &Context, facts: Facts) -> Response {
    let values = [
        context.user.as_str(),
        &context.org,
        context.role,
        &context.teams,
        context.super_admin,
        context.kind,
        &context.scopes,
    ];
    let mut response = status.into_response();
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in CONTEXT.into_iter().zip(values) {
        let Ok(value) = HeaderValue::from_str(value) else {
            // A context that is not whole is none.
            return refused(Error::internal("a context that no header can hold"));
        };
        headers.insert(name, value);
    }
    response.extensions_mut().insert(facts);
    response
}

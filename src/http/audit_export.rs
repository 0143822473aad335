//! `GET /audit/export`: an organisation's log as NDJSON, one event a line, oldest first.
//!
//! Query parameters: `organizationId` (required of super-admins), `types` (separated by commas), `actorId`, `subjectId`,
//! `from` and `to` (RFC 3339). The answer is sent piece by piece, and the caller is looked at anew before each: whoever
//! loses the right meanwhile gets no more. An export that breaks off is cut in the middle of its transfer, so that a
//! client sees that it is not whole.

use axum::{
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use entity::ids::{IdError, OrgId, UserId};
use futures_util::stream;
use serde::Deserialize;

use super::{
    graphql::{
        content_type::Form,
        response::{self, Answer},
    },
    request_log::Facts,
    router::Server,
};
use crate::{
    error::{Error, Result},
    store::read::event::EventFilter,
};

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Parameters {
    organization_id: Option<String>,
    types: Option<String>,
    actor_id: Option<String>,
    subject_id: Option<String>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

/// Which part of which log.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Whose log; the viewer's own without it.
    pub organization: Option<OrgId>,
    /// Which events.
    pub filter: EventFilter,
}

impl Parameters {
    fn parse(self) -> Result<Wanted> {
        let id = |field, error: IdError| Error::validation(field, error.to_string());
        let organization = self.organization_id.as_deref().map(str::parse::<OrgId>).transpose();
        let actor = self.actor_id.as_deref().map(str::parse::<UserId>).transpose();
        Ok(Wanted {
            organization: organization.map_err(|error| id("organizationId", error))?,
            filter: EventFilter {
                kinds: self.types.map(|types| types.split(',').map(str::to_owned).collect()),
                actor: actor.map_err(|error| id("actorId", error))?,
                subject_id: self.subject_id,
                from: self.from,
                to: self.to,
                ..EventFilter::default()
            },
        })
    }
}

/// Begins an export.
pub async fn handle(
    State(server): State<Server>,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Ok(Query(parameters)) = parameters else {
        let message = "A parameter is unknown or is not written as it should be.";
        let answer = Answer::unreadable(axum::http::StatusCode::BAD_REQUEST, "query", message);
        return response::rejected(&answer, Form::Json);
    };
    let begun = async {
        let wanted = parameters.parse()?;
        let viewer = super::graphql::viewer(&server, &headers).await?;
        let facts = Facts::of(&viewer);
        Ok::<_, Error>((server.backend.export_audit(&viewer, &wanted, 0).await?, wanted, facts))
    };
    let (piece, wanted, facts) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return response::rejected(&Answer::from(error), Form::Json),
    };
    let first = Bytes::from(piece.lines);
    let rest = stream::unfold((piece.next, server, headers, wanted), |(next, server, headers, wanted)| async move {
        let after = next?;
        let piece = async {
            let viewer = super::graphql::viewer(&server, &headers).await?;
            server.backend.export_audit(&viewer, &wanted, after).await
        };
        match piece.await {
            Ok(piece) => Some((Ok(Bytes::from(piece.lines)), (piece.next, server, headers, wanted))),
            Err(error) => {
                tracing::warn!(code = error.code(), "an export of the audit log broke off");
                Some((Err(std::io::Error::other("the export broke off")), (None, server, headers, wanted)))
            }
        }
    });
    let first = stream::once(async move { Ok(first) });
    let mut response = Body::from_stream(futures_util::StreamExt::chain(first, rest)).into_response();
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let name = HeaderValue::from_static("attachment; filename=\"audit.ndjson\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response.extensions_mut().insert(facts);
    response
}

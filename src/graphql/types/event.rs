//! The audit log.

use async_graphql::{Context, ID, InputObject, Object};
use entity::confidential::JsonText;

use super::{
    organization::{Organization, organization},
    service_account::{ServiceAccount, service_account},
    user::{User, user},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::ActorName,
        connection::{connection, gid, parse_optional_id},
        context::cx,
        directives::confidential,
        redaction::Redacted,
        scalars::DateTime,
    },
    store::read::event::{EventFilter, EventRow},
    viewer::TenantViewer,
};

/// Something that happened in an organisation.
pub struct Event(pub EventRow);

/// Something that happened in an organisation.
#[Object]
impl Event {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// Position in the organisation's log, from 1 without gaps: a decimal number that may outgrow `Int`. Org admins' and
    /// super-admins', null for others: it tells how much happens that they do not see.
    async fn sequence(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let viewer = &cx(ctx).viewer;
        match viewer.is_super_admin() || viewer.tenant().is_some_and(TenantViewer::is_org_admin) {
            true => Ok(Some(self.0.sequence.get()?.to_string())),
            false => Ok(None),
        }
    }

    /// What happened, `noun.verb`.
    #[graphql(name = "type")]
    async fn kind(&self) -> Result<&str> {
        Ok(self.0.kind.get()?)
    }

    /// Who did it; null where the platform itself or a service account did, and for a super-admin, who is nobody's member: see `actorName`.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        user(ctx, self.0.actor_user_id).await
    }

    /// Id of who did it, super-admins included.
    async fn actor_id(&self) -> Option<ID> {
        self.0.actor_user_id.map(gid)
    }

    /// Name of who did it, super-admins included.
    async fn actor_name(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let (Some(id), cx) = (self.0.actor_user_id, cx(ctx)) else { return Ok(None) };
        cx.loaders.load(&cx.store, ActorName {}, id).await
    }

    /// The service account that did it.
    async fn service_account(&self, ctx: &Context<'_>) -> Result<Option<ServiceAccount>> {
        service_account(ctx, self.0.actor_service_account_id).await
    }

    /// The organisation.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        organization(ctx, self.0.org_id).await.map(Some)
    }

    /// What it happened to.
    async fn subject_id(&self) -> Result<Option<ID>> {
        Ok(self.0.subject_id.get()?.clone().map(ID))
    }

    /// Details.
    #[graphql(directive = confidential::apply())]
    async fn payload(&self) -> Redacted<'_, JsonText> {
        Redacted::new(&self.0.payload)
    }

    /// When it happened.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }
}

connection!(EventConnection, EventEdge, Event, "event", "events");

/// Narrows the audit log.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "AuditFilter")]
pub struct AuditFilterInput {
    /// The organisation whose log is read: required of super-admins, one's own otherwise.
    pub organization_id: Option<ID>,
    /// Only events of these types.
    pub types: Option<Vec<String>>,
    /// Only what this user did.
    pub actor_id: Option<ID>,
    /// Only what happened to this object.
    pub subject_id: Option<ID>,
    /// Only events at this time or later.
    pub from: Option<DateTime>,
    /// Only events before this time.
    pub to: Option<DateTime>,
}

impl AuditFilterInput {
    /// Checks the ids and the range.
    pub fn parse(self) -> Result<EventFilter> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from.0 > to.0
        {
            return Err(Error::validation("filter.to", "`to` is before `from`."));
        }
        Ok(EventFilter {
            organization_id: parse_optional_id("filter.organizationId", self.organization_id.as_ref())?,
            kinds: self.types,
            actor: parse_optional_id("filter.actorId", self.actor_id.as_ref())?,
            subject_id: self.subject_id.map(|id| id.0),
            from: self.from.map(|time| time.0),
            to: self.to.map(|time| time.0),
        })
    }
}

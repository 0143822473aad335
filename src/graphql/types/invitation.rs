//! Invitations. Their token is in the mail and nowhere else.

use async_graphql::{Context, ID, InputObject, Object};

use super::{
    organization::{Organization, organization},
    user::{User, user},
};
use crate::{
    error::Result,
    graphql::{
        connection::{connection, gid},
        enums::{InvitationStatus, OrgRole, stored},
        scalars::DateTime,
    },
    store::read::invitation::{InvitationFilter, InvitationRow},
};

/// An offer of membership sent by mail.
pub struct Invitation(pub InvitationRow);

/// An offer of membership sent by mail.
#[Object]
impl Invitation {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// The organisation that it is for.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        organization(ctx, self.0.org_id).await
    }

    /// Where it was sent.
    async fn email(&self) -> Result<&str> {
        Ok(self.0.email.get()?)
    }

    /// The role on offer.
    async fn role(&self) -> Result<OrgRole> {
        Ok((*self.0.role.get()?).into())
    }

    /// Where it stands. One that waits and has expired cannot be accepted any more.
    async fn status(&self) -> Result<InvitationStatus> {
        Ok((*self.0.status.get()?).into())
    }

    /// Who invites; null where that is a super-admin, for the organisation's members, or the command line.
    async fn invited_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        user(ctx, self.0.invited_by).await
    }

    /// When it was sent.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// After this it cannot be accepted.
    async fn expires_at(&self) -> Result<DateTime> {
        Ok((*self.0.expires_at.get()?).into())
    }

    /// When it was accepted.
    async fn accepted_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.accepted_at.get()?.map(Into::into))
    }
}

connection!(InvitationConnection, InvitationEdge, Invitation, "invitation", "invitations");

/// Narrows a list of invitations.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "InvitationFilter")]
pub struct InvitationFilterInput {
    /// Only invitations in one of these states.
    pub status: Option<Vec<InvitationStatus>>,
}

impl InvitationFilterInput {
    /// The store's filter.
    pub fn parse(self) -> InvitationFilter {
        InvitationFilter { status: stored(self.status) }
    }
}

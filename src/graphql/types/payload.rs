//! What mutations answer: the object that changed, read again under the viewer's scope once the change has committed.

use async_graphql::{Context, Object};
use entity::ids::{InvitationId, OrgId, UserId};

use super::{
    invitation::Invitation,
    organization::{Organization, organization},
    user::{OrgMembership, User, user},
};
use crate::{
    error::{Error, Result},
    graphql::{batches::MembershipsOf, context::cx, lookahead},
    service::member::MemberKey,
    store::{
        list::row::Row,
        read::{invitation::InvitationRow, membership::MembershipRow, user::UserRow},
    },
};

/// An organisation that was created.
pub struct CreateOrganizationPayload {
    /// The organisation.
    pub id: OrgId,
    /// The first admin's invitation.
    pub invitation_id: Option<InvitationId>,
}

/// An organisation that was created.
#[Object]
impl CreateOrganizationPayload {
    /// The organisation.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        organization(ctx, self.id).await
    }

    /// The first admin's invitation, if an address was given.
    async fn invitation(&self, ctx: &Context<'_>) -> Result<Option<Invitation>> {
        match self.invitation_id {
            Some(id) => invitation(ctx, id).await.map(Some),
            None => Ok(None),
        }
    }
}

/// An organisation whose name, handle or settings changed.
pub struct UpdateOrganizationPayload(pub OrgId);

/// An organisation whose name, handle or settings changed.
#[Object]
impl UpdateOrganizationPayload {
    /// The organisation.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        organization(ctx, self.0).await
    }
}

/// An organisation in which something changed.
pub struct OrganizationPayload(pub OrgId);

/// An organisation in which something changed.
#[Object]
impl OrganizationPayload {
    /// The organisation.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        organization(ctx, self.0).await
    }
}

/// An account that was made or changed.
pub struct UserPayload(pub UserId);

/// An account that was made or changed.
#[Object]
impl UserPayload {
    /// The account.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        account(ctx, self.0).await
    }
}

/// A link to set a password is on its way to the account's owner. Nobody else gets it, and neither does this answer.
pub struct ResetPasswordPayload(pub UserId);

/// A link to set a password is on its way to the account's owner. Nobody else gets it, and neither does this answer.
#[Object]
impl ResetPasswordPayload {
    /// The account.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        account(ctx, self.0).await
    }
}

/// An invitation that was sent.
pub struct InvitationPayload(pub InvitationId);

/// An invitation that was sent.
#[Object]
impl InvitationPayload {
    /// The invitation.
    async fn invitation(&self, ctx: &Context<'_>) -> Result<Invitation> {
        invitation(ctx, self.0).await
    }
}

/// A membership that was asked for, confirmed, refused or changed.
pub struct OrgMembershipPayload(pub MemberKey);

/// A membership that was asked for, confirmed, refused or changed.
#[Object]
impl OrgMembershipPayload {
    /// The membership.
    async fn membership(&self, ctx: &Context<'_>) -> Result<OrgMembership> {
        let (cx, key) = (cx(ctx), self.0);
        let batch = MembershipsOf { columns: lookahead::columns::<MembershipRow>(ctx) };
        let rows = cx.loaders.load(&cx.store, batch, key.user_id).await?.unwrap_or_default();
        let row = rows.into_iter().find(|row| (row.org_id, row.id) == (key.org_id, key.id));
        row.map(OrgMembership::new).ok_or(Error::NotFound)
    }
}

/// An account by id: also the viewer's own, which is outside its scope when it belongs to no organisation.
async fn account(ctx: &Context<'_>, id: UserId) -> Result<User> {
    let cx = cx(ctx);
    let found = if cx.viewer.user_id() == Some(id) {
        cx.store.user_self(UserRow::columns(lookahead::fields(ctx))).await?.map(User)
    } else {
        user(ctx, Some(id)).await?
    };
    found.ok_or(Error::NotFound)
}

async fn invitation(ctx: &Context<'_>, id: InvitationId) -> Result<Invitation> {
    let rows = cx(ctx).store.invitation_by_ids(&[id], lookahead::columns::<InvitationRow>(ctx)).await?;
    rows.into_iter().next().map(Invitation).ok_or(Error::NotFound)
}

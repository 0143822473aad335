//! The viewer: who is asking, as the API sees it.

use async_graphql::{Context, Object};

use super::{
    issuer::UserIdentity,
    organization::{Organization, organization},
    service_account::{ServiceAccount, service_account},
    team::TeamMembership,
    user::{OrgMembership, User},
};
use crate::{
    error::Result,
    graphql::{batches::TeamMembershipsOf, context::cx, enums::OrgRole, lookahead, permission::PermissionName},
    policy::{Permission, decide::holds_everywhere},
    store::read::{team::TeamMembershipRow, user::UserRow},
};

/// Who is asking, and what they may do now.
pub struct ViewerObject;

/// Who is asking, and what they may do now.
#[Object(name = "Viewer")]
impl ViewerObject {
    /// The account; null for a service account.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(cx(ctx).store.user_self(lookahead::columns::<UserRow>(ctx)).await?.map(User))
    }

    /// The service account, for a planner or worker.
    async fn service_account(&self, ctx: &Context<'_>) -> Result<Option<ServiceAccount>> {
        service_account(ctx, cx(ctx).viewer.service_account().map(|key| key.id)).await
    }

    /// Whether it is a platform operator, who sees every organisation's metadata and nobody's content.
    async fn is_super_admin(&self, ctx: &Context<'_>) -> bool {
        cx(ctx).viewer.is_super_admin()
    }

    /// The organisation that the viewer works in; null for an operator, and for an account without any.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        match cx(ctx).viewer.org_id() {
            Some(org_id) => organization(ctx, org_id).await.map(Some),
            None => Ok(None),
        }
    }

    /// The role in that organisation.
    async fn org_role(&self, ctx: &Context<'_>) -> Option<OrgRole> {
        cx(ctx).viewer.tenant().map(|tenant| tenant.org_role.into())
    }

    /// The teams that the viewer belongs to, in that organisation.
    async fn teams(&self, ctx: &Context<'_>) -> Result<Vec<TeamMembership>> {
        let cx = cx(ctx);
        let Some(tenant) = cx.viewer.tenant() else { return Ok(Vec::new()) };
        let batch = TeamMembershipsOf { columns: lookahead::columns::<TeamMembershipRow>(ctx) };
        let rows = cx.loaders.load(&cx.store, batch, tenant.account.user_id).await?.unwrap_or_default();
        Ok(rows.into_iter().map(TeamMembership::new).collect())
    }

    /// Every organisation that the account belongs to, and may switch to where the membership is active. Who came by an
    /// external token sees those that let its issuer in.
    async fn memberships(&self, ctx: &Context<'_>) -> Result<Vec<OrgMembership>> {
        let cx = cx(ctx);
        if cx.viewer.account().is_none() {
            return Ok(Vec::new());
        }
        let rows = cx.store.memberships_own().await?;
        Ok(rows.into_iter().map(|(row, organization)| OrgMembership::with(row, organization)).collect())
    }

    /// The external subjects that the account has linked. Who came by an external token sees the one that it came by.
    async fn identities(&self, ctx: &Context<'_>) -> Result<Vec<UserIdentity>> {
        let cx = cx(ctx);
        let Some(account) = cx.viewer.account() else { return Ok(Vec::new()) };
        Ok(cx.identity.identities(account).await?.into_iter().map(Into::into).collect())
    }

    /// What the viewer holds throughout its organisation (or the platform), for showing and hiding controls. What it may
    /// do to one object, the object says.
    async fn permissions(&self, ctx: &Context<'_>) -> Vec<PermissionName> {
        let viewer = &cx(ctx).viewer;
        Permission::ALL.iter().copied().filter(|row| holds_everywhere(viewer, *row)).map(PermissionName).collect()
    }
}

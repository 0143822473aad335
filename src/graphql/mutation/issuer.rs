//! External issuers: whom an organisation lets in, and what an account links.

use async_graphql::{Context, ID, Object};

use crate::{
    error::Result,
    graphql::{
        connection::parse_id,
        context::cx,
        directives::requires,
        guard::Requires,
        types::{issuer::UserIdentity, organization::DeletePayload, payload::OrganizationPayload},
    },
    policy::Permission,
    service::issuer as cases,
};

#[derive(Default)]
pub struct IssuerMutation;

#[Object]
impl IssuerMutation {
    /// Lets an external issuer speak for members of the viewer's own organisation who linked a subject of it.
    #[graphql(
        guard = "Requires(Permission::IssuerManage)",
        directive = requires::apply(Permission::IssuerManage.into())
    )]
    async fn enable_issuer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`iss`, exactly as in its tokens.")] issuer: String,
    ) -> Result<OrganizationPayload> {
        Ok(OrganizationPayload(cases::enable(cx(ctx).service(), &issuer).await?))
    }

    /// Ends that: with the next request the issuer's tokens open nothing of the organisation.
    #[graphql(
        guard = "Requires(Permission::IssuerManage)",
        directive = requires::apply(Permission::IssuerManage.into())
    )]
    async fn disable_issuer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`iss`, exactly as in its tokens.")] issuer: String,
    ) -> Result<OrganizationPayload> {
        Ok(OrganizationPayload(cases::disable(cx(ctx).service(), &issuer).await?))
    }

    /// Links the subject of an external token to the viewer's own account. For who signed in here; never for super-admins.
    #[graphql(
        guard = "Requires(Permission::AccountManageOwn)",
        directive = requires::apply(Permission::AccountManageOwn.into())
    )]
    async fn link_identity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A token of an issuer that the server takes: it proves whose the subject is.", secret)]
        token: String,
    ) -> Result<UserIdentity> {
        let cx = cx(ctx);
        Ok(cx.identity.link_identity(&cx.viewer, &token).await?.into())
    }

    /// Takes a link away: the subject's tokens are refused from now on.
    #[graphql(
        guard = "Requires(Permission::AccountManageOwn)",
        directive = requires::apply(Permission::AccountManageOwn.into())
    )]
    async fn unlink_identity(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<DeletePayload> {
        let cx = cx(ctx);
        cx.identity.unlink_identity(&cx.viewer, parse_id("id", &id)?).await?;
        Ok(DeletePayload { deleted_id: id })
    }
}

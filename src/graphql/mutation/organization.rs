//! Making, changing and closing organisations.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

use crate::{
    error::Result,
    graphql::{
        connection::{parse_id, parse_optional_id},
        context::cx,
        directives::requires,
        guard::Requires,
        scalars::Json,
        types::payload::{CreateOrganizationPayload, OrganizationPayload, UpdateOrganizationPayload},
    },
    policy::Permission,
    service::organization::{self as cases, NewOrganization, OrganizationChange},
};

/// An organisation to be created.
#[derive(InputObject)]
pub struct CreateOrganizationInput {
    /// Display name.
    pub name: String,
    /// Unique handle: lower-case letters, digits and hyphens.
    pub slug: String,
    /// Who is invited as its first admin.
    #[graphql(secret)]
    pub first_admin_email: Option<String>,
}

/// What is to change of an organisation; what is not given stays.
#[derive(InputObject)]
pub struct UpdateOrganizationInput {
    /// Which one; the viewer's own without it.
    pub id: Option<ID>,
    /// Display name. For super-admins.
    pub name: Option<String>,
    /// Unique handle. For super-admins.
    pub slug: Option<String>,
    /// The settings, a JSON object; null takes them away. For the organisation's own admins.
    #[graphql(secret)]
    pub config: MaybeUndefined<Json>,
}

#[derive(Default)]
pub struct OrganizationMutation;

#[Object]
impl OrganizationMutation {
    /// Creates an organisation and, given an address, mails its first admin an invitation.
    #[graphql(
        guard = "Requires(Permission::OrganizationManage)",
        directive = requires::apply(Permission::OrganizationManage.into())
    )]
    async fn create_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] input: CreateOrganizationInput,
    ) -> Result<CreateOrganizationPayload> {
        let cx = cx(ctx);
        let new = NewOrganization { name: input.name, slug: input.slug, first_admin_email: input.first_admin_email };
        let made = cases::create(cx.service(), &cx.public_url, new).await?;
        Ok(CreateOrganizationPayload { id: made.id, invitation_id: made.invitation_id })
    }

    /// Renames an organisation (super-admins) or changes its settings (its own admins).
    #[graphql(
        guard = "Requires(Permission::OrganizationConfigure)",
        directive = requires::apply(Permission::OrganizationConfigure.into())
    )]
    async fn update_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateOrganizationInput,
    ) -> Result<UpdateOrganizationPayload> {
        let config = match input.config {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(Json(value)) => Some(Some(value.to_string())),
        };
        let id = parse_optional_id("input.id", input.id.as_ref())?;
        let change = OrganizationChange { id, name: input.name, slug: input.slug, config };
        Ok(UpdateOrganizationPayload(cases::update(cx(ctx).service(), change).await?))
    }

    /// Shuts an organisation out: its members lose access with their next request. Its data stays.
    #[graphql(
        guard = "Requires(Permission::OrganizationManage)",
        directive = requires::apply(Permission::OrganizationManage.into())
    )]
    async fn suspend_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
    ) -> Result<OrganizationPayload> {
        Ok(OrganizationPayload(cases::suspend(cx(ctx).service(), parse_id("id", &id)?).await?))
    }

    /// Lets a suspended organisation in again.
    #[graphql(
        guard = "Requires(Permission::OrganizationManage)",
        directive = requires::apply(Permission::OrganizationManage.into())
    )]
    async fn reactivate_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
    ) -> Result<OrganizationPayload> {
        Ok(OrganizationPayload(cases::reactivate(cx(ctx).service(), parse_id("id", &id)?).await?))
    }

    /// Closes an organisation for good. Its data is kept for history.
    #[graphql(
        guard = "Requires(Permission::OrganizationManage)",
        directive = requires::apply(Permission::OrganizationManage.into())
    )]
    async fn archive_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
    ) -> Result<OrganizationPayload> {
        Ok(OrganizationPayload(cases::archive(cx(ctx).service(), parse_id("id", &id)?).await?))
    }
}

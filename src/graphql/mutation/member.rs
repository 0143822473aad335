//! Members: inviting, confirming, changing and removing them.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    error::Result,
    graphql::{
        connection::{gid, parse_id, parse_optional_id},
        context::cx,
        directives::requires,
        enums::OrgRole,
        guard::Requires,
        types::{
            organization::DeletePayload,
            payload::{InvitationPayload, OrgMembershipPayload, OrganizationPayload},
        },
    },
    policy::Permission,
    service::{
        invitation::{self, NewInvitation},
        member::{self as cases, Confirmation, NewMember, Removal, RoleChange},
    },
};

/// Who is to be invited.
#[derive(InputObject)]
pub struct InviteMemberInput {
    /// Into which organisation; the viewer's own without it.
    pub organization_id: Option<ID>,
    /// Where the invitation goes.
    #[graphql(secret)]
    pub email: String,
    /// The role on offer.
    pub role: OrgRole,
}

/// A membership to be asked for.
#[derive(InputObject)]
pub struct AddMemberInput {
    /// The organisation.
    pub organization_id: ID,
    /// Who.
    pub user_id: ID,
    /// The role.
    pub role: OrgRole,
}

/// A member's new role.
#[derive(InputObject)]
pub struct UpdateMemberRoleInput {
    /// The organisation; the viewer's own without it.
    pub organization_id: Option<ID>,
    /// The member.
    pub user_id: ID,
    /// The role.
    pub role: OrgRole,
}

/// Who is to go.
#[derive(InputObject)]
pub struct RemoveMemberInput {
    /// The organisation; the viewer's own without it.
    pub organization_id: Option<ID>,
    /// The member.
    pub user_id: ID,
}

/// An answer to what a super-admin asked for.
#[derive(InputObject)]
pub struct ConfirmMemberInput {
    /// The member.
    pub user_id: ID,
    /// Whether it is given.
    pub accept: bool,
    /// The role that the answer is about. With it, a request that was changed meanwhile is a conflict.
    pub role: Option<OrgRole>,
}

#[derive(Default)]
pub struct MemberMutation;

#[Object]
impl MemberMutation {
    /// Invites somebody by e-mail. The answer is the same whether the address has an account or not.
    #[graphql(guard = "Requires(Permission::MemberManage)", directive = requires::apply(Permission::MemberManage.into()))]
    async fn invite_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who is invited.")] input: InviteMemberInput,
    ) -> Result<InvitationPayload> {
        let cx = cx(ctx);
        let organization_id = parse_optional_id("input.organizationId", input.organization_id.as_ref())?;
        let new = NewInvitation { organization_id, email: input.email, role: input.role.into() };
        Ok(InvitationPayload(invitation::create(cx.service(), &cx.public_url, new).await?.id))
    }

    /// Takes an invitation back that nobody has accepted yet.
    #[graphql(guard = "Requires(Permission::MemberManage)", directive = requires::apply(Permission::MemberManage.into()))]
    async fn revoke_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invitation's id.")] id: ID,
    ) -> Result<DeletePayload> {
        let revoked = invitation::revoke(cx(ctx).service(), parse_id("id", &id)?).await?;
        Ok(DeletePayload { deleted_id: gid(revoked.id) })
    }

    /// Asks for a membership by user id. It grants nothing until an admin of the organisation confirms it.
    #[graphql(guard = "Requires(Permission::MemberAdd)", directive = requires::apply(Permission::MemberAdd.into()))]
    async fn add_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who is asked for.")] input: AddMemberInput,
    ) -> Result<OrgMembershipPayload> {
        let cx = cx(ctx);
        let new = NewMember {
            organization_id: parse_id("input.organizationId", &input.organization_id)?,
            user_id: parse_id("input.userId", &input.user_id)?,
            role: input.role.into(),
        };
        Ok(OrgMembershipPayload(cases::add(cx.service(), &cx.public_url, new).await?))
    }

    /// Changes a member's role. A super-admin's promotion waits until an admin of the organisation confirms it; everything
    /// else holds at once.
    #[graphql(guard = "Requires(Permission::MemberManage)", directive = requires::apply(Permission::MemberManage.into()))]
    async fn update_member_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateMemberRoleInput,
    ) -> Result<OrgMembershipPayload> {
        let cx = cx(ctx);
        let change = RoleChange {
            organization_id: parse_optional_id("input.organizationId", input.organization_id.as_ref())?,
            user_id: parse_id("input.userId", &input.user_id)?,
            role: input.role.into(),
        };
        Ok(OrgMembershipPayload(cases::update_role(cx.service(), &cx.public_url, change).await?))
    }

    /// Ends a membership, with its place in teams and all posts on agents; the leaver's agents pass to the organisation's
    /// admins. Also takes back what waits to be confirmed.
    #[graphql(guard = "Requires(Permission::MemberManage)", directive = requires::apply(Permission::MemberManage.into()))]
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who goes.")] input: RemoveMemberInput,
    ) -> Result<OrganizationPayload> {
        let removal = Removal {
            organization_id: parse_optional_id("input.organizationId", input.organization_id.as_ref())?,
            user_id: parse_id("input.userId", &input.user_id)?,
        };
        Ok(OrganizationPayload(cases::remove(cx(ctx).service(), removal).await?))
    }

    /// Accepts or refuses a membership or role that a super-admin asked for. Never for oneself. For the organisation's
    /// admins; where it has none who may sign in, for any other member, 72 hours after every admin was told by mail.
    #[graphql(
        guard = "Requires(Permission::MemberConfirm)",
        directive = requires::apply(Permission::MemberConfirm.into())
    )]
    async fn confirm_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The answer.")] input: ConfirmMemberInput,
    ) -> Result<OrgMembershipPayload> {
        let cx = cx(ctx);
        let answer = Confirmation {
            user_id: parse_id("input.userId", &input.user_id)?,
            accept: input.accept,
            role: input.role.map(Into::into),
        };
        Ok(OrgMembershipPayload(cases::confirm(cx.service(), &cx.public_url, answer).await?))
    }
}

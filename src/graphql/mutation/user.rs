//! Accounts: making, locking and closing them.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    error::Result,
    graphql::{
        connection::parse_id,
        context::cx,
        directives::requires,
        enums::OrgRole,
        guard::Requires,
        types::payload::{ResetPasswordPayload, UserPayload},
    },
    policy::Permission,
    service::{
        move_user::{Move, move_user},
        user::{self as cases, NewUser},
    },
};

/// An account to be created.
#[derive(InputObject)]
pub struct CreateUserInput {
    /// The address. Its owner gets a link to set a password.
    #[graphql(secret)]
    pub email: String,
    /// Display name.
    pub name: String,
}

/// What is to change of an account.
#[derive(InputObject)]
pub struct UpdateUserInput {
    /// Whose.
    pub id: ID,
    /// Display name.
    pub name: String,
}

/// A move from one organisation to another.
#[derive(InputObject)]
pub struct MoveUserInput {
    /// Who.
    pub user_id: ID,
    /// The organisation that they leave.
    pub from_organization_id: ID,
    /// The organisation that is asked to take them.
    pub to_organization_id: ID,
    /// The role that is asked for there.
    pub role: OrgRole,
}

#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Creates an account and mails its owner a link to set a password. Before that it can do nothing.
    #[graphql(guard = "Requires(Permission::UserManage)", directive = requires::apply(Permission::UserManage.into()))]
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: CreateUserInput,
    ) -> Result<UserPayload> {
        let cx = cx(ctx);
        let new = NewUser { email: input.email, name: input.name };
        Ok(UserPayload(cases::create(cx.service(), &cx.public_url, new).await?))
    }

    /// Changes an account's name: one's own, or for a super-admin anybody's. Never its address.
    #[graphql(guard = "Requires(Permission::UserRename)", directive = requires::apply(Permission::UserRename.into()))]
    async fn update_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateUserInput,
    ) -> Result<UserPayload> {
        let id = parse_id("input.id", &input.id)?;
        Ok(UserPayload(cases::rename(cx(ctx).service(), id, &input.name).await?))
    }

    /// Locks an account out until it is reactivated, and ends its sessions.
    #[graphql(guard = "Requires(Permission::UserManage)", directive = requires::apply(Permission::UserManage.into()))]
    async fn suspend_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account's id.")] id: ID,
    ) -> Result<UserPayload> {
        Ok(UserPayload(cases::suspend(cx(ctx).service(), parse_id("id", &id)?).await?))
    }

    /// Lets a suspended account in again.
    #[graphql(guard = "Requires(Permission::UserManage)", directive = requires::apply(Permission::UserManage.into()))]
    async fn reactivate_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account's id.")] id: ID,
    ) -> Result<UserPayload> {
        Ok(UserPayload(cases::reactivate(cx(ctx).service(), parse_id("id", &id)?).await?))
    }

    /// Closes an account for good, and ends its sessions. Refused for the last admin of an organisation.
    #[graphql(guard = "Requires(Permission::UserManage)", directive = requires::apply(Permission::UserManage.into()))]
    async fn deactivate_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account's id.")] id: ID,
    ) -> Result<UserPayload> {
        Ok(UserPayload(cases::deactivate(cx(ctx).service(), parse_id("id", &id)?).await?))
    }

    /// Mails an account's owner a one-time link to set a new password. Answers neither link nor password.
    #[graphql(guard = "Requires(Permission::UserManage)", directive = requires::apply(Permission::UserManage.into()))]
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account's id.")] user_id: ID,
    ) -> Result<ResetPasswordPayload> {
        let cx = cx(ctx);
        let id = parse_id("userId", &user_id)?;
        cases::reset_password(cx.service(), &cx.public_url, id).await?;
        Ok(ResetPasswordPayload(id))
    }

    /// Moves an account from one organisation to another: it leaves the first at once, with its place in teams and all
    /// posts on agents, and grants nothing in the second until an admin there confirms it. Refused for the last admin of
    /// the first.
    #[graphql(guard = "Requires(Permission::UserManage)", directive = requires::apply(Permission::UserManage.into()))]
    async fn move_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who moves, whence and whither.")] input: MoveUserInput,
    ) -> Result<UserPayload> {
        let cx = cx(ctx);
        let wanted = Move {
            user_id: parse_id("input.userId", &input.user_id)?,
            from: parse_id("input.fromOrganizationId", &input.from_organization_id)?,
            to: parse_id("input.toOrganizationId", &input.to_organization_id)?,
            role: input.role.into(),
        };
        Ok(UserPayload(move_user(cx.service(), &cx.public_url, wanted).await?))
    }

    /// Makes or unmakes a super-admin, and ends the account's sessions. Never of a member, never of oneself.
    #[graphql(
        guard = "Requires(Permission::SuperAdminAppoint)",
        directive = requires::apply(Permission::SuperAdminAppoint.into())
    )]
    async fn set_super_admin(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account's id.")] user_id: ID,
        #[graphql(desc = "Whether it is to be one.")] is_super_admin: bool,
    ) -> Result<UserPayload> {
        let id = parse_id("userId", &user_id)?;
        Ok(UserPayload(cases::set_super_admin(cx(ctx).service(), id, is_super_admin).await?))
    }
}

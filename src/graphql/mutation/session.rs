//! Signing in, on, over and out.

use std::net::IpAddr;

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    auth::password::Password,
    error::Result,
    graphql::{
        connection::{parse_id, parse_optional_id},
        context::{ClientAddress, cx},
        directives::requires,
        guard::Requires,
        types::session::Session,
    },
    policy::Permission,
    service::auth::{invitations::AcceptInvitation, sessions::Login},
};

/// E-mail and password.
#[derive(InputObject)]
pub struct LoginInput {
    /// The account's address.
    #[graphql(secret)]
    pub email: String,
    /// Its password.
    #[graphql(secret)]
    pub password: String,
    /// The organisation to work in; the one last used without it.
    pub organization_id: Option<ID>,
}

/// A refresh token.
#[derive(InputObject)]
pub struct RefreshSessionInput {
    /// The latest refresh token of the session.
    #[graphql(secret)]
    pub refresh_token: String,
}

/// A change of the own password.
#[derive(InputObject)]
pub struct ChangePasswordInput {
    /// The password until now.
    #[graphql(secret)]
    pub current_password: String,
    /// The password from now on: at least 8 characters.
    #[graphql(secret)]
    pub new_password: String,
}

/// A password set by a mailed link.
#[derive(InputObject)]
pub struct CompletePasswordResetInput {
    /// The token from the mail.
    #[graphql(secret)]
    pub token: String,
    /// The password from now on: at least 8 characters.
    #[graphql(secret)]
    pub new_password: String,
}

/// An invitation from a mail.
#[derive(InputObject)]
pub struct AcceptInvitationInput {
    /// The token from the mail.
    #[graphql(secret)]
    pub token: String,
    /// The new account's name; not for somebody who has an account.
    pub name: Option<String>,
    /// The new account's password; not for somebody who has an account, who signs in first.
    #[graphql(secret)]
    pub password: Option<String>,
}

/// The network address that failed sign-ins are counted by.
fn client(ctx: &Context<'_>) -> Option<IpAddr> {
    ctx.data_opt::<ClientAddress>().map(|address| address.0)
}

#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Signs in with e-mail and password.
    #[graphql(guard = "Requires(Permission::SignIn)", directive = requires::apply(Permission::SignIn.into()))]
    async fn login(&self, ctx: &Context<'_>, #[graphql(desc = "Who signs in.")] input: LoginInput) -> Result<Session> {
        let cx = cx(ctx);
        let login = Login {
            email: input.email,
            password: Password::new(input.password),
            organization_id: parse_optional_id("input.organizationId", input.organization_id.as_ref())?,
            client: client(ctx),
        };
        Ok(Session::new(cx, cx.identity.login(login).await?))
    }

    /// Trades a refresh token for the next pair of tokens. A token that was traded before ends the whole session.
    #[graphql(guard = "Requires(Permission::SignIn)", directive = requires::apply(Permission::SignIn.into()))]
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.")] input: RefreshSessionInput,
    ) -> Result<Session> {
        let cx = cx(ctx);
        Ok(Session::new(cx, cx.identity.refresh(&input.refresh_token).await?))
    }

    /// Ends the session: its tokens are refused from now on.
    #[graphql(
        guard = "Requires(Permission::AccountManageOwn)",
        directive = requires::apply(Permission::AccountManageOwn.into())
    )]
    async fn logout(&self, ctx: &Context<'_>) -> Result<bool> {
        let cx = cx(ctx);
        cx.identity.logout(&cx.viewer).await?;
        Ok(true)
    }

    /// Goes on in another organisation that the account belongs to. The tokens until now are refused from now on.
    #[graphql(
        guard = "Requires(Permission::AccountManageOwn)",
        directive = requires::apply(Permission::AccountManageOwn.into())
    )]
    async fn switch_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organization_id: ID,
    ) -> Result<Session> {
        let cx = cx(ctx);
        let org_id = parse_id("organizationId", &organization_id)?;
        Ok(Session::new(cx, cx.identity.switch_organization(&cx.viewer, org_id).await?))
    }

    /// Changes the own password and ends every other session of the account.
    #[graphql(
        guard = "Requires(Permission::AccountManageOwn)",
        directive = requires::apply(Permission::AccountManageOwn.into())
    )]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The passwords.")] input: ChangePasswordInput,
    ) -> Result<Session> {
        let cx = cx(ctx);
        let (current, new) = (Password::new(input.current_password), Password::new(input.new_password));
        Ok(Session::new(cx, cx.identity.change_password(&cx.viewer, current, new, client(ctx)).await?))
    }

    /// Sets a password by a mailed link, first or anew, and ends every other session of the account.
    #[graphql(guard = "Requires(Permission::SignIn)", directive = requires::apply(Permission::SignIn.into()))]
    async fn complete_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token and the password.")] input: CompletePasswordResetInput,
    ) -> Result<Session> {
        let cx = cx(ctx);
        let tokens = cx.identity.complete_password_reset(&input.token, Password::new(input.new_password)).await?;
        Ok(Session::new(cx, tokens))
    }

    /// Has a link to set a password mailed to the account of an address. The answer is the same, after the same work,
    /// whether there is such an account or not.
    #[graphql(guard = "Requires(Permission::SignIn)", directive = requires::apply(Permission::SignIn.into()))]
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account's address.", secret)] email: String,
    ) -> Result<bool> {
        cx(ctx).identity.request_password_reset(&email, client(ctx)).await?;
        Ok(true)
    }

    /// Asks for another e-mail address for one's own account. One link goes to the present address and one to the other;
    /// the address changes when both were opened, and the answer is the same when the other belongs to an account.
    #[graphql(
        guard = "Requires(Permission::AccountManageOwn)",
        directive = requires::apply(Permission::AccountManageOwn.into())
    )]
    async fn request_email_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The other address.", secret)] new_email: String,
    ) -> Result<bool> {
        let cx = cx(ctx);
        cx.identity.request_email_change(&cx.viewer, &new_email).await?;
        Ok(true)
    }

    /// Opens one of the two links of a change of address, signed in to the account that asked. The second changes the
    /// address and ends every other session of the account; this one goes on with new tokens each time.
    #[graphql(
        guard = "Requires(Permission::AccountManageOwn)",
        directive = requires::apply(Permission::AccountManageOwn.into())
    )]
    async fn confirm_email_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token from one of the two mails.", secret)] token: String,
    ) -> Result<Session> {
        let cx = cx(ctx);
        Ok(Session::new(cx, cx.identity.confirm_email_change(&cx.viewer, &token).await?))
    }

    /// Accepts an invitation: a new address gets an account, an account that exists must be signed in.
    #[graphql(guard = "Requires(Permission::SignIn)", directive = requires::apply(Permission::SignIn.into()))]
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invitation.")] input: AcceptInvitationInput,
    ) -> Result<Session> {
        let cx = cx(ctx);
        let accept =
            AcceptInvitation { token: input.token, name: input.name, password: input.password.map(Password::new) };
        Ok(Session::new(cx, cx.identity.accept_invitation(&cx.viewer, accept).await?))
    }
}

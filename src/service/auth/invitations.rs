//! Accepting an invitation.
//!
//! The token in the mail proves that the address is the acceptor's; nothing else here trusts it. An address that has an
//! account needs that account, signed in; a new one gets an account. The invitation is worth what its inviter may give at
//! this moment: an active admin of the organisation gives a membership, a super-admin gives the wish for one, which an
//! admin of the organisation has to confirm, and nobody else gives anything any more.
//!
//! The one exception: an organisation that holds nothing yet. Its first admin needs no confirmation, where there has
//! never been a membership (a super-admin's invitation) or never an admin (the command line's, when the platform of the
//! time before tenancy was converted).

use entity::{
    confidential::Secret,
    enums::{InvitationStatus, MembershipStatus, OrgRole, UserStatus},
    ids::{InvitationId, OrgId, UserId},
};
use serde_json::json;

use super::{
    Identity, Inner,
    sessions::{SessionTokens, bad_link, signed_in},
};
use crate::service::admin_mail::{Post, Request, tell_admins, tell_new_admin};
use crate::{
    auth::{opaque, password::Password},
    error::{Error, Result},
    store::{
        audit::record::{self, Record},
        auth::{
            account,
            account::NewAccount,
            invitation as rows,
            invitation::{InvitationRow, Joining},
        },
        db::{Role, Tx},
    },
    viewer::{Actor, Viewer},
};

/// Longest name of a person.
const NAME: usize = 200;

/// What accepting asks.
#[derive(Clone, Debug)]
pub struct AcceptInvitation {
    /// The token from the mail.
    pub token: String,
    /// The name of a new account.
    pub name: Option<String>,
    /// The password of a new account.
    pub password: Option<Password>,
}

/// Who accepts.
enum Acceptor {
    Existing(UserId),
    New(NewAccount),
}

impl Identity {
    /// Accepts an invitation, and signs in: to the organisation, or outside it while the membership waits to be confirmed.
    pub async fn accept_invitation(&self, viewer: &Viewer, input: AcceptInvitation) -> Result<SessionTokens> {
        let inner = &*self.0;
        let account = viewer.account().map(|_| signed_in(viewer)).transpose()?;
        let org = opaque::invitation_org(&input.token).ok_or_else(bad_link)?;
        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let found = rows::invitation_lookup(&tx, org, &opaque::hash(&input.token)).await?;
        let invitation = found.ok_or_else(bad_link)?;
        let known = account::account_lookup(&tx, &invitation.email).await?;
        drop(tx);
        // Said again inside the transaction; here it saves the work, and a new password's hash.
        if invitation.status != InvitationStatus::Pending || invitation.expires_at <= inner.clock.now() {
            return Err(bad_link());
        }

        let acceptor = match (known, viewer.user_id()) {
            (Some(account), Some(user)) if account.id == user => Acceptor::Existing(user),
            (Some(_), None) => return Err(Error::Unauthenticated),
            (None, None) => Acceptor::New(inner.new_account(&invitation.email, input.name, input.password).await?),
            (_, Some(_)) => return Err(bad_link()),
        };
        let keys = inner.keys.signing().await?;
        let (user, status) = inner.join(org, invitation.id, &acceptor).await?;

        let tx = inner.db.begin_write(Role::Identity, None).await?;
        let joined = (status == MembershipStatus::Active).then_some(org);
        let tokens = match (acceptor, account) {
            (Acceptor::Existing(_), Some(account)) => {
                let present = inner.session_hold(&tx, account).await?;
                inner.session_continue(&tx, &keys, account.session_id, joined.or(present)).await?
            }
            _ => inner.session_begin(&tx, &keys, user, joined).await?,
        };
        tx.commit().await?;
        Ok(tokens)
    }
}

impl Inner {
    async fn new_account(&self, email: &str, name: Option<String>, password: Option<Password>) -> Result<NewAccount> {
        let name = person_name("input.name", name.as_deref().unwrap_or_default())?;
        let password =
            password.ok_or_else(|| Error::validation("input.password", "A new account needs a password."))?;
        password.check("input.password", email)?;
        let hash: Secret = self.passwords.hash(password).await?;
        Ok(NewAccount { id: self.clock.id(), email: email.to_owned(), name, password_hash: Some(hash) })
    }

    /// Makes the account, if it is new, and the membership. One transaction of the platform's own role inside the
    /// organisation.
    async fn join(&self, org: OrgId, id: InvitationId, acceptor: &Acceptor) -> Result<(UserId, MembershipStatus)> {
        let tx = self.db.begin_write(Role::System, Some(org)).await?;
        let now = self.clock.now();
        let invitation = rows::invitation_lock(&tx, org, id).await?.ok_or_else(bad_link)?;
        let waits = invitation.status == InvitationStatus::Pending && now < invitation.expires_at;
        if !waits {
            return Err(bad_link());
        }
        let organization = rows::organization_served(&tx, org).await?.ok_or_else(bad_link)?;
        let status = worth(&tx, org, &invitation).await?;
        let user = match acceptor {
            Acceptor::New(account) => {
                account::account_create(&tx, account.clone(), now).await?;
                account.id
            }
            Acceptor::Existing(user) => *user,
        };
        match rows::account_state(&tx, user).await? {
            Some((UserStatus::Active, false)) => {}
            Some((_, true)) => return Err(Error::Forbidden("a super-admin is a member of no organisation")),
            _ => return Err(Error::Unauthenticated),
        }
        let active = status == MembershipStatus::Active;
        let requested_by = if active { None } else { invitation.invited_by };
        let wish = (!active).then(|| (self.clock.id(), now));
        let joining = Joining { org, user, role: invitation.role, status, wish, requested_by };
        match rows::member_lock(&tx, org, user).await? {
            Some(member) if member.status == MembershipStatus::Active => {
                return Err(Error::Conflict("You are a member of this organisation already."));
            }
            Some(member) => rows::member_update(&tx, member.id, joining, now).await?,
            None => rows::member_create(&tx, self.clock.id(), joining, now).await?,
        }
        if !rows::invitation_accept(&tx, org, id, now).await? {
            return Err(bad_link());
        }
        let public_url = &self.settings.public_url;
        let post = Post { clock: &self.clock, public_url, org_id: org, organization: &organization };
        if let Some((id, _)) = wish {
            let request = Request { id, email: &invitation.email, role: invitation.role };
            tell_admins(&tx, post, request).await?;
        } else if invitation.role == OrgRole::Admin {
            tell_new_admin(&tx, post, user, &invitation.email).await?;
        }
        let details = json!({ "role": invitation.role.as_str(), "status": status.as_str() });
        let record = Record::about("invitation.accepted", id).with(details);
        record::record(&tx, &self.clock, org, Actor::User(user), record).await?;
        tx.commit().await?;
        Ok((user, status))
    }
}

/// What the invitation gives at this moment: a membership, or the wish for one that somebody has to confirm.
async fn worth(tx: &Tx, org: OrgId, invitation: &InvitationRow) -> Result<MembershipStatus> {
    let first_admin = invitation.first_admin && invitation.role == OrgRole::Admin;
    let Some(inviter) = invitation.invited_by else {
        let vacant = first_admin && rows::member_count(tx, org, true).await? == 0;
        return Ok(if vacant { MembershipStatus::Active } else { MembershipStatus::Pending });
    };
    let Some((UserStatus::Active, is_super_admin)) = rows::account_state(tx, inviter).await? else {
        return Err(bad_link());
    };
    if is_super_admin {
        let untouched = first_admin && rows::member_count(tx, org, false).await? == 0;
        return Ok(if untouched { MembershipStatus::Active } else { MembershipStatus::Pending });
    }
    // Held, so that the inviter is not demoted between this look and our commit.
    match rows::member_lock(tx, org, inviter).await? {
        Some(member) if member.status == MembershipStatus::Active && member.role == OrgRole::Admin => {
            Ok(MembershipStatus::Active)
        }
        _ => Err(bad_link()),
    }
}

/// A person's name as it is stored: trimmed, neither empty nor endless, on one line.
pub(in crate::service) fn person_name(field: &'static str, name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(Error::validation(field, format!("A name has 1 to {NAME} characters, on one line.")));
    }
    Ok(name.to_owned())
}

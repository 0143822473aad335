//! Signing in, going on, switching, leaving, and passwords.
//!
//! **Refresh tokens** work once. The second use of one, whoever makes it, ends the session: either the thief or the owner
//! is told, and neither goes on. **Passwords**: whatever changes one ends every other session, and a sign-in that raced
//! with the change does not survive it, because it must find the very hash that it verified.

use std::{fmt, net::IpAddr};

use chrono::{DateTime, SubsecRound, Utc};
use entity::{
    confidential::Secret,
    enums::{OneTimeTokenPurpose, UserStatus},
    ids::{OrgId, SessionId, UserId},
    refresh_token, session,
};

use super::{Identity, Inner};
use crate::{
    auth::{KeySet, email, opaque, password::Password, token},
    error::{Error, Result},
    store::{
        auth::{self as rows, account, email_change, one_time, session as sessions},
        db::{Role, Tx},
    },
    viewer::Viewer,
};

/// What a sign-in asks.
#[derive(Clone, Debug)]
pub struct Login {
    /// The address, as typed.
    pub email: String,
    /// The password.
    pub password: Password,
    /// The organisation to work in; the last used one otherwise.
    pub organization_id: Option<OrgId>,
    /// Where the request comes from.
    pub client: Option<IpAddr>,
}

/// What a session gives its owner.
pub struct SessionTokens {
    /// For the `Authorization` header.
    pub access_token: String,
    /// For the next refresh, once.
    pub refresh_token: String,
    /// When the access token expires.
    pub expires_at: DateTime<Utc>,
    /// Who the access token makes.
    pub viewer: Viewer,
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTokens").field("viewer", &self.viewer).finish_non_exhaustive()
    }
}

/// One text for a link that was never made, is used, or is too old.
pub(in crate::service) fn bad_link() -> Error {
    Error::validation("input.token", "This link does not work, or does not work any more.")
}

impl Identity {
    /// Signs in with address and password.
    ///
    /// The answer for a wrong password, an unknown address, a suspended account and one without a password is the same,
    /// after the same work.
    pub async fn login(&self, login: Login) -> Result<SessionTokens> {
        let inner = &*self.0;
        let address = email::normalise(&login.email).unwrap_or_default();
        let counted = if address.is_empty() { &login.email } else { &address };
        let attempt = inner.throttle.attempt(&inner.db, &inner.clock, counted, login.client).await?;
        let keys = inner.keys.signing().await?;

        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let found = account::account_lookup(&tx, &address).await?;
        drop(tx);
        let active = found.filter(|account| account.status == UserStatus::Active);
        let hash = active.as_ref().and_then(|account| account.password_hash.as_ref());
        let verified = inner.passwords.verify(login.password, hash).await;
        if let Err(Error::RateLimited { .. }) = verified {
            inner.throttle.take_back(&inner.db, &attempt).await?;
        }
        let (true, Some(account), Some(hash)) = (verified?, &active, hash) else { return Err(Error::Unauthenticated) };

        let tx = inner.db.begin_write(Role::Identity, None).await?;
        let now = inner.clock.now();
        if !account::account_sign_in(&tx, account.id, hash, now).await? {
            return Err(Error::Unauthenticated);
        }
        inner.throttle.succeed(&tx, &attempt).await?;
        let memberships = rows::membership_list(&tx, account.id).await?;
        let org = match login.organization_id {
            None => memberships.first().map(|membership| membership.org_id),
            Some(wanted) if memberships.iter().any(|membership| membership.org_id == wanted) => Some(wanted),
            Some(_) => {
                tx.commit().await?;
                return Err(Error::NotFound);
            }
        };
        let tokens = inner.session_begin(&tx, &keys, account.id, org).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Goes on with a session: spends its refresh token, gives the next.
    pub async fn refresh(&self, refresh_token: &str) -> Result<SessionTokens> {
        let inner = &*self.0;
        let keys = inner.keys.signing().await?;
        let tx = inner.db.begin_write(Role::Identity, None).await?;
        let found = sessions::refresh_token_lookup(&tx, &opaque::hash(refresh_token)).await?;
        let row = found.ok_or(Error::Unauthenticated)?;
        sessions::session_lock(&tx, row.session_id).await?;
        let now = inner.clock.now();
        if row.spent_at.is_none() && row.expires_at <= now {
            return Err(Error::Unauthenticated);
        }
        let status = rows::session_status_lookup(&tx, row.session_id).await?.ok_or(Error::Unauthenticated)?;
        if !status.is_live(now) {
            return Err(Error::Unauthenticated);
        }
        // What was read before the lock may be old; this is not.
        if !sessions::refresh_token_spend(&tx, row.id, now).await? {
            sessions::session_revoke(&tx, row.session_id, now).await?;
            tx.commit().await?;
            tracing::warn!(session = %row.session_id, user = %status.user_id, "a refresh token was used twice");
            return Err(Error::Unauthenticated);
        }
        // Where the organisation was lost the session goes on outside it: its owner may look at the others and switch.
        let org = status.viewer(now).and(status.org_id);
        let tokens = inner.session_continue(&tx, &keys, row.session_id, org).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Ends the viewer's session, and with it its access tokens.
    pub async fn logout(&self, viewer: &Viewer) -> Result<()> {
        let account = signed_in(viewer)?;
        let tx = self.0.db.begin_write(Role::Identity, None).await?;
        sessions::session_revoke(&tx, account.session_id, self.0.clock.now()).await?;
        tx.commit().await
    }

    /// Goes on in another organisation of the viewer's. Tokens for the one before stop working.
    pub async fn switch_organization(&self, viewer: &Viewer, org: OrgId) -> Result<SessionTokens> {
        let inner = &*self.0;
        let account = signed_in(viewer)?;
        let keys = inner.keys.signing().await?;
        let tx = inner.db.begin_write(Role::Identity, None).await?;
        inner.session_hold(&tx, account).await?;
        // Foreign, suspended and absent organisations answer alike. A super-admin has none.
        let mine = rows::membership_list(&tx, account.user_id).await?;
        if viewer.is_super_admin() || !mine.iter().any(|membership| membership.org_id == org) {
            return Err(Error::NotFound);
        }
        let tokens = inner.session_continue(&tx, &keys, account.session_id, Some(org)).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Changes the viewer's own password: ends every other session, and goes on with this one.
    pub async fn change_password(
        &self,
        viewer: &Viewer,
        current: Password,
        new: Password,
        client: Option<IpAddr>,
    ) -> Result<SessionTokens> {
        let inner = &*self.0;
        let signed_in = signed_in(viewer)?;
        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let account = account::account_by_id(&tx, signed_in.user_id).await?.ok_or(Error::Unauthenticated)?;
        drop(tx);
        new.check("input.newPassword", &account.email)?;
        // Whoever found a signed-in screen must not guess faster than at the door.
        let attempt = inner.throttle.attempt(&inner.db, &inner.clock, &account.email, client).await?;
        let old = account.password_hash.as_ref();
        let verified = inner.passwords.verify(current, old).await;
        if let Err(Error::RateLimited { .. }) = verified {
            inner.throttle.take_back(&inner.db, &attempt).await?;
        }
        let (true, Some(old)) = (verified?, old) else {
            return Err(Error::validation("input.currentPassword", "This is not the present password."));
        };
        let hash = inner.passwords.hash(new).await?;
        let keys = inner.keys.signing().await?;

        let tx = inner.db.begin_write(Role::Identity, None).await?;
        let now = inner.clock.now();
        if !account::password_update(&tx, account.id, Some(old), hash, now).await? {
            return Err(Error::Unauthenticated);
        }
        let org = inner.session_hold(&tx, signed_in).await?;
        inner.throttle.succeed(&tx, &attempt).await?;
        sessions::session_revoke_all(&tx, account.id, Some(signed_in.session_id), now).await?;
        one_time::one_time_token_void(&tx, account.id, now).await?;
        email_change::email_change_void(&tx, account.id, now).await?;
        let tokens = inner.session_continue(&tx, &keys, signed_in.session_id, org).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Sets a password, first or anew, with the link that was mailed to the account's owner: ends every session, and
    /// begins one.
    pub async fn complete_password_reset(&self, token: &str, new: Password) -> Result<SessionTokens> {
        let inner = &*self.0;
        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let purpose = OneTimeTokenPurpose::SetPassword;
        let found = one_time::one_time_token_lookup(&tx, purpose, &opaque::hash(token), inner.clock.now()).await?;
        let (link, user) = found.ok_or_else(bad_link)?;
        let account = account::account_by_id(&tx, user).await?.ok_or_else(bad_link)?;
        drop(tx);
        if account.status != UserStatus::Active {
            return Err(bad_link());
        }
        new.check("input.newPassword", &account.email)?;
        let hash = inner.passwords.hash(new).await?;
        let keys = inner.keys.signing().await?;

        let tx = inner.db.begin_write(Role::Identity, None).await?;
        let now = inner.clock.now();
        let set = account::password_update(&tx, user, None, hash.clone(), now).await?;
        if !set || !one_time::one_time_token_use(&tx, link, now).await? {
            return Err(bad_link());
        }
        one_time::one_time_token_void(&tx, user, now).await?;
        email_change::email_change_void(&tx, user, now).await?;
        sessions::session_revoke_all(&tx, user, None, now).await?;
        inner.throttle.forgive(&tx, &account.email).await?;
        account::account_sign_in(&tx, user, &hash, now).await?;
        let org = rows::membership_list(&tx, user).await?.first().map(|membership| membership.org_id);
        let tokens = inner.session_begin(&tx, &keys, user, org).await?;
        tx.commit().await?;
        Ok(tokens)
    }
}

/// An account with the session that it signed in with.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct SignedIn {
    /// The user.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
}

/// The session behind a viewer. A service account has none: no password, no session, no memberships. Nor has an external
/// issuer's token, which is never switched into one: what is the account's own, its password, its sessions, its links, it
/// does not reach.
pub(in crate::service) fn signed_in(viewer: &Viewer) -> Result<SignedIn> {
    if viewer.service_account().is_some() {
        return Err(Error::Forbidden("a service account has no session"));
    }
    let account = viewer.account().ok_or(Error::Unauthenticated)?;
    let session_id = account.session_id().ok_or(Error::Forbidden("this needs a sign-in here, with a password"))?;
    Ok(SignedIn { user_id: account.user_id, session_id })
}

impl Inner {
    /// Begins a session.
    pub(in crate::service) async fn session_begin(
        &self,
        tx: &Tx,
        keys: &KeySet,
        user: UserId,
        org: Option<OrgId>,
    ) -> Result<SessionTokens> {
        let now = self.clock.now();
        let row = session::Model {
            id: self.clock.id(),
            user_id: user,
            org_id: org,
            created_at: now,
            last_used_at: now,
            expires_at: now + self.settings.session_ttl,
            revoked_at: None,
        };
        let id = row.id;
        sessions::session_create(tx, row).await?;
        if let Some(org) = org {
            rows::membership_touch(tx, org, user, now).await?;
        }
        self.tokens(tx, keys, id).await
    }

    /// Goes on with a session that this transaction holds: no refresh token made before works any more.
    pub(in crate::service) async fn session_continue(
        &self,
        tx: &Tx,
        keys: &KeySet,
        id: SessionId,
        org: Option<OrgId>,
    ) -> Result<SessionTokens> {
        let now = self.clock.now();
        sessions::refresh_token_spend_all(tx, id, now).await?;
        sessions::session_update(tx, id, org, now).await?;
        let tokens = self.tokens(tx, keys, id).await?;
        if let (Some(org), Some(user)) = (org, tokens.viewer.user_id()) {
            rows::membership_touch(tx, org, user, now).await?;
        }
        Ok(tokens)
    }

    /// Takes the account's session for this transaction; answers the organisation that it works in.
    pub(in crate::service) async fn session_hold(&self, tx: &Tx, account: SignedIn) -> Result<Option<OrgId>> {
        sessions::session_lock(tx, account.session_id).await?;
        let status = rows::session_status_lookup(tx, account.session_id).await?.ok_or(Error::Unauthenticated)?;
        let now = self.clock.now();
        if status.user_id != account.user_id || !status.is_live(now) {
            return Err(Error::Unauthenticated);
        }
        Ok(status.viewer(now).and(status.org_id))
    }

    /// The tokens for a session as its rows now are.
    async fn tokens(&self, tx: &Tx, keys: &KeySet, id: SessionId) -> Result<SessionTokens> {
        let status = rows::session_status_lookup(tx, id).await?.ok_or(Error::Unauthenticated)?;
        let now = self.clock.now();
        let viewer = status.viewer(now).ok_or(Error::Unauthenticated)?;
        let signer = keys.signer().ok_or_else(|| Error::internal("no key signs"))?;
        // A token counts whole seconds.
        let expires_at = (now + self.settings.access_ttl).min(status.expires_at).trunc_subsecs(0);
        let access_token = token::issue(signer, &self.issuer, &status, now, expires_at)?;
        let fresh = opaque::refresh_token();
        let row = refresh_token::Model {
            id: self.clock.id(),
            session_id: id,
            token_hash: Secret::new(fresh.hash),
            expires_at: (now + self.settings.refresh_ttl).min(status.expires_at),
            spent_at: None,
            created_at: now,
        };
        sessions::refresh_token_create(tx, row).await?;
        Ok(SessionTokens { access_token, refresh_token: fresh.text, expires_at, viewer })
    }
}

//! Changing the address of one's own account.
//!
//! Whoever reads an account's mail can take the account over, so that an address changes only when two links were opened,
//! one sent to the address until now and one to the address asked for, by somebody who is signed in to the account. An
//! address that has an account answers like any other: its owner is told, who asked is not. Nobody changes another's.

use chrono::TimeDelta;
use entity::{confidential::Secret, email_change, ids::UserId};
use serde_json::json;

use super::{
    Identity, Inner,
    sessions::{SessionTokens, SignedIn, signed_in},
};
use crate::service::mail::{self, AddressChange};
use crate::{
    auth::{email, opaque},
    error::{Error, Result},
    store::{
        audit::record::{self, Record},
        auth::{
            account,
            email_change::{self as rows, EmailChangeRow, Side},
            one_time, session as sessions,
        },
        db::Role,
    },
    viewer::{Actor, Viewer},
};

/// How long the two links work.
const VALID: TimeDelta = TimeDelta::hours(24);

/// One text for a link that was never made, is another account's, is used, or is too old.
fn bad_link() -> Error {
    Error::validation("token", "This link does not work, or does not work any more.")
}

impl Identity {
    /// Asks for another address: mails a link to the present one and one to the other. Earlier requests become void.
    pub async fn request_email_change(&self, viewer: &Viewer, new: &str) -> Result<()> {
        let inner = &*self.0;
        let user = signed_in(viewer)?.user_id;
        let new = email::normalise(new).ok_or_else(|| Error::validation("newEmail", "This is no address."))?;
        inner.throttle.email_change(&inner.db, &inner.clock, user).await?;

        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let account = account::account_by_id(&tx, user).await?.ok_or(Error::Unauthenticated)?;
        let taken = account::account_lookup(&tx, &new).await?;
        drop(tx);
        if account.email == new {
            return Err(Error::validation("newEmail", "This is the account's address already."));
        }
        let (to_old, to_new) = (opaque::address_token(), opaque::address_token());
        let now = inner.clock.now();
        let row = email_change::Model {
            id: inner.clock.id(),
            user_id: user,
            old_email: account.email.clone(),
            new_email: new.clone(),
            old_token_hash: Secret::new(to_old.hash),
            new_token_hash: Secret::new(to_new.hash),
            old_opened_at: None,
            new_opened_at: None,
            expires_at: now + VALID,
            ended_at: None,
            created_at: now,
        };
        let public_url = &inner.settings.public_url;
        let change = AddressChange { public_url, old: &account.email, new: &new, expires_at: row.expires_at };
        let second = if taken.is_some() { change.to_owner() } else { change.to_new(&to_new.text) };

        let tx = inner.db.begin_write(Role::System, None).await?;
        rows::account_hold(&tx, user).await?;
        rows::email_change_void(&tx, user, now).await?;
        rows::email_change_create(&tx, row).await?;
        mail::enqueue(&tx, &inner.clock, change.to_old(&to_old.text)).await?;
        mail::enqueue(&tx, &inner.clock, second).await?;
        let record = Record::about("user.email_change_requested", user);
        record::platform_record(&tx, &inner.clock, Some(user), record).await?;
        tx.commit().await
    }

    /// Opens one of the two links. The second changes the address, ends every other session of the account, and makes
    /// links void that were mailed to the old address. This session goes on.
    pub async fn confirm_email_change(&self, viewer: &Viewer, token: &str) -> Result<SessionTokens> {
        let inner = &*self.0;
        let signed_in = signed_in(viewer)?;
        let keys = inner.keys.signing().await?;
        inner.open_link(signed_in, token).await?;

        let tx = inner.db.begin_write(Role::Identity, None).await?;
        let org = inner.session_hold(&tx, signed_in).await?;
        let tokens = inner.session_continue(&tx, &keys, signed_in.session_id, org).await?;
        tx.commit().await?;
        Ok(tokens)
    }
}

impl Inner {
    async fn open_link(&self, signed_in: SignedIn, token: &str) -> Result<()> {
        let user = signed_in.user_id;
        let tx = self.db.begin_read(Role::Identity, None).await?;
        let found = rows::email_change_lookup(&tx, user, &opaque::hash(token), self.clock.now()).await?;
        let (id, side) = found.ok_or_else(bad_link)?;
        let orgs = rows::email_change_organizations(&tx, user).await?;
        drop(tx);

        let tx = self.db.begin_write(Role::System, None).await?;
        let now = self.clock.now();
        rows::account_hold(&tx, user).await?;
        let change = rows::email_change_lock(&tx, id, now).await?.ok_or_else(bad_link)?;
        rows::email_change_open(&tx, id, side, now).await?;
        if !complete(&change, side) {
            return tx.commit().await;
        }
        match rows::email_update(&tx, &change, now).await {
            Ok(true) => {}
            // Somebody else has taken it since; the two are told apart by nobody.
            Ok(false) | Err(Error::Conflict(_)) => return Err(bad_link()),
            Err(error) => return Err(error),
        }
        rows::email_change_void(&tx, user, now).await?;
        // A password link that lies in the old mailbox must not open the account.
        one_time::one_time_token_void(&tx, user, now).await?;
        sessions::session_revoke_all(&tx, user, Some(signed_in.session_id), now).await?;
        let record = record(user, &change);
        record::platform_record(&tx, &self.clock, Some(user), record.clone()).await?;
        for org in orgs {
            tx.enter(org).await?;
            record::record(&tx, &self.clock, org, Actor::User(user), record.clone()).await?;
        }
        tx.commit().await
    }
}

/// Whether the other link was opened, too.
const fn complete(change: &EmailChangeRow, opened: Side) -> bool {
    match opened {
        Side::Old => change.new_opened_at.is_some(),
        Side::New => change.old_opened_at.is_some(),
    }
}

fn record(user: UserId, change: &EmailChangeRow) -> Record {
    Record::about("user.email_changed", user).with(json!({ "from": change.old_email, "to": change.new_email }))
}

//! Slows down guessing: so many failed sign-ins per account and per client address in a window of time. And keeps mail
//! to others within bounds: invitations, password links, changes of address.
//!
//! The counters are in the database, so that every copy of the server counts the same. An attempt is counted before the
//! password is looked at and taken back when it was right: of a thousand attempts at one instant, no more than the limit
//! are looked at. An unknown address is counted like a known one.

use std::net::{IpAddr, Ipv6Addr};

use chrono::TimeDelta;
use entity::ids::{OrgId, TypedId, UserId};
use sha2::{Digest, Sha256};

use crate::{
    auth::{ServerSecret, opaque},
    clock::Clock,
    error::{Error, Result},
    store::{
        auth::throttle,
        db::{Database, Role, Tx},
    },
};

/// How much guessing, and how much mail to others, is let through.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleSettings {
    /// Failed sign-ins per account in a window.
    pub per_account: i32,
    /// Failed sign-ins per client address in a window.
    pub per_address: i32,
    /// That window.
    pub window: TimeDelta,
    /// Invitations per organisation in a mail window.
    pub invitations: i32,
    /// Invitations of one organisation to one address in a mail window.
    pub invitations_to_one: i32,
    /// Password links per account in a mail window: so many that its owner asks for, and so many that super-admins do.
    pub password_links: i32,
    /// Requests for password links per client address in a mail window.
    pub password_links_per_address: i32,
    /// Requests for another e-mail address per account in a mail window.
    pub email_changes: i32,
    /// The mail window.
    pub mail_window: TimeDelta,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            per_account: 10,
            per_address: 50,
            window: TimeDelta::minutes(15),
            invitations: 100,
            invitations_to_one: 5,
            password_links: 5,
            password_links_per_address: 20,
            email_changes: 5,
            mail_window: TimeDelta::hours(1),
        }
    }
}

/// Counts attempts.
#[derive(Debug)]
pub struct Throttle {
    settings: ThrottleSettings,
    pepper: [u8; 32],
}

/// An attempt that was counted.
#[derive(Debug)]
pub struct Attempt {
    account: String,
    address: Option<String>,
}

/// A counter and its limit.
type Counter = (String, i32);

impl Throttle {
    /// Counts under keys that only the holder of the secret can compute: the table is no list of addresses.
    pub fn new(settings: ThrottleSettings, secret: &ServerSecret) -> Self {
        Self { settings, pepper: secret.derive("login-throttle/v1") }
    }

    /// Counts an attempt on an account from an address, in a transaction of its own, and refuses it when there were too
    /// many. A sign-in without a client address, such as the command line's, counts on the account alone.
    pub async fn attempt(&self, db: &Database, clock: &Clock, email: &str, client: Option<IpAddr>) -> Result<Attempt> {
        let attempt = Attempt {
            account: self.key("account", email.as_bytes()),
            address: client.map(|address| self.client_key("address", address)),
        };
        let counters = std::iter::once((attempt.account.clone(), self.settings.per_account))
            .chain(attempt.address.clone().map(|key| (key, self.settings.per_address)));
        self.count(db, clock, counters, self.settings.window).await?;
        Ok(attempt)
    }

    /// Counts an invitation. The address counts inside its organisation alone: nobody learns here whom others invite.
    pub async fn invitation(&self, db: &Database, clock: &Clock, org: OrgId, email: &str) -> Result<()> {
        let org = org.uuid();
        let counters = [
            (self.key("invitation", org.as_bytes()), self.settings.invitations),
            (self.key("invitation-to", &[org.as_bytes(), email.as_bytes()].concat()), self.settings.invitations_to_one),
        ];
        self.count(db, clock, counters, self.settings.mail_window).await
    }

    /// Counts a request for a password link, known address or not.
    pub async fn password_link(&self, db: &Database, clock: &Clock, email: &str, client: Option<IpAddr>) -> Result<()> {
        let from =
            client.map(|at| (self.client_key("password-link-from", at), self.settings.password_links_per_address));
        let counters =
            std::iter::once((self.key("password-link", email.as_bytes()), self.settings.password_links)).chain(from);
        self.count(db, clock, counters, self.settings.mail_window).await
    }

    /// Counts a password link that a super-admin has sent. A counter of its own: strangers cannot use it up.
    pub async fn password_link_by_admin(&self, db: &Database, clock: &Clock, user: UserId) -> Result<()> {
        let counter = (self.key("password-link-sent", user.uuid().as_bytes()), self.settings.password_links);
        self.count(db, clock, [counter], self.settings.mail_window).await
    }

    /// Counts a request for another e-mail address.
    pub async fn email_change(&self, db: &Database, clock: &Clock, user: UserId) -> Result<()> {
        let counter = (self.key("email-change", user.uuid().as_bytes()), self.settings.email_changes);
        self.count(db, clock, [counter], self.settings.mail_window).await
    }

    /// Raises counters in a transaction of its own, and refuses where one is over its limit.
    async fn count(
        &self,
        db: &Database,
        clock: &Clock,
        counters: impl IntoIterator<Item = Counter, IntoIter: Send> + Send,
        window: TimeDelta,
    ) -> Result<()> {
        let now = clock.now();
        let tx = db.begin_write(Role::Identity, None).await?;
        let mut wait = TimeDelta::zero();
        for (key, limit) in counters {
            let row = throttle::throttle_raise(&tx, &key, now, now - window).await?;
            let row = row.ok_or_else(|| Error::internal("a counter was raised and is not there"))?;
            if row.failures > limit {
                wait = wait.max(row.window_started_at + window - now);
            }
        }
        tx.commit().await?;
        if wait > TimeDelta::zero() {
            let retry_after = u64::try_from(wait.num_milliseconds()).unwrap_or(0).div_ceil(1000);
            return Err(Error::RateLimited { retry_after });
        }
        Ok(())
    }

    /// Takes the attempt back: the password was never looked at.
    pub async fn take_back(&self, db: &Database, attempt: &Attempt) -> Result<()> {
        let tx = db.begin_write(Role::Identity, None).await?;
        for key in std::iter::once(&attempt.account).chain(&attempt.address) {
            throttle::throttle_lower(&tx, key).await?;
        }
        tx.commit().await
    }

    /// Notes that the password was right: the account's failures are forgotten, the address's stay.
    pub async fn succeed(&self, tx: &Tx, attempt: &Attempt) -> Result<()> {
        throttle::throttle_reset(tx, &attempt.account).await?;
        match &attempt.address {
            Some(key) => throttle::throttle_lower(tx, key).await,
            None => Ok(()),
        }
    }

    /// Forgets an account's failures: its owner has proved to be its owner.
    pub async fn forgive(&self, tx: &Tx, email: &str) -> Result<()> {
        throttle::throttle_reset(tx, &self.key("account", email.as_bytes())).await
    }

    /// Removes counters whose window is over.
    pub async fn sweep(&self, db: &Database, clock: &Clock) -> Result<u64> {
        let tx = db.begin_write(Role::Identity, None).await?;
        let window = self.settings.window.max(self.settings.mail_window);
        let removed = throttle::throttle_sweep(&tx, clock.now() - window).await?;
        tx.commit().await?;
        Ok(removed)
    }

    fn client_key(&self, kind: &str, client: IpAddr) -> String {
        self.key(kind, &network(client).octets())
    }

    fn key(&self, kind: &str, value: &[u8]) -> String {
        let digest = Sha256::new().chain_update(self.pepper).chain_update(kind).chain_update([0]).chain_update(value);
        opaque::hex(&digest.finalize())
    }
}

/// Whom an address stands for: one for IPv4, however it is written; a network of 64 bits for IPv6, where anybody has as
/// many addresses as they like.
fn network(address: IpAddr) -> Ipv6Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_counts_as_one_address_and_ipv4_has_one_spelling() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("192.0.2.7"), of("::ffff:192.0.2.7"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
    }

    #[test]
    fn a_key_tells_neither_address_nor_account() {
        let throttle = |n| Throttle::new(ThrottleSettings::default(), &ServerSecret::new([n; 32]));
        let key = throttle(1).key("account", b"ada@example.com");
        assert_eq!(key.len(), 64);
        assert_ne!(key, throttle(2).key("account", b"ada@example.com"));
        assert_ne!(key, throttle(1).key("address", b"ada@example.com"));
    }
}

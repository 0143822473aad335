//! Who is asking: from a request's headers to its viewer.
//!
//! [`Identity::authenticate`] is the one door. No header is [`Viewer::Anonymous`]; everything else is a viewer under the
//! rows as they are now, or [`Error::Unauthenticated`], one answer for every reason.
//!
//! ```ignore
//! let headers = request.headers().get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
//! let viewer = identity.authenticate(headers).await?;
//! ```
//!
//! Sessions and passwords are in [`session`](super::session), invitations in [`invitation`](super::invitation).

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use entity::ids::{OrgId, ServiceAccountId};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::{
    key_ring::KeyRing,
    throttle::{Throttle, ThrottleSettings},
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    identity::{Claims, Passwords, ServerSecret, ServiceKey, bearer, service_key, token, token::Issuer},
    store::{
        db::{Database, Role},
        identity as rows,
        identity::MembershipRow,
    },
    viewer::{Account, Viewer},
};

/// Verified tokens that are remembered. An entry is a few hundred bytes.
const REMEMBERED: u64 = 20_000;
/// Sessions that ended are kept this long, so that a token used twice is still known as such.
const SESSIONS_KEPT: TimeDelta = TimeDelta::days(7);

/// How often the use of a key is noted, at most.
const KEY_USE_NOTED: TimeDelta = TimeDelta::minutes(1);

/// What sign-in is told by the settings.
#[derive(Clone, Debug)]
pub struct IdentitySettings {
    /// `iss` of our tokens: the address under which the platform is reached.
    pub issuer: String,
    /// `aud` of our tokens.
    pub audience: String,
    /// How long an access token lives.
    pub access_ttl: TimeDelta,
    /// How long a refresh token may lie unused.
    pub refresh_ttl: TimeDelta,
    /// How long a session lasts, however often it is refreshed.
    pub session_ttl: TimeDelta,
    /// How much guessing is let through.
    pub throttle: ThrottleSettings,
    /// Where the platform is reached, for links in mails.
    pub public_url: String,
}

impl IdentitySettings {
    /// The usual lifetimes for a platform reached at `public_url`.
    pub fn new(public_url: impl Into<String>) -> Self {
        let public_url = public_url.into();
        Self {
            issuer: public_url.clone(),
            audience: "palisade".to_owned(),
            access_ttl: TimeDelta::minutes(15),
            refresh_ttl: TimeDelta::days(30),
            session_ttl: TimeDelta::days(90),
            throttle: ThrottleSettings::default(),
            public_url,
        }
    }
}

/// A verified token, or a service account's key. Whether it still holds is for [`Identity::viewer_of`] to say.
#[derive(Clone, Debug)]
pub struct Credential(Proof);

#[derive(Clone, Debug)]
enum Proof {
    Token(Arc<Claims>),
    Key(ServiceKey),
}

/// Sign-in. Clones share everything.
#[derive(Clone, Debug)]
pub struct Identity(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) db: Database,
    pub(super) clock: Clock,
    pub(super) settings: IdentitySettings,
    pub(super) issuer: Issuer,
    pub(super) keys: KeyRing,
    pub(super) passwords: Passwords,
    pub(super) throttle: Throttle,
    verified: Cache<[u8; 32], Arc<Claims>>,
    /// When this process last noted the use of a key.
    noted: Cache<(OrgId, ServiceAccountId), DateTime<Utc>>,
}

impl Identity {
    /// Puts it together; touches no database yet.
    pub fn new(db: Database, clock: Clock, secret: ServerSecret, settings: IdentitySettings) -> Self {
        let issuer = Issuer { issuer: settings.issuer.clone(), audience: settings.audience.clone() };
        let throttle = Throttle::new(settings.throttle, &secret);
        let keys = KeyRing::new(db.clone(), clock.clone(), secret, settings.access_ttl);
        // An entry that outlives its token by the cache's clock is refused by ours.
        let ttl = settings.access_ttl.to_std().unwrap_or_default();
        let verified = Cache::builder().max_capacity(REMEMBERED).time_to_live(ttl).build();
        let noted = Cache::builder().max_capacity(REMEMBERED).build();
        let passwords = Passwords::default();
        Self(Arc::new(Inner { db, clock, settings, issuer, keys, passwords, throttle, verified, noted }))
    }

    /// Makes the first signing key where there is none: the other copies of the server find it. Not needed before the
    /// first request, which would do the same; at start it tells early that the secret is the wrong one.
    pub async fn start(&self) -> Result<()> {
        self.0.keys.signing().await.map(drop)
    }

    /// The signing keys, for rotation and `/.well-known/jwks.json`.
    pub fn keys(&self) -> &KeyRing {
        &self.0.keys
    }

    /// Counts what may be done so often only.
    pub fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// How many passwords were hashed or verified, for the metrics.
    pub fn hashes(&self) -> u64 {
        self.0.passwords.done()
    }

    /// The viewer of a request, given the values of all its `Authorization` headers.
    pub async fn authenticate<'a>(&self, authorization: impl IntoIterator<Item = &'a [u8]>) -> Result<Viewer> {
        match bearer::token(authorization)? {
            None => Ok(Viewer::Anonymous),
            Some(token) => self.authenticate_token(token).await,
        }
    }

    /// The viewer of a bearer token that did not come in a header, such as a websocket's: a session's or a service
    /// account's key.
    pub async fn authenticate_token(&self, token: &str) -> Result<Viewer> {
        if service_key::is_key(token) {
            return self.service_account(&ServiceKey::parse(bearer::checked(token)?)?).await;
        }
        let claims = self.verify(token).await?;
        self.viewer(&claims).await
    }

    /// What a token claims, once it is proved to be ours. Whether that still holds is asked of the rows, every time.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>> {
        let inner = &*self.0;
        let token = bearer::checked(token)?;
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(claims) = inner.verified.get(&hash) {
            let now = inner.clock.now();
            if now < claims.expires_at && inner.keys.verifying(claims.key_id).await?.is_some() {
                return Ok(claims);
            }
            inner.verified.invalidate(&hash);
            return Err(Error::Unauthenticated);
        }
        let unverified = token::parse(token)?;
        let keys = inner.keys.verifying(unverified.key_id()).await?.ok_or(Error::Unauthenticated)?;
        let now = inner.clock.now();
        let key = keys.find(unverified.key_id(), now).ok_or(Error::Unauthenticated)?;
        let claims = Arc::new(unverified.verify(key, &inner.issuer, now)?);
        inner.verified.insert(hash, Arc::clone(&claims));
        Ok(claims)
    }

    /// The viewer for verified claims under the rows as they are now: one query. A subscription asks again for each
    /// event.
    pub async fn viewer(&self, claims: &Claims) -> Result<Viewer> {
        let inner = &*self.0;
        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let standing = rows::standing_lookup(&tx, claims.session_id).await?.ok_or(Error::Unauthenticated)?;
        standing.viewer_for(claims, inner.clock.now())
    }

    /// What a stream signs in with, proved once: what it is worth is asked again as long as the stream lasts. No header is
    /// nobody, who follows nothing.
    pub async fn credential<'a>(&self, authorization: impl IntoIterator<Item = &'a [u8]>) -> Result<Credential> {
        let token = bearer::token(authorization)?.ok_or(Error::Unauthenticated)?;
        if service_key::is_key(token) {
            return Ok(Credential(Proof::Key(ServiceKey::parse(bearer::checked(token)?)?)));
        }
        Ok(Credential(Proof::Token(self.verify(token).await?)))
    }

    /// The viewer of a credential under the rows as they are now.
    pub async fn viewer_of(&self, credential: &Credential) -> Result<Viewer> {
        match &credential.0 {
            Proof::Token(claims) if self.0.keys.verifying(claims.key_id).await?.is_none() => {
                Err(Error::Unauthenticated)
            }
            Proof::Token(claims) => self.viewer(claims).await,
            Proof::Key(key) => self.service_account(key).await,
        }
    }

    /// Which of these credentials are worth nothing any more: one query for all tokens, and one for all keys.
    pub async fn spent(&self, credentials: &[Credential]) -> Result<Vec<bool>> {
        let inner = &*self.0;
        let (mut sessions, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for credential in credentials {
            match &credential.0 {
                Proof::Token(claims) => drop(sessions.insert(claims.session_id)),
                Proof::Key(key) => drop(keys.insert(key.id)),
            }
        }
        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let standings = rows::standing_list(&tx, &Vec::from_iter(sessions)).await?;
        let key_standings = rows::service_account::key_list(&tx, &Vec::from_iter(keys)).await?;
        drop(tx);
        let now = inner.clock.now();
        let mut spent = Vec::with_capacity(credentials.len());
        for credential in credentials {
            let holds = match &credential.0 {
                Proof::Token(claims) => {
                    let standing = standings.get(&claims.session_id);
                    standing.is_some_and(|standing| standing.viewer_for(claims, now).is_ok())
                        && inner.keys.verifying(claims.key_id).await?.is_some()
                }
                Proof::Key(key) => {
                    let standing = key_standings.get(&(key.org_id, key.id));
                    standing.is_some_and(|standing| standing.clone().viewer(key, now).is_ok())
                }
            };
            spent.push(!holds);
        }
        Ok(spent)
    }

    /// Whether a credential's time is over, which no database need be asked about.
    pub fn expired(&self, credential: &Credential) -> bool {
        match &credential.0 {
            Proof::Token(claims) => self.0.clock.now() >= claims.expires_at,
            Proof::Key(_) => false,
        }
    }

    /// The viewer for a service account's key under the rows as they are now: one query. Nothing of it is remembered, so
    /// that a key that was revoked, or whose maker is no admin any more, is refused at once. No throttle stands before
    /// it: a key is 256 random bits, and a wrong one costs a look-up by primary key.
    pub async fn service_account(&self, key: &ServiceKey) -> Result<Viewer> {
        let inner = &*self.0;
        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let standing =
            rows::service_account::key_lookup(&tx, key.org_id, key.id).await?.ok_or(Error::Unauthenticated)?;
        drop(tx);
        let (now, last_used_at) = (inner.clock.now(), standing.last_used_at);
        let viewer = standing.viewer(key, now)?;
        if last_used_at.is_none_or(|last| last <= now - KEY_USE_NOTED) {
            self.note_use(key, now);
        }
        Ok(viewer)
    }

    /// Notes that a key is used now. Nobody waits for it, and what it cannot write is not written.
    fn note_use(&self, key: &ServiceKey, now: DateTime<Utc>) {
        let (org_id, id) = (key.org_id, key.id);
        let before = now - KEY_USE_NOTED;
        // A burst of requests finds the row as it was: one of them writes.
        if self.0.noted.get(&(org_id, id)).is_some_and(|noted| before < noted) {
            return;
        }
        self.0.noted.insert((org_id, id), now);
        let db = self.0.db.clone();
        tokio::spawn(async move {
            let noted = async {
                let tx = db.begin_write(Role::System, Some(org_id)).await?;
                rows::service_account::key_touch(&tx, org_id, id, now, before).await?;
                tx.commit().await
            };
            if let Err(error) = noted.await {
                tracing::debug!(?error, "the use of a key was not noted");
            }
        });
    }

    /// Every organisation that the account may switch to, the last used one first.
    pub async fn memberships(&self, account: &Account) -> Result<Vec<MembershipRow>> {
        let tx = self.0.db.begin_read(Role::Identity, None).await?;
        rows::membership_list(&tx, account.user_id).await
    }

    /// Removes what is over: sessions, their tokens, counters, changes of address. For a job.
    pub async fn sweep(&self) -> Result<()> {
        let inner = &*self.0;
        inner.throttle.sweep(&inner.db, &inner.clock).await?;
        let tx = inner.db.begin_write(Role::Identity, None).await?;
        rows::session::session_sweep(&tx, inner.clock.now() - SESSIONS_KEPT).await?;
        rows::email_change::email_change_sweep(&tx, inner.clock.now()).await?;
        tx.commit().await
    }
}

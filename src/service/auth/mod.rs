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
//! Sessions and passwords are in [`session`](super::auth::sessions), invitations in [`invitation`](super::auth::invitations).

pub mod bootstrap_admin;
pub mod email_change;
pub mod external_login;
pub mod invitations;
pub mod issuers;
pub mod key_ring;
pub mod password_reset;
pub mod sessions;
pub mod throttle;

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use entity::ids::{OrgId, ServiceAccountId};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::auth::{
    issuers::{Issuers, TrustedIssuer},
    key_ring::KeyRing,
    throttle::{Throttle, ThrottleSettings},
};
use crate::{
    auth::{
        Claims, Passwords, ServerSecret, ServiceKey, bearer, external,
        external::{ExternalClaims, Unverified},
        service_key, token,
        token::Issuer,
    },
    clock::Clock,
    error::{Error, Result},
    store::{
        auth as rows,
        auth::MembershipRow,
        db::{Database, Role},
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
    /// Whose tokens are taken besides ours.
    pub issuers: Issuers,
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
            issuers: Issuers::default(),
        }
    }
}

/// A verified token, or a service account's key. Whether it still holds is for [`Identity::viewer_of`] to say.
#[derive(Clone, Debug)]
pub struct Credential(Shown);

#[derive(Clone, Debug)]
enum Shown {
    Token(Proof),
    Key(ServiceKey),
}

/// Sign-in. Clones share everything.
#[derive(Clone, Debug)]
pub struct Identity(pub(in crate::service) Arc<Inner>);

#[derive(Debug)]
pub(in crate::service) struct Inner {
    pub(in crate::service) db: Database,
    pub(in crate::service) clock: Clock,
    pub(in crate::service) settings: IdentitySettings,
    pub(in crate::service) issuer: Issuer,
    pub(in crate::service) keys: KeyRing,
    pub(in crate::service) passwords: Passwords,
    pub(in crate::service) throttle: Throttle,
    verified: Cache<[u8; 32], Proof>,
    /// When this process last noted the use of a key.
    noted: Cache<(OrgId, ServiceAccountId), DateTime<Utc>>,
}

/// What a token claims, once it is proved. Whether that still holds the rows say, every time.
#[derive(Clone, Debug)]
pub enum Proof {
    /// We issued it.
    Ours(Arc<Claims>),
    /// An external issuer did, whom the settings name.
    External(Arc<ExternalClaims>),
}

impl Proof {
    /// When it ends whatever happens.
    pub fn expires_at(&self) -> DateTime<Utc> {
        match self {
            Self::Ours(claims) => claims.expires_at,
            Self::External(claims) => claims.expires_at,
        }
    }
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
        let proof = self.verify(token).await?;
        self.viewer(&proof).await
    }

    /// What a token claims, once it is proved to be ours or an issuer's that we trust. Whether that still holds is asked of
    /// the rows, every time.
    pub async fn verify(&self, token: &str) -> Result<Proof> {
        let inner = &*self.0;
        let token = bearer::checked(token)?;
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(proof) = inner.verified.get(&hash) {
            if inner.clock.now() < proof.expires_at() && inner.key_is_valid(&proof).await? {
                return Ok(proof);
            }
            inner.verified.invalidate(&hash);
            return Err(Error::Unauthenticated);
        }
        let foreign = if inner.settings.issuers.is_empty() { None } else { external::parse(token) };
        let issuer = foreign.as_ref().and_then(|token| inner.settings.issuers.find(token.issuer()?));
        let proof = match (foreign.as_ref(), issuer) {
            (Some(token), Some(issuer)) => inner.verify_external(token, issuer).await?,
            _ => inner.verify_ours(token).await?,
        };
        inner.verified.insert(hash, proof.clone());
        Ok(proof)
    }

    /// The viewer for verified claims under the rows as they are now: one query. A subscription asks again for each
    /// event.
    pub async fn viewer(&self, proof: &Proof) -> Result<Viewer> {
        let claims = match proof {
            Proof::Ours(claims) => claims,
            Proof::External(claims) => return self.external_viewer(claims).await,
        };
        let inner = &*self.0;
        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let status = rows::session_status_lookup(&tx, claims.session_id).await?.ok_or(Error::Unauthenticated)?;
        status.viewer_for(claims, inner.clock.now())
    }

    /// What a stream signs in with, proved once: what it is worth is asked again as long as the stream lasts. No header is
    /// nobody, who follows nothing.
    pub async fn credential<'a>(&self, authorization: impl IntoIterator<Item = &'a [u8]>) -> Result<Credential> {
        let token = bearer::token(authorization)?.ok_or(Error::Unauthenticated)?;
        if service_key::is_key(token) {
            return Ok(Credential(Shown::Key(ServiceKey::parse(bearer::checked(token)?)?)));
        }
        Ok(Credential(Shown::Token(self.verify(token).await?)))
    }

    /// The viewer of a credential under the rows as they are now.
    pub async fn viewer_of(&self, credential: &Credential) -> Result<Viewer> {
        match &credential.0 {
            Shown::Token(proof) if !self.0.key_is_valid(proof).await? => Err(Error::Unauthenticated),
            Shown::Token(proof) => self.viewer(proof).await,
            Shown::Key(key) => self.service_account(key).await,
        }
    }

    /// Which of these credentials are worth nothing any more: one query for all of our tokens, one for all keys, and one
    /// for each external token.
    pub async fn spent(&self, credentials: &[Credential]) -> Result<Vec<bool>> {
        let inner = &*self.0;
        let (mut sessions, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for credential in credentials {
            match &credential.0 {
                Shown::Token(Proof::Ours(claims)) => drop(sessions.insert(claims.session_id)),
                Shown::Token(Proof::External(_)) => {}
                Shown::Key(key) => drop(keys.insert(key.id)),
            }
        }
        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let statuses = rows::session_status_list(&tx, &Vec::from_iter(sessions)).await?;
        let key_statuses = rows::service_account::key_list(&tx, &Vec::from_iter(keys)).await?;
        drop(tx);
        let now = inner.clock.now();
        let mut spent = Vec::with_capacity(credentials.len());
        for credential in credentials {
            let holds = match &credential.0 {
                Shown::Token(Proof::External(claims)) => {
                    let (status, _) = inner.external_status(claims).await?;
                    status.is_some_and(|status| status.viewer_for(claims, now).is_ok())
                }
                Shown::Token(Proof::Ours(claims)) => {
                    let status = statuses.get(&claims.session_id);
                    status.is_some_and(|status| status.viewer_for(claims, now).is_ok())
                        && inner.keys.verifying(claims.key_id).await?.is_some()
                }
                Shown::Key(key) => {
                    let status = key_statuses.get(&(key.org_id, key.id));
                    status.is_some_and(|status| status.clone().viewer(key, now).is_ok())
                }
            };
            spent.push(!holds);
        }
        Ok(spent)
    }

    /// Whether a credential's time is over, which no database need be asked about.
    pub fn expired(&self, credential: &Credential) -> bool {
        match &credential.0 {
            Shown::Token(proof) => self.0.clock.now() >= proof.expires_at(),
            Shown::Key(_) => false,
        }
    }

    /// Reads the keys of external issuers that are due. For a job.
    pub async fn refresh_issuers(&self) {
        self.0.settings.issuers.refresh().await;
    }

    /// The viewer for a service account's key under the rows as they are now: one query. Nothing of it is remembered, so
    /// that a key that was revoked, or whose maker is no admin any more, is refused at once. No throttle stands before
    /// it: a key is 256 random bits, and a wrong one costs a look-up by primary key.
    pub async fn service_account(&self, key: &ServiceKey) -> Result<Viewer> {
        let inner = &*self.0;
        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let status = rows::service_account::key_lookup(&tx, key.org_id, key.id).await?.ok_or(Error::Unauthenticated)?;
        drop(tx);
        let (now, last_used_at) = (inner.clock.now(), status.last_used_at);
        let viewer = status.viewer(key, now)?;
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

impl Inner {
    async fn verify_ours(&self, token: &str) -> Result<Proof> {
        let unverified = token::parse(token)?;
        let keys = self.keys.verifying(unverified.key_id()).await?.ok_or(Error::Unauthenticated)?;
        let now = self.clock.now();
        let key = keys.find(unverified.key_id(), now).ok_or(Error::Unauthenticated)?;
        Ok(Proof::Ours(Arc::new(unverified.verify(key, &self.issuer, now)?)))
    }

    async fn verify_external(&self, token: &Unverified<'_>, issuer: &Arc<TrustedIssuer>) -> Result<Proof> {
        // What its own header rules out makes nobody ask the issuer for keys.
        let signed = token.signed(issuer.trust()).ok_or(Error::Unauthenticated)?;
        let keys = issuer.keys(|keys| keys.find(signed).is_some()).await?.ok_or(Error::Unauthenticated)?;
        let key = keys.find(signed).ok_or(Error::Unauthenticated)?;
        let claims = token.verify(key, issuer.trust(), self.clock.now()).ok_or(Error::Unauthenticated)?;
        Ok(Proof::External(Arc::new(claims)))
    }

    /// Whether the key that signed still counts.
    async fn key_is_valid(&self, proof: &Proof) -> Result<bool> {
        match proof {
            Proof::Ours(claims) => Ok(self.keys.verifying(claims.key_id).await?.is_some()),
            Proof::External(claims) => match self.settings.issuers.find(&claims.issuer) {
                Some(issuer) => Ok(issuer.keys(|keys| keys.has(&claims.key)).await?.is_some()),
                None => Ok(false),
            },
        }
    }
}

//! The keys of external issuers that this process knows, and how it learns of others.
//!
//! | the keys that are held | what happens |
//! |---|---|
//! | younger than twice `refresh`, and the wanted one is among them | they are used |
//! | older, younger than `max_stale` | one request reads anew; where that fails, or somebody else is at it, they are used |
//! | without the wanted one | read anew; still without it, the token is refused |
//! | none, or older than `max_stale` | read anew; where that fails nobody can say what a token is worth: `UNAVAILABLE` |
//!
//! Whatever asks, an issuer is read at most once in [`PATIENCE`], by one reader at a time, whose work a client that hangs
//! up does not undo. A job reads what is older than `refresh`, so that requests seldom wait.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    auth::{
        external::{ExternalKeys, Trust},
        strict_json,
    },
    clock::Clock,
    config::{ExternalIssuer, reachable},
    error::{Error, Result},
};

/// How often an issuer is asked, whatever tokens say.
pub const PATIENCE: TimeDelta = TimeDelta::seconds(10);
/// How long an issuer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest document that is read.
const LONGEST: usize = 512 * 1024;

/// The issuers that the settings name. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Issuers(Arc<[Arc<TrustedIssuer>]>);

impl Issuers {
    /// Puts them together; asks none yet. The settings have checked each.
    pub fn new(settings: &[ExternalIssuer], clock: &Clock) -> Result<Self> {
        if settings.is_empty() {
            return Ok(Self::default());
        }
        let client = client()?;
        let issuer = |settings: &ExternalIssuer| {
            let source = if !settings.jwks_file.as_os_str().is_empty() {
                Source::File(settings.jwks_file.clone())
            } else if settings.jwks_url.is_empty() {
                Source::Discovery(client.clone())
            } else {
                Source::Url(client.clone(), settings.jwks_url.clone())
            };
            let span = |span| TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
            Arc::new(TrustedIssuer {
                name: settings.name.clone(),
                trust: Trust::new(settings),
                source,
                refresh: span(settings.refresh),
                max_stale: span(settings.max_stale),
                clock: clock.clone(),
                held: RwLock::default(),
                reading: Mutex::default(),
            })
        };
        Ok(Self(settings.iter().map(issuer).collect()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The issuer of that name.
    pub fn find(&self, issuer: &str) -> Option<&Arc<TrustedIssuer>> {
        self.0.iter().find(|known| *known.trust.issuer == *issuer)
    }

    /// Reads the keys that are older than their `refresh`. For a job.
    pub async fn refresh(&self) {
        for issuer in &*self.0 {
            if issuer.held().keys(issuer.clock.now(), issuer.refresh).is_none() {
                let _reading = issuer.reading.lock().await;
                issuer.read_if_due().await;
            }
        }
    }
}

/// Follows no redirect, and no proxy that the environment names: where keys come from, the settings alone say.
fn client() -> Result<reqwest::Client> {
    // Taken for this purpose where no other crate has set one. It fails where one has, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT)
        .user_agent(concat!("palisade/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Error::internal(format!("a client for external issuers: {error}")))
}

enum Source {
    /// The issuer's own word for where its keys are.
    Discovery(reqwest::Client),
    Url(reqwest::Client, String),
    File(PathBuf),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discovery(_) => f.write_str("Discovery"),
            Self::Url(_, url) => write!(f, "Url({url})"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

/// What is known of an issuer's keys.
#[derive(Clone, Debug, Default)]
struct Held {
    keys: Option<(Arc<ExternalKeys>, DateTime<Utc>)>,
    tried_at: Option<DateTime<Utc>>,
}

impl Held {
    /// The keys, if they are younger than `age`. A clock that was set back makes them stale, too.
    fn keys(&self, now: DateTime<Utc>, age: TimeDelta) -> Option<Arc<ExternalKeys>> {
        self.keys.as_ref().filter(|(_, read_at)| (now - *read_at).abs() < age).map(|(keys, _)| Arc::clone(keys))
    }
}

/// An issuer that the settings name, with its keys.
#[derive(Debug)]
pub struct TrustedIssuer {
    name: String,
    trust: Trust,
    source: Source,
    refresh: TimeDelta,
    max_stale: TimeDelta,
    clock: Clock,
    held: RwLock<Held>,
    reading: Mutex<()>,
}

impl TrustedIssuer {
    /// How far it is believed.
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Keys among which is a wanted one; `None` where the issuer has none such.
    pub async fn keys(self: &Arc<Self>, wanted: impl Fn(&ExternalKeys) -> bool) -> Result<Option<Arc<ExternalKeys>>> {
        let now = self.clock.now();
        let late = self.refresh.checked_add(&self.refresh).unwrap_or(TimeDelta::MAX).min(self.max_stale);
        let held = self.held();
        if let Some(keys) = held.keys(now, late).filter(|keys| wanted(keys)) {
            return Ok(Some(keys));
        }
        if held.keys(now, self.max_stale).is_some_and(|keys| wanted(&keys)) {
            // They will do if they must: nobody waits for somebody else's reading.
            if let Ok(_reading) = self.reading.try_lock() {
                self.read_if_due().await;
            }
        } else {
            let _reading = self.reading.lock().await;
            self.read_if_due().await;
        }
        match self.held().keys(self.clock.now(), self.max_stale) {
            Some(keys) => Ok(Some(keys).filter(|keys| wanted(keys))),
            None => Err(Error::Unavailable(format!("there are no keys of the issuer {}", self.name))),
        }
    }

    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Reads the keys, unless that was tried a moment ago. The caller holds `reading`.
    async fn read_if_due(self: &Arc<Self>) {
        let now = self.clock.now();
        if self.held().tried_at.is_some_and(|tried_at| (now - tried_at).abs() < PATIENCE) {
            return;
        }
        self.change(|held| held.tried_at = Some(now));
        // On its own: a client that hangs up must not end what others are waiting for.
        let this = Arc::clone(self);
        let read = tokio::spawn(async move {
            match tokio::time::timeout(TIMEOUT * 2, this.read()).await.unwrap_or_else(|_| Err("too slow".to_owned())) {
                Ok(keys) => {
                    tracing::debug!(issuer = this.name, keys = keys.len(), "read an external issuer's keys");
                    this.change(|held| held.keys = Some((Arc::new(keys), now)));
                }
                Err(cause) => tracing::warn!(issuer = this.name, cause, "an external issuer's keys could not be read"),
            }
        });
        // It fails only by a panic, which has been told.
        let _ = read.await;
    }

    async fn read(&self) -> Result<ExternalKeys, String> {
        let bytes = match &self.source {
            Source::File(path) => read_file(path).await?,
            Source::Url(client, url) => get(client, url).await?,
            Source::Discovery(client) => get(client, &self.discover(client).await?).await?,
        };
        ExternalKeys::read(&bytes).ok_or_else(|| "this is no JWK set".to_owned())
    }

    /// Where the issuer says that its keys are.
    async fn discover(&self, client: &reqwest::Client) -> Result<String, String> {
        let issuer = &*self.trust.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document = strict_json::object(&get(client, &url).await?).ok_or("this is no discovery document")?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(issuer) {
            return Err("the discovery document is another issuer's".to_owned());
        }
        let keys = text("jwks_uri").ok_or("the discovery document names no keys")?;
        // What is said over TLS leads to what is said over TLS; only an issuer on this machine leads to this machine.
        if !reachable(keys) || keys.starts_with("http://") && !issuer.starts_with("http://") {
            return Err("the discovery document leads where nobody is asked".to_owned());
        }
        Ok(keys.to_owned())
    }
}

async fn read_file(path: &PathBuf) -> Result<Vec<u8>, String> {
    let length = tokio::fs::metadata(path).await.map_err(|error| error.to_string())?.len();
    if usize::try_from(length).is_ok_and(|length| length <= LONGEST) {
        tokio::fs::read(path).await.map_err(|error| error.to_string())
    } else {
        Err("the file is too long".to_owned())
    }
}

async fn get(client: &reqwest::Client, url: &str) -> Result<Vec<u8>, String> {
    let told = |error: reqwest::Error| error.without_url().to_string();
    let mut response = client.get(url).header("accept", "application/json").send().await.map_err(told)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(format!("it answered {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        if body.len() + chunk.len() > LONGEST {
            return Err("the answer is too long".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

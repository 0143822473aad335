//! Settings: one struct, from a TOML file and the environment, read once.
//!
//! Every setting has a default, a name (`http.listen`), a variable (`PALISADE_HTTP__LISTEN`) and a sentence in
//! [`describe::DOCS`], from which `docs/settings.md` is printed. The environment wins over the file. A key that does not
//! exist is an error, in the file and in the environment alike: a misspelt limit must not leave the door open.
//!
//! Secrets are [`Sensitive`]: neither `Debug` nor `serve --print-config` shows them, and no error here repeats a value.
//!
//! ```
//! let config = palisade::config::Config::load(None, [("PALISADE_LIMITS__DEPTH".into(), "9".into())])?;
//! assert_eq!(config.limits.depth, 9);
//! # Ok::<(), palisade::config::ConfigError>(())
//! ```

pub mod describe;
mod issuer;
mod load;
mod mail;
pub mod secret;
mod sensitive;
mod span;
mod work;

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

pub use issuer::{ClaimNames, ExternalIssuer, reachable, trustworthy};
pub use load::ConfigError;
pub use mail::{Mail, SmtpSecurity, Throttle};
pub use sensitive::{DatabaseUrl, Sensitive};
pub use work::{Approvals, Chat, Tasks, Workspace, WorkspaceBackend};

/// All settings.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the server keeps what it makes itself.
    pub data: Data,
    /// The HTTP door.
    pub http: Http,
    /// The database.
    pub database: Database,
    /// Tokens and secrets.
    pub identity: Identity,
    /// How large a request may be.
    pub limits: Limits,
    /// Subscriptions.
    pub streams: Streams,
    /// Outgoing mail.
    pub mail: Mail,
    /// Approval requests.
    pub approvals: Approvals,
    /// Chats.
    pub chat: Chat,
    /// How much guessing, and how much mail to others, is let through.
    pub throttle: Throttle,
    /// Goals' files.
    pub workspace: Workspace,
    /// Leases and retries of tasks.
    pub tasks: Tasks,
    /// Logging.
    pub log: Log,
}

/// Where the server keeps what it makes itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// The folder under which the embedded database, the mailbox, the workspace and a generated secret lie.
    pub dir: PathBuf,
}

/// The HTTP door.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: String,
    /// Where clients reach the server; links in mails start with it.
    pub public_url: String,
    /// Largest request body, in bytes.
    pub body_limit: usize,
    /// How long a request may take.
    #[serde(with = "span")]
    pub timeout: Duration,
    /// How long requests that run may go on after a signal to stop.
    #[serde(with = "span")]
    pub shutdown_grace: Duration,
    /// Origins that browsers may call from; none by default.
    pub allowed_origins: Vec<String>,
    /// How many proxies in front append to `X-Forwarded-For`.
    pub trusted_proxies: usize,
}

/// The database.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgres://…` or `sqlite:PATH`; empty for the embedded one in the data folder.
    pub url: DatabaseUrl,
    /// The address for members' requests, where they have a login of their own; empty for `url`. So with the next three.
    pub tenant_url: DatabaseUrl,
    /// The address for super-admins' requests.
    pub operator_url: DatabaseUrl,
    /// The address for sign-in.
    pub identity_url: DatabaseUrl,
    /// The address for the platform's own jobs.
    pub system_url: DatabaseUrl,
    /// Connections for each database role.
    pub max_connections: u32,
    /// How long a request waits for a connection.
    #[serde(with = "span")]
    pub acquire_timeout: Duration,
    /// Whether `serve` applies pending migrations.
    pub migrate_on_start: bool,
}

/// Tokens and secrets.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// `iss` of built-in tokens; empty for the public URL.
    pub issuer: String,
    /// `aud` of tokens.
    pub audience: String,
    /// How long an access token lasts.
    #[serde(with = "span")]
    pub access_ttl: Duration,
    /// How long a refresh token lasts.
    #[serde(with = "span")]
    pub refresh_ttl: Duration,
    /// How long a session lasts, however often it is refreshed.
    #[serde(with = "span")]
    pub session_ttl: Duration,
    /// 32 bytes, base64.
    pub secret: Sensitive,
    /// A file that holds the secret.
    pub secret_file: PathBuf,
    /// External issuers.
    pub issuers: Vec<ExternalIssuer>,
}

/// How large a request may be.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Fields inside fields.
    pub depth: usize,
    /// Brackets open at once, values and fragments included.
    pub nesting: usize,
    /// Selections, with every fragment counted wherever it is spread.
    pub fields: usize,
    /// Fields under another name.
    pub aliases: usize,
    /// Fields of the root.
    pub roots: usize,
    /// Words and signs of a document.
    pub tokens: usize,
    /// Fields of the largest answer a document can have.
    pub cost: u64,
    /// How many elements a list without `first` counts for.
    pub plain_list: u64,
    /// Lists of fields inside each other in a query about the schema.
    pub introspection: usize,
    /// Operations in one request.
    pub batch: usize,
    /// Memory for documents already read, in bytes.
    pub document_cache: u64,
}

/// Subscriptions.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Streams {
    /// WebSockets open at once.
    pub sockets: usize,
    /// WebSockets of one account.
    pub sockets_per_viewer: usize,
    /// Operations that run at once on one socket.
    pub per_socket: usize,
    /// Subscriptions of one account.
    pub per_viewer: usize,
    /// Subscriptions open at once.
    pub total: usize,
    /// How long a socket may wait before it says who it is.
    #[serde(with = "span")]
    pub init_timeout: Duration,
    /// How often a stream on which nothing happens shows that it lives.
    #[serde(with = "span")]
    pub keepalive: Duration,
    /// How long a client may leave an event untaken.
    #[serde(with = "span")]
    pub stall: Duration,
    /// How often open streams are looked over.
    #[serde(with = "span")]
    pub check_every: Duration,
}

/// Logging.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Lines for people, or JSON.
    pub format: LogFormat,
    /// What is logged, as in `info,palisade=debug`.
    pub filter: String,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: ".palisade".into() }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            public_url: String::new(),
            body_limit: 1 << 20,
            timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(20),
            allowed_origins: Vec::new(),
            trusted_proxies: 0,
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: DatabaseUrl::default(),
            tenant_url: DatabaseUrl::default(),
            operator_url: DatabaseUrl::default(),
            identity_url: DatabaseUrl::default(),
            system_url: DatabaseUrl::default(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            migrate_on_start: false,
        }
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: "palisade".to_owned(),
            access_ttl: Duration::from_secs(15 * 60),
            refresh_ttl: Duration::from_secs(30 * 24 * 3600),
            session_ttl: Duration::from_secs(90 * 24 * 3600),
            secret: Sensitive::default(),
            secret_file: PathBuf::new(),
            issuers: Vec::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 15,
            nesting: 64,
            fields: 2_000,
            aliases: 50,
            roots: 20,
            tokens: 5_000,
            cost: 50_000,
            plain_list: 10,
            introspection: 3,
            batch: 10,
            document_cache: 8 << 20,
        }
    }
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            sockets: 2_000,
            sockets_per_viewer: 20,
            per_socket: 50,
            per_viewer: 100,
            total: 5_000,
            init_timeout: Duration::from_secs(10),
            keepalive: Duration::from_secs(15),
            stall: Duration::from_secs(20),
            check_every: Duration::from_millis(500),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

impl Config {
    /// The database's address, with the embedded one filled in.
    pub fn database_url(&self) -> DatabaseUrl {
        if self.database.url.is_empty() {
            DatabaseUrl::new(format!("sqlite:{}", self.data.dir.join("palisade.db").display()))
        } else {
            self.database.url.clone()
        }
    }

    /// Where clients reach the server when it listens on `listening`.
    pub fn public_url(&self, listening: &str) -> String {
        match self.http.public_url.trim_end_matches('/') {
            "" => format!("http://{listening}"),
            url => url.to_owned(),
        }
    }

    /// The folder that mail is written to.
    pub fn mail_folder(&self) -> PathBuf {
        self.within_data(&self.mail.folder, "mail")
    }

    /// The folder that holds goals' files.
    pub fn workspace_root(&self) -> PathBuf {
        self.within_data(&self.workspace.root, "workspace")
    }

    fn within_data(&self, set: &std::path::Path, name: &str) -> PathBuf {
        if set.as_os_str().is_empty() { self.data.dir.join(name) } else { set.to_owned() }
    }
}

//! Where the rooms are put together: the one file that knows what stands behind the door.

use std::{sync::Arc, time::Duration};

use async_graphql::{Data, Schema};
use chrono::TimeDelta;
use entity::ids::OrgId;
use serde_json::json;

use super::{Failure, files, migrations::Migrated, post};
use crate::{
    auth::{ServerSecret, password::Password},
    clock::Clock,
    config::{self, Config, Streams},
    demo::{self, DemoKey, DemoLogin},
    error::{Error, Result},
    graphql::{self, RequestCtx, mutation::Mutation, query::Query, subscription::Subscription},
    http::{
        audit_export::Wanted,
        backend::{Backend, Opened, Report},
    },
    policy::{Explanation, Permission},
    service::{
        audit_export::{self, Piece},
        auth::{
            Identity, IdentitySettings, bootstrap_admin::NewSuperAdmin, issuers::Issuers, throttle::ThrottleSettings,
        },
        explain,
        mail::{MailFolder, Outbox, OutboxSettings, Received},
        refused_mutations::{Refusal, RefusalLog},
        streams::Hub,
    },
    status::{ApprovalWaits, ChatRules, TaskRules},
    store::{
        self,
        audit::chain::{self, Verdict},
        db::Database,
        list::cursor::CursorSealer,
        read::usage::{self, UsageDifference},
    },
    viewer::Viewer,
    workspace::Files,
};

/// How often mail that waits is looked for, what has expired is swept, and old keys of external issuers are looked for.
const MAIL_EVERY: Duration = Duration::from_secs(2);
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
const ISSUERS_EVERY: Duration = Duration::from_secs(15);

/// Mails that `/dev/mailbox` shows.
const MAILBOX: usize = 100;

/// Who issues the demo's tokens: they are made before the port is known, and outlive a start on another one.
pub const DEMO_ISSUER: &str = "palisade-demo";

/// The schema, without state.
pub fn schema() -> Schema<Query, Mutation, Subscription> {
    graphql::schema()
}

/// The SDL as `schema.graphql` has it: sorted, so that its history reads well.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .prefer_single_line_descriptions()
        .include_specified_by();
    schema().sdl_with_options(options)
}

/// The rooms behind the door.
#[derive(Clone, Debug)]
pub struct Rooms {
    database: Database,
    identity: Identity,
    clock: Clock,
    cursors: CursorSealer,
    refusals: Arc<RefusalLog>,
    public_url: Arc<str>,
    waits: ApprovalWaits,
    chats: ChatRules,
    tasks: TaskRules,
    hub: Hub,
    migrated: Option<Migrated>,
    demo: Option<serde_json::Value>,
    mailbox: Option<MailFolder>,
    files: Option<Files>,
}

impl Rooms {
    /// Puts the rooms together over a database.
    pub fn new(database: Database, clock: Clock, secret: &ServerSecret, settings: IdentitySettings) -> Self {
        let public_url = settings.public_url.clone().into();
        let identity = Identity::new(database.clone(), clock.clone(), secret.clone(), settings);
        Self {
            cursors: CursorSealer::new(&secret.derive("cursor/v1")),
            refusals: Arc::default(),
            public_url,
            hub: Hub::new(database.clone(), identity.clone(), Streams::default()),
            identity,
            database,
            clock,
            waits: ApprovalWaits::default(),
            chats: ChatRules::default(),
            tasks: TaskRules::default(),
            migrated: None,
            demo: None,
            mailbox: None,
            files: None,
        }
    }

    /// With a place for goals' files.
    #[must_use]
    pub fn with_files(self, files: Files) -> Self {
        Self { files: Some(files), ..self }
    }

    /// The place for goals' files.
    pub const fn files(&self) -> Option<&Files> {
        self.files.as_ref()
    }

    /// With other limits for streams.
    #[must_use]
    pub fn with_streams(self, settings: Streams) -> Self {
        Self { hub: Hub::new(self.database.clone(), self.identity.clone(), settings), ..self }
    }

    /// Signs in, out and over.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Delivers the mail that is due; answers how many mails went out.
    pub async fn deliver(&self, outbox: &Outbox) -> Result<usize> {
        outbox.deliver(&self.database, &self.clock).await
    }

    /// The context of one request.
    pub fn request(&self, viewer: Viewer) -> RequestCtx {
        RequestCtx::new(
            self.database.clone(),
            viewer,
            self.clock.clone(),
            self.cursors.clone(),
            self.identity.clone(),
            Arc::clone(&self.public_url),
        )
        .with_tasks(self.tasks)
        .with_waits(self.waits)
        .with_chats(self.chats)
        .with_files(self.files.clone())
    }
}

#[async_trait::async_trait]
impl Backend for Rooms {
    async fn authenticate(&self, authorization: &[&str]) -> Result<Viewer> {
        self.identity.authenticate(authorization.iter().map(|value| value.as_bytes())).await
    }

    fn open(&self, viewer: &Viewer) -> Opened {
        let request = Arc::new(self.request(viewer.clone()));
        let mut data = Data::default();
        data.insert(Arc::clone(&request));
        let report = move || Report { redacted: request.redaction_report(), statements: request.store.statements() };
        Opened { data, report: Box::new(report) }
    }

    async fn refused(&self, viewer: &Viewer, refusals: Vec<Refusal>) {
        let request = self.request(viewer.clone());
        if let Err(error) = self.refusals.record(request.service(), &refusals).await {
            // The caller is told why it was refused all the same.
            tracing::error!(code = error.code(), "a refused mutation was not recorded");
        }
    }

    async fn export_audit(&self, viewer: &Viewer, wanted: &Wanted, after: i64) -> Result<Piece> {
        let request = self.request(viewer.clone());
        audit_export::export(request.service(), wanted.organization, &wanted.filter, after).await
    }

    async fn jwks(&self) -> Result<serde_json::Value> {
        self.identity.keys().jwks().await
    }

    async fn ready(&self) -> Vec<(&'static str, bool)> {
        let migrated = match &self.migrated {
            Some(migrated) => migrated.now().await,
            None => true,
        };
        vec![("database", self.database.ping().await.is_ok()), ("migrations", migrated)]
    }

    async fn mailbox(&self) -> Option<Result<Vec<Received>>> {
        let mails = self.mailbox.as_ref()?.latest(MAILBOX).await;
        Some(mails.map_err(|error| Error::internal(format!("the mail folder cannot be read: {}", error.kind()))))
    }

    fn hub(&self) -> Option<&Hub> {
        Some(&self.hub)
    }

    fn demo_logins(&self) -> Option<serde_json::Value> {
        self.demo.clone()
    }
}

fn seconds(span: Duration) -> TimeDelta {
    // A span too long for a date is refused by the settings.
    TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX)
}

/// What the settings say of tasks.
pub fn task_rules(config: &Config) -> TaskRules {
    TaskRules {
        lease: seconds(config.tasks.lease),
        retry_delay: seconds(config.tasks.retry_delay),
        retry_delay_most: seconds(config.tasks.retry_delay_max),
    }
}

/// What the settings say of chats.
pub fn chat_rules(config: &Config) -> ChatRules {
    let retention = config.chat.retention;
    ChatRules {
        expires_after: seconds(config.chat.expires_after),
        retention: (!retention.is_zero()).then(|| seconds(retention)),
    }
}

fn rooms(config: &Config, database: &Database, listening: &str) -> Result<Rooms, Failure> {
    let secret = ServerSecret::new(*config.secret()?);
    let clock = Clock::system();
    let public_url = config.public_url(listening);
    let settings = IdentitySettings {
        issuer: if config.identity.issuer.is_empty() { public_url.clone() } else { config.identity.issuer.clone() },
        audience: config.identity.audience.clone(),
        access_ttl: seconds(config.identity.access_ttl),
        refresh_ttl: seconds(config.identity.refresh_ttl),
        session_ttl: seconds(config.identity.session_ttl),
        throttle: throttle(&config.throttle),
        public_url,
        issuers: Issuers::new(&config.identity.issuers, &clock).map_err(spoken)?,
    };
    // Its tokens would be taken for ours, and checked with our keys: whoever set this meant something else.
    if settings.issuers.find(&settings.issuer).is_some() {
        return Err(Failure::new("identity.issuers: one of them has the name of this server's own issuer"));
    }
    let rooms = Rooms::new(database.clone(), clock, &secret, settings);
    let waits = ApprovalWaits {
        plan: seconds(config.approvals.plan_expiry),
        risky_task: seconds(config.approvals.risky_task_expiry),
    };
    let (tasks, chats) = (task_rules(config), chat_rules(config));
    Ok(Rooms { tasks, chats, waits, ..rooms }.with_streams(config.streams.clone()))
}

fn throttle(config: &config::Throttle) -> ThrottleSettings {
    ThrottleSettings {
        per_account: config.logins_per_account,
        per_address: config.logins_per_address,
        window: seconds(config.login_window),
        invitations: config.invitations_per_organization,
        invitations_to_one: config.invitations_per_recipient,
        password_links: config.password_links_per_account,
        password_links_per_address: config.password_links_per_address,
        email_changes: config.email_changes_per_account,
        mail_window: seconds(config.mail_window),
    }
}

/// What stands behind the door, with the jobs that run beside it.
pub fn backend(
    config: &Config,
    database: &Database,
    migrated: Migrated,
    demo: Option<serde_json::Value>,
    listening: &str,
) -> Result<Arc<dyn Backend>, Failure> {
    let sender = post::sender(config)?;
    let mailbox = post::mailbox(config, &sender, listening, demo.is_some());
    let files = files::open(config)?;
    tokio::spawn(files::keep_settled(database.clone(), files.clone(), Clock::system()));
    let rooms =
        Rooms { migrated: Some(migrated), demo, mailbox, files: Some(files), ..rooms(config, database, listening)? };
    let settings = OutboxSettings {
        public_url: rooms.public_url.to_string(),
        attempts: config.mail.attempts,
        timeout: config.mail.timeout,
    };
    let outbox = Outbox::new(sender, settings);
    tokio::spawn(deliver_mail(rooms.clone(), outbox.clone()));
    tokio::spawn(sweep(rooms.clone(), outbox));
    if !config.identity.issuers.is_empty() {
        tokio::spawn(refresh_issuers(rooms.clone()));
    }
    Ok(Arc::new(rooms))
}

/// Delivers mail until the process ends. What a stop interrupts is claimed again after the next start.
async fn deliver_mail(rooms: Rooms, outbox: Outbox) {
    loop {
        if let Err(error) = rooms.deliver(&outbox).await {
            tracing::warn!(code = error.code(), "mail was not delivered");
        }
        tokio::time::sleep(MAIL_EVERY).await;
    }
}

/// Keeps the keys of external issuers fresh, so that requests need not wait for them; the first time at once.
async fn refresh_issuers(rooms: Rooms) {
    loop {
        rooms.identity.refresh_issuers().await;
        tokio::time::sleep(ISSUERS_EVERY).await;
    }
}

/// Removes sessions and tokens that expired, and mails of long ago.
async fn sweep(rooms: Rooms, outbox: Outbox) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(error) = rooms.identity.sweep().await {
            tracing::warn!(code = error.code(), "what expired was not swept");
        }
        if let Err(error) = outbox.sweep(&rooms.database, &rooms.clock).await {
            tracing::warn!(code = error.code(), "old mail was not swept");
        }
    }
}

/// Turns an error into words for the person at the terminal, who may read its cause.
fn spoken(error: Error) -> Failure {
    match error {
        Error::Conflict(why) | Error::Forbidden(why) => Failure::new(why),
        Error::Validation { field, message } => Failure::new(format!("{field}: {message}")),
        Error::NotFound => Failure::new("there is no such account"),
        Error::Unavailable(cause) | Error::Internal(cause) => Failure::new(cause),
        other => Failure::new(other.code()),
    }
}

/// The identity of a command that serves nobody.
fn local_identity(config: &Config) -> Result<Identity, Failure> {
    let database = super::open_database(config)?;
    Ok(rooms(config, &database, &config.http.listen)?.identity)
}

/// Somebody who can sign in to the demo, with a token that is ready to use.
#[derive(Clone, Debug)]
pub struct DemoUser {
    /// Role, address, password and what to try.
    pub login: DemoLogin,
    /// An access token.
    pub token: String,
}

/// Fills an empty database with the demo's world; a database that has it is left as it is. Answers who can sign in,
/// and the keys of its service accounts.
pub async fn seed(config: &Config) -> Result<(Vec<DemoUser>, Vec<DemoKey>), Failure> {
    let database = super::open_database(config)?;
    let identity = rooms(config, &database, &config.http.listen)?.identity;
    let world = demo::plan(Clock::system().now());
    if !store::seed::is_demo(&database).await.map_err(spoken)? {
        let files = files::open(config)?;
        // In the order in which files are put: what is interrupted is found and ended by the server.
        for file in &world.files {
            let kept = files.backend.put(file.version, &file.path, file.bytes.clone().into()).await;
            kept.map_err(|fault| spoken(fault.into()))?;
        }
        store::seed::insert(&database, &world).await.map_err(spoken)?;
        for file in &world.files {
            let shown = files.backend.publish(file.version, &file.path, &file.checksum).await;
            shown.map_err(|fault| spoken(fault.into()))?;
        }
    }
    let mut users = Vec::new();
    for login in world.logins {
        let token = identity.demo_session(&login.email).await.map_err(spoken)?.access_token;
        users.push(DemoUser { login, token });
    }
    let keys = store::seed::demo_keys(&database).await.map_err(spoken)?;
    database.close().await;
    Ok((users, keys))
}

/// What the explorer offers for one-click sign-in.
pub fn demo_logins(users: &[DemoUser]) -> serde_json::Value {
    let logins = users.iter().map(|DemoUser { login, .. }| {
        json!({
            "role": login.role,
            "email": login.email,
            "password": login.password,
            "organization": login.organization,
            "note": login.note,
        })
    });
    json!({ "logins": logins.collect::<Vec<_>>() })
}

/// Makes a super-admin.
pub async fn create_admin(config: &Config, email: &str, password: zeroize::Zeroizing<String>) -> Result<(), Failure> {
    let name = email.split('@').next().unwrap_or(email).to_owned();
    let password = Password::new(password.as_str().to_owned());
    let admin = NewSuperAdmin { email: email.to_owned(), name, password, another: false };
    local_identity(config)?.super_admin_create(admin).await.map(drop).map_err(spoken)
}

/// Issues an access token to whoever runs the server, where the database is a demo's.
pub async fn issue_token(config: &Config, email: &str) -> Result<String, Failure> {
    // Only a demo's database gives tokens out, and its server takes the demo's issuer only.
    let mut config = config.clone();
    DEMO_ISSUER.clone_into(&mut config.identity.issuer);
    let tokens = local_identity(&config)?.demo_session(email).await.map_err(spoken)?;
    Ok(tokens.access_token)
}

/// Whose rights are asked about, and which.
#[derive(Clone, Debug)]
pub struct Question {
    /// An address, or a service account's id or name.
    pub who: String,
    /// The organisation's handle.
    pub organization: Option<String>,
    /// The row of the permission table.
    pub permission: Permission,
    /// The object; the viewer's organisation without it.
    pub on: Option<String>,
}

/// Why somebody may do something, or may not. What is wrong with the question itself is [`Error::Validation`].
pub async fn explain(config: &Config, question: &Question) -> Result<Result<Explanation>, Failure> {
    let database = super::open_database(config)?;
    let identity = rooms(config, &database, &config.http.listen)?.identity;
    let explanation = async {
        let store = identity.store_as(&question.who, question.organization.as_deref()).await?;
        explain::explained(&store, question.permission, question.on.as_deref()).await
    };
    let explanation = match explanation.await {
        Err(error @ (Error::NotFound | Error::Unauthenticated | Error::Validation { .. })) => Err(error),
        other => Ok(other.map_err(spoken)?),
    };
    database.close().await;
    Ok(explanation)
}

/// Holds the logs of all organisations, or of one, against their chains.
pub async fn verify_audit(config: &Config, organization: Option<OrgId>) -> Result<Vec<Verdict>, Failure> {
    let database = super::open_database(config)?;
    let organizations = match organization {
        Some(organization) => vec![organization],
        None => chain::organizations(&database).await.map_err(spoken)?,
    };
    let mut verdicts = Vec::new();
    for organization in organizations {
        verdicts.push(chain::verify(&database, organization).await.map_err(spoken)?);
    }
    database.close().await;
    Ok(verdicts)
}

/// Holds the sums of usage of all organisations against the reported calls.
pub async fn verify_usage(config: &Config) -> Result<Vec<UsageDifference>, Failure> {
    let database = super::open_database(config)?;
    let differences = usage::usage_differences(&database, 100).await.map_err(spoken)?;
    database.close().await;
    Ok(differences)
}

/// Whether there are keys to sign tokens with.
pub async fn has_signing_keys(config: &Config) -> Result<bool, Failure> {
    let keys = local_identity(config)?.keys().jwks().await.map_err(spoken)?;
    Ok(keys["keys"].as_array().is_some_and(|keys| !keys.is_empty()))
}

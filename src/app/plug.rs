//! Where the rooms are put together: the one file that knows what stands behind the door.

use std::{sync::Arc, time::Duration};

use async_graphql::{Data, EmptySubscription, Schema};
use chrono::TimeDelta;
use entity::ids::OrgId;
use serde_json::json;

use super::{Failure, files, migrations::Migrated};
use crate::{
    clock::Clock,
    config::Config,
    demo::{self, DemoLogin},
    error::{Error, Result},
    graphql::{self, RequestCtx, mutation::Mutation, query::Query},
    http::{Backend, Opened, Report, audit_export::Wanted},
    identity::{ServerSecret, password::Password},
    service::{
        audit_export::{self, Piece},
        identity::{Identity, IdentitySettings},
        mail::MailFolder,
        refusal::{Refusal, RefusalLog},
        setup::NewSuperAdmin,
    },
    store::{
        self,
        audit_chain::{self, Verdict},
        cursor::CursorSealer,
        db::Database,
    },
    viewer::Viewer,
    workspace::Files,
};

/// How often mail that waits is looked for, and what has expired is swept.
const MAIL_EVERY: Duration = Duration::from_secs(2);
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// Who issues the demo's tokens: they are made before the port is known, and outlive a start on another one.
pub const DEMO_ISSUER: &str = "palisade-demo";

/// The schema, without state.
pub fn schema() -> Schema<Query, Mutation, EmptySubscription> {
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
    migrated: Option<Migrated>,
    demo: Option<serde_json::Value>,
    files: Option<Files>,
}

impl Rooms {
    /// Puts the rooms together over a database.
    pub fn new(database: Database, clock: Clock, secret: &ServerSecret, settings: IdentitySettings) -> Self {
        Self {
            cursors: CursorSealer::new(&secret.derive("cursor/v1")),
            refusals: Arc::default(),
            public_url: settings.issuer.clone().into(),
            identity: Identity::new(database.clone(), clock.clone(), secret.clone(), settings),
            database,
            clock,
            migrated: None,
            demo: None,
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

    /// Signs in, out and over.
    pub const fn identity(&self) -> &Identity {
        &self.identity
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

    fn demo_logins(&self) -> Option<serde_json::Value> {
        self.demo.clone()
    }
}

fn seconds(span: Duration) -> TimeDelta {
    // A span too long for a date is refused by the settings.
    TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX)
}

fn rooms(config: &Config, database: &Database, listening: &str) -> Result<Rooms, Failure> {
    let secret = ServerSecret::new(*config.secret()?);
    let public_url = config.public_url(listening);
    let settings = IdentitySettings {
        issuer: if config.identity.issuer.is_empty() { public_url.clone() } else { config.identity.issuer.clone() },
        audience: config.identity.audience.clone(),
        access_ttl: seconds(config.identity.access_ttl),
        refresh_ttl: seconds(config.identity.refresh_ttl),
        ..IdentitySettings::new(public_url.clone())
    };
    let rooms = Rooms::new(database.clone(), Clock::system(), &secret, settings);
    Ok(Rooms { public_url: public_url.into(), ..rooms })
}

/// What stands behind the door, with the jobs that run beside it.
pub fn backend(
    config: &Config,
    database: &Database,
    migrated: Migrated,
    demo: Option<serde_json::Value>,
    listening: &str,
) -> Result<Arc<dyn Backend>, Failure> {
    let files = files::open(config)?;
    tokio::spawn(files::keep_settled(database.clone(), files.clone(), Clock::system()));
    let rooms = Rooms { migrated: Some(migrated), demo, files: Some(files), ..rooms(config, database, listening)? };
    tokio::spawn(deliver_mail(rooms.clone(), MailFolder::new(config.mail_folder(), "palisade@localhost")));
    tokio::spawn(sweep(rooms.clone()));
    Ok(Arc::new(rooms))
}

/// Delivers mail until the process ends. What a stop interrupts is claimed again after the next start.
async fn deliver_mail(rooms: Rooms, folder: MailFolder) {
    loop {
        if let Err(error) = folder.deliver(&rooms.database, &rooms.clock).await {
            tracing::warn!(code = error.code(), "mail was not delivered");
        }
        tokio::time::sleep(MAIL_EVERY).await;
    }
}

/// Removes sessions and tokens that expired.
async fn sweep(rooms: Rooms) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(error) = rooms.identity.sweep().await {
            tracing::warn!(code = error.code(), "what expired was not swept");
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

/// Fills an empty database with the demo's world; a database that has it is left as it is. Answers who can sign in.
pub async fn seed(config: &Config) -> Result<Vec<DemoUser>, Failure> {
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
    database.close().await;
    Ok(users)
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

/// Holds the logs of all organisations, or of one, against their chains.
pub async fn verify_audit(config: &Config, organization: Option<OrgId>) -> Result<Vec<Verdict>, Failure> {
    let database = super::open_database(config)?;
    let organizations = match organization {
        Some(organization) => vec![organization],
        None => audit_chain::organizations(&database).await.map_err(spoken)?,
    };
    let mut verdicts = Vec::new();
    for organization in organizations {
        verdicts.push(audit_chain::verify(&database, organization).await.map_err(spoken)?);
    }
    database.close().await;
    Ok(verdicts)
}

/// Whether there are keys to sign tokens with.
pub async fn has_signing_keys(config: &Config) -> Result<bool, Failure> {
    let keys = local_identity(config)?.keys().jwks().await.map_err(spoken)?;
    Ok(keys["keys"].as_array().is_some_and(|keys| !keys.is_empty()))
}

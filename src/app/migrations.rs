//! Brings the schema up, and says whether it is.

use std::{sync::Arc, time::Duration};

use migration::{Command, Options, Outcome};
use sea_orm::{ConnectOptions, DatabaseConnection};
use tokio::sync::OnceCell;

use super::Failure;
use crate::{config::Config, store::db::Role};

/// Whether the schema is known to be current; asked again until it is.
#[derive(Clone)]
pub struct Migrated {
    config: Arc<Config>,
    known: Arc<OnceCell<()>>,
}

impl std::fmt::Debug for Migrated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Migrated({})", self.known.initialized())
    }
}

impl Migrated {
    /// Asks the database, unless it has said so before.
    pub async fn now(&self) -> bool {
        let ask = || async {
            match run(&self.config, Command::Status, Options::default()).await {
                Ok(outcome) if outcome.pending().next().is_none() => Ok(()),
                _ => Err(()),
            }
        };
        self.known.get_or_try_init(ask).await.is_ok()
    }
}

/// A connection for migrations and checks, as the login itself: it belongs to no viewer.
pub async fn connect(config: &Config) -> Result<DatabaseConnection, Failure> {
    connect_as(config, None).await
}

/// The server's login need not own the schema, and then may not read its history; the role of the platform's jobs may. The
/// role is missing before the first migration.
async fn connect_to_look(config: &Config) -> Result<DatabaseConnection, Failure> {
    if !config.database_url().is_sqlite()
        && let Ok(connection) = connect_as(config, Some(Role::System)).await
    {
        return Ok(connection);
    }
    connect(config).await
}

#[expect(clippy::disallowed_methods, reason = "migrations are run by the login, outside the roles' pools")]
async fn connect_as(config: &Config, role: Option<Role>) -> Result<DatabaseConnection, Failure> {
    let url = role.map_or_else(|| config.database_url(), |role| super::database_url_of(config, role));
    let address = match url.expose() {
        sqlite if url.is_sqlite() && !sqlite.contains('?') => format!("{sqlite}?mode=rwc"),
        other => match role {
            Some(role) => {
                let sign = if other.contains('?') { '&' } else { '?' };
                format!("{other}{sign}options=-c%20role%3D{}", role.name())
            }
            None => other.to_owned(),
        },
    };
    let mut options = ConnectOptions::new(address);
    // Its lines would hold statements with their values.
    options.sqlx_logging(false).max_connections(1).connect_timeout(config.database.acquire_timeout);
    sea_orm::Database::connect(options).await.map_err(|_| Failure::new(unreachable(config)))
}

/// What to say, and to do, when the database does not answer.
pub fn unreachable(config: &Config) -> String {
    format!(
        "the database does not answer at {}: is it running, and are user, password and name right?",
        config.database_url().shown()
    )
}

/// Runs one of `migrate`'s commands.
pub async fn run(config: &Config, command: Command, mut options: Options) -> Result<Outcome, Failure> {
    if config.database_url().is_sqlite() {
        super::open_database(config)?;
    }
    if options.public_url.is_none() && !config.http.public_url.is_empty() {
        options.public_url = Some(config.http.public_url.clone());
    }
    let connection = match command {
        Command::Status => connect_to_look(config).await?,
        Command::Up | Command::Down(_) => connect(config).await?,
    };
    let outcome = Box::pin(migration::run(&connection, command, &options)).await;
    connection.close().await?;
    outcome.map_err(|error| match error {
        migration::Error::Refused(refusal) => Failure::new(format!("{refusal}")),
        other => Failure::new(format!("the migration failed and nothing was changed: {other}")),
    })
}

/// Holds the schema against this program before it serves.
pub async fn ready_to_serve(config: &Config) -> Result<Migrated, Failure> {
    let migrated = Migrated { config: Arc::new(config.clone()), known: Arc::default() };
    let command = if config.database.migrate_on_start { Command::Up } else { Command::Status };
    let asked = tokio::time::timeout(config.database.acquire_timeout + Duration::from_secs(1), connect(config)).await;
    let Ok(Ok(connection)) = asked else {
        tracing::warn!("{}; /readyz says when it does", unreachable(config));
        return Ok(migrated);
    };
    connection.close().await?;
    let outcome = run(config, command, Options::default()).await?;
    let pending = outcome.pending().count();
    if pending > 0 {
        return Err(Failure::new(format!(
            "the database lacks {pending} of this program's migrations: run `palisade migrate up`, or set \
             PALISADE_DATABASE__MIGRATE_ON_START=true"
        )));
    }
    let _ = migrated.known.set(());
    Ok(migrated)
}

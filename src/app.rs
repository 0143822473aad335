//! The composition root: opens the database, puts the rooms together, serves, and stops in good order.
//!
//! Start: the schema must be current (or `database.migrate_on_start` set), else the server refuses and says what to run;
//! a PostgreSQL that does not answer yet is waited for by `/readyz`, not by the start. Stop, on SIGTERM or SIGINT: no new
//! connections, requests that run are finished (for `http.shutdown_grace`), pools are closed, exit 0.

pub mod doctor;
pub mod files;
pub mod jobs;
pub mod migrations;
pub mod plug;
mod post;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    clock::Clock,
    config::{Config, DatabaseUrl},
    graphql::limits::{Catalog, Documents},
    http::{graphql::engine::Engine, router::router},
    store::db::{Database, PoolLimits, Role},
};

/// Why a command did not do what it was asked, with what to do about it.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// For a reason that the person at the terminal can read.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Opens the database that the settings name. For the embedded one, makes its folder.
pub fn open_database(config: &Config) -> Result<Database, Failure> {
    let url = config.database_url();
    if url.is_sqlite() && config.database.url.is_empty() {
        std::fs::create_dir_all(&config.data.dir)
            .map_err(|error| Failure::new(format!("cannot make {}: {error}", config.data.dir.display())))?;
    }
    let limits = PoolLimits {
        max_connections: config.database.max_connections,
        acquire_timeout: config.database.acquire_timeout,
    };
    let urls = Role::ALL.map(|role| (role, database_url_of(config, role)));
    if urls.iter().any(|(_, own)| own.is_sqlite() != url.is_sqlite()) {
        return Err(Failure::new("a login for each role is PostgreSQL's: set database.url to that database, too"));
    }
    let url_of = |role| urls.iter().find(|(of, _)| *of == role).map_or(url.expose(), |(_, own)| own.expose());
    // The library's words may repeat the address, and with it the password.
    Database::open_each(url_of, limits).map_err(|_| {
        let shown = urls.iter().map(|(_, own)| own.shown()).collect::<std::collections::BTreeSet<_>>();
        Failure::new(format!("not an address of a database: {}", shown.into_iter().collect::<Vec<_>>().join(", ")))
    })
}

/// Where a role's pool connects: at an address of its own, or at the one for all.
fn database_url_of(config: &Config, role: Role) -> DatabaseUrl {
    let database = &config.database;
    let own = match role {
        Role::Tenant => &database.tenant_url,
        Role::Operator => &database.operator_url,
        Role::Identity => &database.identity_url,
        Role::System => &database.system_url,
    };
    if own.is_empty() { config.database_url() } else { own.clone() }
}

/// Serves until a signal says stop. `announce` is told the address once it is listened on.
pub async fn serve(
    config: Config,
    demo: Option<serde_json::Value>,
    announce: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    let database = open_database(&config)?;
    let migrated = migrations::ready_to_serve(&config).await?;
    if database.backend() == sea_orm::DbBackend::Sqlite {
        tracing::warn!(
            "SQLite has no row-level security: of the five walls, three stand; use PostgreSQL in production"
        );
    }
    let listener = TcpListener::bind(&config.http.listen)
        .await
        .map_err(|error| Failure::new(format!("cannot listen on {}: {error}", config.http.listen)))?;
    let address = listener.local_addr()?;

    let schema = plug::schema();
    let documents = Documents::new(Catalog::new(&schema.sdl())?, config.limits.clone());
    let engine = Arc::new(Engine::new(schema, documents));
    let backend = plug::backend(&config, &database, migrated, demo, &address.to_string())?;
    let hub = backend.hub().cloned();
    let router = router(engine, backend, config.http.clone());

    let (stop, stopped) = watch::channel(false);
    let work = jobs::Work {
        database: database.clone(),
        clock: Clock::system(),
        tasks: plug::task_rules(&config),
        chats: plug::chat_rules(&config),
    };
    let mut jobs = jobs::start(&work, &stopped);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let closing = hub.clone();
    let wait = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: requests that run are finished, streams end");
        let _ = stop.send(true);
        if let Some(hub) = closing {
            hub.close();
        }
    };
    announce(address);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(until(stopped.clone()));
    let grace = config.http.shutdown_grace;
    let waiting = tokio::spawn(wait);
    let outcome = tokio::select! {
        outcome = async { server.await } => outcome,
        () = async { until(stopped).await; tokio::time::sleep(grace).await } => {
            tracing::warn!("http.shutdown_grace is over; requests that still run are dropped");
            Ok(())
        }
    };
    waiting.abort();
    // A job that runs is finished; a connection that hangs must not keep the process.
    let _ = tokio::time::timeout(Duration::from_secs(2), async { while jobs.join_next().await.is_some() {} }).await;
    // Sockets say goodbye after the server has let go of them.
    let _ = tokio::time::timeout(GOODBYES, async {
        while hub.as_ref().is_some_and(|hub| hub.open() > 0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    // A connection that hangs must not keep the process.
    let _ = tokio::time::timeout(Duration::from_secs(2), database.close()).await;
    outcome.map_err(Into::into)
}

/// How long sockets may take to close.
const GOODBYES: Duration = Duration::from_secs(1);

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that nobody can say stop any more, which is the end too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

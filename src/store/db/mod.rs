//! Connections: one pool per database role, and transactions that carry one organisation.
//!
//! On PostgreSQL each pool logs in and becomes one role for good (a role switched in mid-connection makes PostgreSQL
//! re-plan every cached statement). The organisation is set by `SET LOCAL` in the message that begins the transaction,
//! so that it cannot outlive it, whatever becomes of the client. SQLite has neither roles nor row-level security: one
//! pool reads, one connection writes.

use std::{
    collections::BTreeMap,
    fmt,
    str::FromStr,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use entity::ids::{OrgId, TypedId};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::{
    AssertSqlSafe, Connection, Postgres, Sqlite, SqliteConnection,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;

pub mod notify;
mod run_to_completion;

use crate::error::Result;
use notify::{Listener, Notices};
use run_to_completion::RunToCompletion;

/// Who the database thinks is asking. Each has its own pool and its own grants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// A member of one organisation: row-level security, every column but secrets.
    Tenant,
    /// A super-admin: all rows, metadata columns only.
    Operator,
    /// Sign-in: users, sessions, keys, and which organisations a user belongs to.
    Identity,
    /// The platform's own jobs, which enter one organisation at a time.
    System,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tenant, Self::Operator, Self::Identity, Self::System];

    /// The role's name in PostgreSQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "palisade_tenant",
            Self::Operator => "palisade_operator",
            Self::Identity => "palisade_identity",
            Self::System => "palisade_system",
        }
    }
}

/// The database, open for every role.
#[derive(Clone)]
pub struct Database {
    pools: Pools,
    notices: Notices,
    statements: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Pools {
    Postgres { tenant: PgPool, operator: PgPool, identity: PgPool, system: PgPool, listener: PgPool },
    Sqlite { readers: SqlitePool, writer: SqlitePool },
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.pools {
            Pools::Postgres { .. } => "Database(postgres)",
            Pools::Sqlite { .. } => "Database(sqlite)",
        })
    }
}

/// How many connections a pool may open, and how long a request waits for one.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Connections per role.
    pub max_connections: u32,
    /// How long a request waits for a connection before it is told `UNAVAILABLE`.
    pub acquire_timeout: Duration,
}

/// Whether a connection is out of its last transaction. SQLite ends a transaction by itself when it cannot write, on a
/// full disk say; the library does not notice, and would refuse to begin another on that connection for good.
async fn is_clean(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // The rollback of a dropped transaction may still be on its way: the ping waits behind it.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// How many cut connections one request works through before it is told `UNAVAILABLE`.
const CUT_CONNECTIONS: u32 = 16;

/// Whether the connection broke, and another may do. Nothing was begun on it, so that nothing is done twice.
fn is_cut(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() != std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Protocol(_) => true,
        // The server said goodbye: shut down by an administrator, or by a crash.
        sqlx::Error::Database(database) => database.code().is_some_and(|code| code == "57P01" || code == "57P02"),
        _ => false,
    }
}

/// Statements that a connection keeps prepared. Every list query has one text, so that this is never nearly full.
const PREPARED: usize = 512;

impl Database {
    /// Opens the database at `url`: `postgres://…` or `sqlite:PATH`. Connections are made when first needed, so that a
    /// database that is down for the moment does not keep the server from starting.
    pub fn open(url: &str, limits: PoolLimits) -> Result<Self, sqlx::Error> {
        Self::open_each(|_| url, limits)
    }

    /// The same with an address for each role, so that each may have a login that can become no other. The embedded
    /// database has one address.
    pub fn open_each<'a>(url_of: impl Fn(Role) -> &'a str, limits: PoolLimits) -> Result<Self, sqlx::Error> {
        let url = url_of(Role::Tenant);
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // NORMAL would lose the last commits when the machine loses power: an acknowledged write must stay.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5))
                .statement_cache_capacity(PREPARED);
            let pool = |max| {
                SqlitePoolOptions::new()
                    .max_connections(max)
                    .acquire_timeout(limits.acquire_timeout)
                    .before_acquire(|connection, _| Box::pin(async move { is_clean(connection).await }))
            };
            return Ok(Self::new(Pools::Sqlite {
                readers: pool(limits.max_connections).connect_lazy_with(options.clone()),
                writer: pool(1).connect_lazy_with(options),
            }));
        }
        let pool = |role: Role, connections: u32| {
            let options = PgConnectOptions::from_str(url_of(role))?
                .statement_cache_capacity(PREPARED)
                .application_name("palisade")
                .options([("role", role.name())]);
            Ok::<_, sqlx::Error>(
                PgPoolOptions::new()
                    .max_connections(connections)
                    .acquire_timeout(limits.acquire_timeout)
                    // A ping before each transaction would be a round trip more; `begin` tries another connection instead.
                    .test_before_acquire(false)
                    .connect_lazy_with(options),
            )
        };
        let many = limits.max_connections;
        Ok(Self::new(Pools::Postgres {
            tenant: pool(Role::Tenant, many)?,
            operator: pool(Role::Operator, many)?,
            identity: pool(Role::Identity, many)?,
            system: pool(Role::System, many)?,
            // Opened when the first stream is.
            listener: pool(Role::System, 1)?,
        }))
    }

    fn new(pools: Pools) -> Self {
        Self { pools, notices: Notices::default(), statements: Arc::default() }
    }

    /// Whether other processes may write to it, too.
    pub const fn backend_is_shared(&self) -> bool {
        matches!(self.pools, Pools::Postgres { .. })
    }

    /// Which organisations' logs have grown through this process.
    pub const fn notices(&self) -> &Notices {
        &self.notices
    }

    /// How many statements have run in all, with those that begin and end transactions, whoever asked: what tests hold
    /// against each other where an answer must not tell by its work what is there.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    /// Listens for what other processes add to logs; nothing where there are no other processes.
    pub async fn listen(&self) -> Result<Option<Listener>> {
        match &self.pools {
            Pools::Postgres { listener, .. } => Listener::new(listener).await.map(Some),
            Pools::Sqlite { .. } => Ok(None),
        }
    }

    /// Tells the other processes which logs have grown. Outside every transaction that writes: a NOTIFY inside would
    /// make their commits wait for each other.
    pub(in crate::store) async fn notify(&self, heads: &BTreeMap<OrgId, i64>) -> Result<(), sqlx::Error> {
        if let Pools::Postgres { system, .. } = &self.pools {
            notify::notify(system, heads).await?;
        }
        Ok(())
    }

    /// Which of the two databases it is.
    pub const fn backend(&self) -> DbBackend {
        match self.pools {
            Pools::Postgres { .. } => DbBackend::Postgres,
            Pools::Sqlite { .. } => DbBackend::Sqlite,
        }
    }

    fn postgres(&self, role: Role) -> Option<&PgPool> {
        match &self.pools {
            Pools::Postgres { tenant, operator, identity, system, .. } => Some(match role {
                Role::Tenant => tenant,
                Role::Operator => operator,
                Role::Identity => identity,
                Role::System => system,
            }),
            Pools::Sqlite { .. } => None,
        }
    }

    /// Begins a read-only transaction that sees one moment of the database, as `role`, inside `org`.
    pub async fn begin_read(&self, role: Role, org: Option<OrgId>) -> Result<Tx, sqlx::Error> {
        match &self.pools {
            Pools::Postgres { .. } => {
                self.begin_postgres("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", role, org).await
            }
            Pools::Sqlite { readers, .. } => Ok(self.tx(Inner::Sqlite(readers.begin().await?))),
        }
    }

    /// Begins a read-write transaction as `role`, inside `org`. Dropped without [`Tx::commit`], it changes nothing.
    pub async fn begin_write(&self, role: Role, org: Option<OrgId>) -> Result<Tx, sqlx::Error> {
        match &self.pools {
            Pools::Postgres { .. } => self.begin_postgres("BEGIN", role, org).await,
            // IMMEDIATE: a transaction that reads first and writes later would fail on a concurrent writer.
            Pools::Sqlite { writer, .. } => Ok(self.tx(Inner::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?))),
        }
    }

    async fn begin_postgres(&self, begin: &str, role: Role, org: Option<OrgId>) -> Result<Tx, sqlx::Error> {
        let pool = self.postgres(role).ok_or(sqlx::Error::BeginFailed)?;
        // One message, one round trip. `SET LOCAL` takes no bind parameter: a parsed UUID is formatted in, never text
        // that came from outside.
        let sql = match org {
            Some(org) => format!("{begin}; SET LOCAL palisade.org_id = '{}'", org.uuid()),
            None => begin.to_owned(),
        };
        // Connections that a restart of the database cut are found out here; each failure takes one out of the pool.
        let mut tries = 0;
        loop {
            let (pool, sql) = (pool.clone(), AssertSqlSafe(sql.clone()));
            match RunToCompletion::new(async move { pool.begin_with(sql).await }).await {
                Err(error) if tries < CUT_CONNECTIONS && is_cut(&error) => tries += 1,
                begun => return Ok(self.tx(Inner::Postgres(begun?))),
            }
        }
    }

    fn tx(&self, inner: Inner) -> Tx {
        self.count();
        let backend = self.backend();
        Tx {
            inner: Mutex::new(inner),
            backend,
            statements: Arc::default(),
            heads: LogHeads::default(),
            db: self.clone(),
        }
    }

    /// Answers whether the database can be reached now.
    pub async fn ping(&self) -> Result<()> {
        let tx = self.begin_read(Role::Identity, None).await?;
        tx.query_one_raw(Statement::from_string(self.backend(), "SELECT 1")).await?;
        Ok(())
    }

    /// Which of the other roles whoever took over one of `role`'s connections could become. None on SQLite, which has no roles.
    pub async fn reach(&self, role: Role) -> Result<Vec<Role>> {
        let mut reached = Vec::new();
        if let Some(pool) = self.postgres(role) {
            for other in Role::ALL.into_iter().filter(|other| *other != role) {
                let may = sqlx::query_scalar("SELECT pg_has_role(session_user, $1, 'MEMBER')").bind(other.name());
                if may.fetch_one(pool).await? {
                    reached.push(other);
                }
            }
        }
        Ok(reached)
    }

    /// Closes every connection, letting running transactions end.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Postgres { tenant, operator, identity, system, listener } => {
                for pool in [listener, tenant, operator, identity, system] {
                    pool.close().await;
                }
            }
            Pools::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// An open transaction. SeaORM's queries run on it; several callers queue, each holding the connection for one
/// statement.
pub struct Tx {
    inner: Mutex<Inner>,
    backend: DbBackend,
    statements: Arc<AtomicU64>,
    heads: LogHeads,
    db: Database,
}

/// Organisations whose logs a transaction adds to, and how far.
type LogHeads = std::sync::Mutex<BTreeMap<OrgId, i64>>;

enum Inner {
    Postgres(sqlx::Transaction<'static, Postgres>),
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

impl Tx {
    /// Moves the transaction into another organisation, for what the platform does to an account: it concerns every
    /// organisation that the account belongs to, and these are entered one after the other, in the order of their ids.
    pub async fn enter(&self, org: OrgId) -> Result<()> {
        if let Inner::Postgres(tx) = &mut *self.inner.lock().await {
            // As plain text: prepared, it would be another statement for every organisation.
            let sql = format!("SET LOCAL palisade.org_id = '{}'", org.uuid());
            self.db.count();
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Makes the changes last, and wakes whoever follows the logs that they were told in.
    pub async fn commit(self) -> Result<()> {
        self.db.count();
        match self.inner.into_inner() {
            Inner::Postgres(tx) => tx.commit().await?,
            Inner::Sqlite(tx) => tx.commit().await?,
        }
        let heads = self.heads.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !heads.is_empty() {
            self.db.notices.publish_all(&self.db, heads);
        }
        Ok(())
    }

    /// Notes that the log of `org` grows to `sequence` with this transaction.
    pub(in crate::store) fn note_log_growth(&self, org: OrgId, sequence: i64) {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).insert(org, sequence);
    }

    /// Counts its statements into `statements`, for the log line and the tests that hold statement counts.
    #[must_use]
    pub fn counted(mut self, statements: &Arc<AtomicU64>) -> Self {
        self.statements = Arc::clone(statements);
        self
    }
}

fn query_err(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn exec_err(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

macro_rules! on_connection {
    ($self:ident, $statement:ident, $method:ident) => {{
        $self.statements.fetch_add(1, Ordering::Relaxed);
        $self.db.count();
        let values = SqlxValues($statement.values.unwrap_or(sea_orm::Values(Vec::new())));
        let sql = AssertSqlSafe($statement.sql);
        match &mut *$self.inner.lock().await {
            Inner::Postgres(tx) => sqlx::query_with(sql, values).$method(&mut **tx).await.map(Either::Postgres),
            Inner::Sqlite(tx) => sqlx::query_with(sql, values).$method(&mut **tx).await.map(Either::Sqlite),
        }
    }};
}

enum Either<P, S> {
    Postgres(P),
    Sqlite(S),
}

#[async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match on_connection!(self, statement, execute).map_err(exec_err)? {
            Either::Postgres(done) => Ok(done.into()),
            Either::Sqlite(done) => Ok(done.into()),
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(Statement::from_string(self.backend, sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match on_connection!(self, statement, fetch_optional).map_err(query_err)? {
            Either::Postgres(row) => Ok(row.map(Into::into)),
            Either::Sqlite(row) => Ok(row.map(Into::into)),
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match on_connection!(self, statement, fetch_all).map_err(query_err)? {
            Either::Postgres(rows) => Ok(rows.into_iter().map(Into::into).collect()),
            Either::Sqlite(rows) => Ok(rows.into_iter().map(Into::into).collect()),
        }
    }
}

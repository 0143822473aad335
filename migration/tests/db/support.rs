//! A database of either kind for a test.

#[path = "../../../tests/support/postgres.rs"]
pub mod postgres;

use migration::{Command, Options, Outcome, run};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement, Value};

/// Somewhere to migrate; gone when dropped.
pub struct World {
    pub db: DatabaseConnection,
    kind: Kind,
}

enum Kind {
    Sqlite(#[expect(dead_code, reason = "keeps the file")] tempfile::TempDir),
    Postgres(Box<postgres::Database>),
    /// PostgreSQL, of another value's database.
    Borrowed,
}

async fn connect(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(2).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}

impl World {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("palisade.db").display());
        Self { db: connect(url).await, kind: Kind::Sqlite(folder) }
    }

    pub async fn postgres() -> Self {
        let database = postgres::cluster().await.create_database(None).await;
        Self { db: connect(database.url("postgres")).await, kind: Kind::Postgres(Box::new(database)) }
    }

    /// A new database of each kind.
    pub async fn both() -> [Self; 2] {
        [Self::sqlite().await, Self::postgres().await]
    }

    /// A connection that works as `role` from its start, the way the server opens its pools.
    pub async fn as_role(&self, login: &str, role: migration::walls::Role) -> DatabaseConnection {
        let Kind::Postgres(database) = &self.kind else { panic!("SQLite has no roles") };
        let url = database.url(login);
        let options = role.connection_options().replace(' ', "%20").replace('=', "%3D");
        connect(format!("{url}{}options={options}", if url.contains('?') { '&' } else { '?' })).await
    }

    /// The same database, as another login sees it.
    pub async fn as_login(&self, login: &str) -> Self {
        let Kind::Postgres(database) = &self.kind else { panic!("SQLite has no logins") };
        Self { db: connect(database.url(login)).await, kind: Kind::Borrowed }
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        let Kind::Postgres(database) = &self.kind else { panic!("a file has no name") };
        database.name()
    }

    pub fn is_postgres(&self) -> bool {
        !matches!(self.kind, Kind::Sqlite(_))
    }

    pub async fn up(&self) -> Outcome {
        run(&self.db, Command::Up, &Options::default()).await.unwrap()
    }

    /// The way back to the time before tenancy.
    pub async fn back(&self) -> Command {
        self.back_before("m0018").await
    }

    /// The way back to before the migration whose name begins so.
    pub async fn back_before(&self, first: &str) -> Command {
        let stands = run(&self.db, Command::Status, &Options::default()).await.unwrap().migrations;
        let since = stands.iter().filter(|(name, applied)| *applied && name.as_str() >= first).count();
        Command::Down(since.try_into().unwrap())
    }

    pub async fn sql(&self, sql: &str) {
        sql_on(&self.db, sql).await.unwrap();
    }

    /// SQL with ids written as `11#`: the UUID of that number.
    pub fn sql_of(&self, sql: &str) -> String {
        sql_of(sql, self.is_postgres())
    }

    /// Runs SQL with ids written as `11#`.
    pub async fn run(&self, sql: &str) -> Result<u64, sea_orm::DbErr> {
        sql_on(&self.db, &self.sql_of(sql)).await
    }

    /// Runs a statement with values.
    pub async fn execute<const N: usize>(&self, sql: &str, values: [Value; N]) {
        self.db.execute_raw(Statement::from_sql_and_values(self.db.get_database_backend(), sql, values)).await.unwrap();
    }

    pub async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        self.db.query_all_raw(Statement::from_string(self.db.get_database_backend(), sql)).await.unwrap()
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let row = &self.rows(sql).await[0];
        row.try_get_by_index::<i64>(0).or_else(|_| row.try_get_by_index::<i32>(0).map(i64::from)).unwrap()
    }
}

pub async fn sql_on(db: &DatabaseConnection, sql: &str) -> Result<u64, sea_orm::DbErr> {
    db.execute_unprepared(sql).await.map(|done| done.rows_affected())
}

/// Replaces `11#` by the UUID of that number.
pub fn sql_of(sql: &str, postgres: bool) -> String {
    let mut out = String::new();
    let mut rest = sql;
    while let Some(end) = rest.find('#') {
        let digits = rest[..end].bytes().rev().take_while(u8::is_ascii_digit).count();
        let (before, number) = rest[..end].split_at(end - digits);
        let id = uuid::Uuid::from_u128(number.parse().unwrap());
        out += before;
        out += &if postgres { format!("'{id}'::uuid") } else { format!("x'{}'", id.simple()) };
        rest = &rest[end + 1..];
    }
    out + rest
}

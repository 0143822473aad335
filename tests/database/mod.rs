//! The database's own walls, with the server out of the way: raw SQL, as each role, against every table there is.
//!
//! What a role may do is read here from the entities' classes by a few lines of its own ([`classes`]), and from the
//! catalogue by questions of its own: the generator in `migration` and its `check()` are what is tested, and are not asked.
//!
//! SQLite has no roles, no row-level security and no grants; what it does hold is in [`sqlite`].

mod audit_chain;
mod catalogue;
mod classes;
mod connection_state;
mod content;
mod drift;
mod keys;
mod login;
mod reads;
mod sql_injection;
mod sqlite;
mod writes;

use std::str::FromStr as _;

use entity::{
    ids::TypedId as _,
    table::{Table, TableClass},
};
use sea_orm::{ConnectionTrait as _, Statement};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Row as _,
    postgres::{PgConnectOptions, PgConnection, PgRow},
};
use uuid::Uuid;

use crate::support::world::World;

const TENANT: &str = "palisade_tenant";
const OPERATOR: &str = "palisade_operator";
const IDENTITY: &str = "palisade_identity";
const SYSTEM: &str = "palisade_system";
const ROLES: [&str; 4] = [TENANT, OPERATOR, IDENTITY, SYSTEM];
/// Those that work inside one organisation.
const INSIDE: [&str; 2] = [TENANT, SYSTEM];

/// SQLSTATE of what is not granted, and of what row-level security turns away: the standard has one for both.
const DENIED: &str = "42501";

fn tenant_tables() -> Vec<Table> {
    entity::tables().into_iter().filter(|table| table.class == TableClass::Tenant).collect()
}

/// The demo's platform on PostgreSQL, and a login as a deployment makes it.
struct Walls {
    world: World,
    login: String,
    acme: Uuid,
    globex: Uuid,
}

/// What the database said instead of rows.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Refused {
    code: String,
    message: String,
    detail: String,
}

impl Refused {
    fn by_grants(&self) -> bool {
        self.code == DENIED && self.message.starts_with("permission denied")
    }

    /// The login is not even let into the schema: there is nothing of that name.
    fn by_name(&self) -> bool {
        self.code == "42P01"
    }

    fn by_rows(&self) -> bool {
        self.code == DENIED && self.message.contains("row-level security")
    }
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        let Some(said) = error.as_database_error() else { panic!("not the database's: {error}") };
        Self {
            code: said.code().unwrap_or_default().into_owned(),
            message: said.message().to_owned(),
            detail: said
                .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
                .and_then(|said| said.detail())
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

impl Walls {
    async fn new() -> Self {
        let world = World::postgres().await;
        let login = format!("walls_{}", Uuid::now_v7().simple());
        let org = |slug: &str| world.plan.organizations.iter().find(|org| org.slug == slug).unwrap().id.uuid();
        let (acme, globex) = (org("acme"), org("globex"));
        let walls = Self { world, login, acme, globex };
        // A copy of a template has not its rights on the database: the walls' repair takes them away again.
        migration::run(&walls.world.root, migration::Command::Up, &migration::Options::default()).await.unwrap();
        // The README's login, and rows for the one tenant table that the demo leaves empty.
        walls.root(&format!("CREATE ROLE {} LOGIN NOINHERIT IN ROLE {}", walls.login, ROLES.join(", "))).await;
        walls
            .root(
                "INSERT INTO organization_issuers (org_id, id, issuer, enabled_by, created_at)
                 SELECT DISTINCT ON (org_id) org_id, gen_random_uuid(), 'https://login.example/' || org_id, user_id, now()
                 FROM org_memberships WHERE status = 'ACTIVE'",
            )
            .await;
        walls
    }

    /// The login's address, without a role.
    fn options(&self) -> PgConnectOptions {
        PgConnectOptions::from_str(&self.world.url()).unwrap().username(&self.login)
    }

    /// The same, as text.
    fn url(&self) -> String {
        self.options().to_url_lossy().into()
    }

    /// A connection that works as `role` from its start, as the server's pools do.
    async fn session(&self, role: &str) -> Session {
        Session(self.options().options([("role", role)]).connect().await.unwrap())
    }

    async fn root(&self, sql: &str) {
        self.world.root.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// What stands behind the walls: the first column of every row, as text.
    async fn seen(&self, sql: &str) -> Vec<String> {
        let statement = Statement::from_string(self.world.root.get_database_backend(), sql);
        let rows = self.world.root.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    async fn one(&self, sql: &str) -> String {
        let mut rows = self.seen(sql).await;
        assert_eq!(rows.len(), 1, "{sql}");
        rows.remove(0)
    }

    /// A row of one organisation's, as JSON.
    async fn row(&self, table: &str, org: Uuid) -> serde_json::Value {
        let row = self.one(&format!("SELECT to_jsonb(t)::text FROM {table} t WHERE org_id = '{org}' LIMIT 1")).await;
        serde_json::from_str(&row).unwrap()
    }
}

/// A statement that inserts a row given as JSON.
fn insert(table: &Table, row: &serde_json::Value) -> String {
    let columns = table.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let name = table.name;
    format!(
        "INSERT INTO {name} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{name}, $row${row}$row$::jsonb)"
    )
}

/// Somebody with a connection and SQL of their own.
struct Session(PgConnection);

impl Session {
    async fn raw(&mut self, sql: &str) -> Result<Vec<PgRow>, Refused> {
        Ok(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.0).await?)
    }

    async fn begin(&mut self, org: Option<&str>) {
        let enter = org.map(|org| format!("; SET LOCAL palisade.org_id = '{org}'")).unwrap_or_default();
        self.raw(&format!("BEGIN{enter}")).await.unwrap();
    }

    /// Runs SQL in a transaction inside `org` and takes it back.
    async fn ask(&mut self, org: Option<&str>, sql: &str) -> Result<Vec<PgRow>, Refused> {
        self.begin(org).await;
        let answer = self.raw(sql).await;
        self.raw("ROLLBACK").await.unwrap();
        answer
    }

    /// The only value of the only row, as text.
    async fn value(&mut self, org: Option<&str>, sql: &str) -> Result<Option<String>, Refused> {
        let rows = self.ask(org, sql).await?;
        assert_eq!(rows.len(), 1, "{sql}");
        Ok(rows[0].try_get(0).unwrap_or_else(|error| panic!("{sql}: {error}")))
    }

    /// How many rows a statement touched. It is taken back.
    async fn touch(&mut self, org: Option<&str>, sql: &str) -> Result<u64, Refused> {
        self.begin(org).await;
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.0).await;
        self.raw("ROLLBACK").await.unwrap();
        Ok(done?.rows_affected())
    }

    /// What the database says to a statement that it must not run.
    async fn refusal(&mut self, org: Option<&str>, sql: &str) -> Refused {
        match self.ask(org, sql).await {
            Ok(rows) => panic!("answered with {} rows: {sql}", rows.len()),
            Err(refused) => refused,
        }
    }
}

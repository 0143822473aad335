//! The demo's platform behind the real door, on either database: two organisations alike, every role, and a clock that
//! stands still. `world.acme_admin().query(…)` asks as somebody, over HTTP.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, Response, StatusCode},
};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt as _;
use migration::{Command, Options};
use palisade::{
    app::plug::Rooms,
    auth::ServerSecret,
    clock::Clock,
    config::{Config, Streams},
    demo::{self, DemoPlatform},
    graphql::context::ClientAddress,
    graphql::{
        self,
        limits::{Catalog, Documents},
    },
    http::{
        graphql::engine::{Call, Engine},
        router::router,
    },
    service::auth::IdentitySettings,
    store::{
        db::{Database, PoolLimits},
        seed,
    },
    workspace::{Files, Quota, local::LocalWorkspace},
};
use sea_orm::{ConnectOptions, ConnectionTrait as _, DatabaseConnection, Statement};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tower::ServiceExt as _;

use super::postgres;

/// The accounts that tests ask as, by the demo's name for them.
pub const CALLERS: [(&str, Option<&str>); 10] = [
    ("anonymous", None),
    ("acme_admin", Some("Acme admin")),
    ("acme_team_admin", Some("Acme team admin")),
    ("acme_member", Some("Acme member")),
    ("acme_outsider", Some("Acme outsider")),
    ("acme_agent_admin", Some("Acme agent admin")),
    ("acme_planner", Some("Acme planner")),
    ("acme_worker", Some("Acme worker")),
    ("globex_admin", Some("Globex admin")),
    ("operator", Some("Operator")),
];

/// Runs each test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident) $body:block)*) => {
        $(
            async fn $name($world: $crate::support::world::World) $body

            $(#[$meta])*
            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    super::$name($crate::support::world::World::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgres() {
                    super::$name($crate::support::world::World::postgres().await).await;
                }
            }
        )*
    };
}
pub(crate) use on_both;

pub struct World {
    pub database: Database,
    pub rooms: Rooms,
    pub engine: Arc<Engine>,
    router: Router,
    pub plan: Arc<DemoPlatform>,
    /// Sees and may do everything: for looking behind the walls.
    pub root: DatabaseConnection,
    pub kind: &'static str,
    /// Where goals' files are.
    pub files: Files,
    pub workspace: tempfile::TempDir,
    _keep: Keep,
}

/// What files may take in a world.
pub const QUOTA: Quota = Quota { file_bytes: 100_000, bytes: 1_000_000, files: 1_000 };

/// A workspace in which the demo's files stand where a mount would show them.
fn workspace(plan: &DemoPlatform) -> (tempfile::TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    for file in &plan.files {
        let (org, goal) = (file.version.org_id.to_string(), file.version.goal_id.to_string());
        let place = folder.path().join("orgs").join(org).join(goal).join(file.path.as_str());
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, &file.bytes).unwrap();
    }
    let backend = Arc::new(LocalWorkspace::open(folder.path()).unwrap());
    (folder, Files { backend, quota: QUOTA })
}

pub(super) enum Keep {
    Sqlite(tempfile::TempDir),
    Postgres(Box<postgres::Database>),
}

fn now() -> DateTime<Utc> {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

pub(super) async fn plan() -> Arc<DemoPlatform> {
    static PLAN: OnceCell<Arc<DemoPlatform>> = OnceCell::const_new();
    Arc::clone(PLAN.get_or_init(|| async { Arc::new(demo::plan(now())) }).await)
}

async fn connect(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(2).sqlx_logging(false);
    sea_orm::Database::connect(options).await.unwrap()
}

async fn fill(url: String) {
    fill_with(url, &*plan().await, async |_| {}).await;
}

pub(super) async fn fill_with(url: String, plan: &DemoPlatform, alter: impl AsyncFnOnce(&DatabaseConnection)) {
    let root = connect(url).await;
    migration::run(&root, Command::Up, &Options::default()).await.unwrap();
    seed::write(&root, plan).await.unwrap();
    alter(&root).await;
    root.close().await.unwrap();
}

pub(super) fn engine() -> Arc<Engine> {
    let schema = graphql::schema();
    let documents = Documents::new(Catalog::new(&schema.sdl()).unwrap(), Config::default().limits);
    Arc::new(Engine::new(schema, documents))
}

impl World {
    pub async fn sqlite() -> Self {
        static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
        let template = TEMPLATE
            .get_or_init(|| async {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("template.db");
                fill(format!("sqlite:{}?mode=rwc", path.display())).await;
                std::fs::read(path).unwrap()
            })
            .await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("palisade.db");
        std::fs::write(&path, template).unwrap();
        let url = format!("sqlite:{}?mode=rwc", path.display());
        Self::new(url, "sqlite", Keep::Sqlite(folder), plan().await, engine()).await
    }

    pub async fn postgres() -> Self {
        let cluster = postgres::cluster().await;
        let template = cluster
            .template("demo", async |url: String| {
                fill(url).await;
                Ok::<_, std::convert::Infallible>(())
            })
            .await;
        let database = cluster.create_database(Some(&template)).await;
        let (url, keep) = (database.url("postgres"), Keep::Postgres(Box::new(database)));
        Self::new(url, "postgres", keep, plan().await, engine()).await
    }

    /// Another world of the same kind as this one, unchanged.
    pub async fn fresh(&self) -> Self {
        if self.kind == "sqlite" { Self::sqlite().await } else { Self::postgres().await }
    }

    pub(super) async fn new(
        url: String,
        kind: &'static str,
        keep: Keep,
        plan: Arc<DemoPlatform>,
        engine: Arc<Engine>,
    ) -> Self {
        let limits = PoolLimits { max_connections: 4, acquire_timeout: Duration::from_secs(30) };
        let database = Database::open(&url, limits).unwrap();
        let clock = Clock::fixed(now(), TimeDelta::milliseconds(1));
        let secret = ServerSecret::new([7; 32]);
        let settings = IdentitySettings::new("https://palisade.example");
        let (workspace, files) = workspace(&plan);
        let rooms = Rooms::new(database.clone(), clock, &secret, settings).with_files(files.clone());
        let router = router(Arc::clone(&engine), Arc::new(rooms.clone()), Config::default().http);
        Self { database, rooms, engine, router, plan, root: connect(url).await, kind, files, workspace, _keep: keep }
    }

    /// The same world, its server working through other connections.
    #[must_use]
    pub fn with_database(mut self, database: Database) -> Self {
        let clock = Clock::fixed(now(), TimeDelta::milliseconds(1));
        let settings = IdentitySettings::new("https://palisade.example");
        let secret = ServerSecret::new([7; 32]);
        self.rooms = Rooms::new(database.clone(), clock, &secret, settings).with_files(self.files.clone());
        self.router = router(Arc::clone(&self.engine), Arc::new(self.rooms.clone()), Config::default().http);
        self.database = database;
        self
    }

    /// The same world with its files in another place, or held against another quota.
    #[must_use]
    pub fn with_files(mut self, files: Files) -> Self {
        self.rooms = self.rooms.with_files(files.clone());
        self.router = router(Arc::clone(&self.engine), Arc::new(self.rooms.clone()), Config::default().http);
        self.files = files;
        self
    }

    /// The same world with other settings for its streams.
    #[must_use]
    pub fn with_streams(mut self, streams: Streams) -> Self {
        self.rooms = self.rooms.with_streams(streams);
        self.router = router(Arc::clone(&self.engine), Arc::new(self.rooms.clone()), Config::default().http);
        self
    }

    /// The door, for a test that looks at whole answers.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Asks as the account, or the service account, that the demo calls `role`; as nobody without one.
    pub async fn login(&self, role: Option<&str>) -> Caller<'_> {
        let Some(role) = role else { return Caller { world: self, token: None } };
        if let Some(key) = self.plan.keys.iter().find(|key| key.role == role) {
            return Caller { world: self, token: Some(key.key.clone()) };
        }
        let login = self.plan.logins.iter().find(|login| login.role == role).expect("a login of the demo");
        let tokens = self.rooms.identity().demo_session(&login.email).await.unwrap();
        Caller { world: self, token: Some(tokens.access_token) }
    }

    /// The cluster's own database, for what cannot be done to a database from within.
    pub async fn outside(&self) -> DatabaseConnection {
        let Keep::Postgres(database) = &self._keep else { panic!("a world on PostgreSQL") };
        connect(database.url("postgres").replacen(database.name(), "postgres", 1)).await
    }

    /// A PostgreSQL world's database.
    pub fn name(&self) -> &str {
        let Keep::Postgres(database) = &self._keep else { panic!("a world on PostgreSQL") };
        database.name()
    }

    /// The address of a PostgreSQL world, as its owner.
    pub fn url(&self) -> String {
        match &self._keep {
            Keep::Sqlite(_) => panic!("a world on PostgreSQL"),
            Keep::Postgres(database) => database.url("postgres"),
        }
    }

    /// The address of a PostgreSQL world, as a login of it.
    pub fn url_as(&self, login: &str) -> String {
        match &self._keep {
            Keep::Sqlite(_) => panic!("a world on PostgreSQL"),
            Keep::Postgres(database) => database.url(login),
        }
    }

    /// The address of its database, whichever it is.
    pub fn address(&self) -> String {
        match &self._keep {
            Keep::Sqlite(folder) => format!("sqlite:{}", folder.path().join("palisade.db").display()),
            Keep::Postgres(database) => database.url("postgres"),
        }
    }

    /// The id of the demo's first organisation.
    pub fn acme(&self) -> entity::ids::OrgId {
        self.plan.organizations.iter().find(|organization| organization.slug == "acme").expect("Acme").id
    }

    pub fn anonymous(&self) -> Caller<'_> {
        Caller { world: self, token: None }
    }

    pub async fn acme_admin(&self) -> Caller<'_> {
        self.login(Some("Acme admin")).await
    }

    pub async fn globex_admin(&self) -> Caller<'_> {
        self.login(Some("Globex admin")).await
    }

    pub async fn operator(&self) -> Caller<'_> {
        self.login(Some("Operator")).await
    }

    /// All rows of all tables as text (on PostgreSQL as a digest for each table), to show that nothing changed. Sign-in's own
    /// bookkeeping is left out, and that something was refused.
    pub async fn dump(&self) -> Vec<(String, Vec<String>)> {
        let mut tables = Vec::new();
        for table in entity::tables() {
            if ["sessions", "refresh_tokens", "login_throttles", "signing_keys", "event_heads"].contains(&table.name) {
                continue;
            }
            let columns: Vec<String> = table
                .columns
                .iter()
                .filter(|(name, _)| !["last_login_at", "last_used_at"].contains(name))
                .map(|(name, _)| {
                    if self.kind == "sqlite" {
                        format!("quote(\"{name}\")")
                    } else {
                        format!("quote_nullable(\"{name}\"::text)")
                    }
                })
                .collect();
            let row = columns.join(" || ',' || ");
            let from = match table.name {
                log @ ("events" | "platform_events") => format!("{log} WHERE type <> 'mutation.refused'"),
                other => other.to_owned(),
            };
            let sql = if self.kind == "sqlite" {
                format!("SELECT {row} FROM {from}")
            } else {
                // Many megabytes stay where they are: what is compared is their digest.
                format!(
                    "SELECT coalesce(md5(string_agg(r, '|' ORDER BY r)), '') FROM (SELECT {row} AS r FROM {from}) AS t"
                )
            };
            let rows = self.root.query_all_raw(Statement::from_string(self.root.get_database_backend(), sql)).await;
            let mut rows: Vec<String> = rows.unwrap().iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
            rows.sort();
            tables.push((table.name.to_owned(), rows));
        }
        tables
    }
}

/// The schema without limits on a document's size: for questions of hundreds of parts.
pub fn unlimited() -> Engine {
    let schema = graphql::schema();
    let mut limits = Config::default().limits;
    (limits.aliases, limits.roots, limits.fields, limits.tokens) = (10_000, 10_000, 100_000, 1_000_000);
    (limits.depth, limits.nesting, limits.cost) = (100, 1_000, u64::MAX / 2);
    let documents = Documents::new(Catalog::new(&schema.sdl()).unwrap(), limits);
    Engine::new(schema, documents)
}

/// Somebody who asks.
#[derive(Clone)]
pub struct Caller<'w> {
    pub world: &'w World,
    pub token: Option<String>,
}

/// What a request was answered.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Value,
    pub text: String,
}

impl Reply {
    /// The code of the first error, if there is any.
    pub fn code(&self) -> Option<&str> {
        self.body["errors"][0]["extensions"]["code"].as_str()
    }

    /// The data of an answer without errors.
    pub fn data(&self) -> &Value {
        assert!(self.body.get("errors").is_none(), "{}", self.text);
        &self.body["data"]
    }

    /// Paths that were nulled, as `a.b.0.c`.
    pub fn redacted(&self) -> Vec<String> {
        let paths = self.body["extensions"]["redacted"].as_array().cloned().unwrap_or_default();
        let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
        paths.iter().map(|path| path.as_array().unwrap().iter().map(step).collect::<Vec<_>>().join(".")).collect()
    }
}

impl Caller<'_> {
    pub async fn query(&self, query: &str) -> Reply {
        self.send(query, json!({})).await
    }

    pub async fn send(&self, query: &str, variables: Value) -> Reply {
        self.raw(&json!({ "query": query, "variables": variables }).to_string()).await
    }

    /// Sends a body as it is.
    pub async fn raw(&self, body: &str) -> Reply {
        let request = Request::post("/graphql").header("content-type", "application/json");
        self.request(request, Body::from(body.to_owned())).await
    }

    /// Asks for another page than GraphQL's.
    pub async fn get(&self, path: &str) -> Reply {
        self.request(Request::get(path), Body::empty()).await
    }

    async fn request(&self, request: axum::http::request::Builder, body: Body) -> Reply {
        let response = self.respond(request, body).await;
        let status = response.status();
        let text = String::from_utf8(response.into_body().to_vec()).unwrap();
        Reply { status, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Sends a request of any kind, and answers with everything that comes back.
    pub async fn respond(&self, request: axum::http::request::Builder, body: Body) -> Response<Bytes> {
        let mut request = request
            .header("accept", "application/json")
            .extension(axum::extract::ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1))));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = self.world.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        // What breaks off in the middle is answered as far as it came.
        let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Response::from_parts(parts, bytes)
    }

    /// How many statements a query's reads run.
    pub async fn statements(&self, query: &str) -> u64 {
        let authorization: Vec<String> = self.token.iter().map(|token| format!("Bearer {token}")).collect();
        let values: Vec<&str> = authorization.iter().map(String::as_str).collect();
        let viewer = palisade::http::backend::Backend::authenticate(&self.world.rooms, &values).await.unwrap();
        let call = Call { query: query.to_owned(), ..Call::default() };
        let client = ClientAddress(std::net::IpAddr::from([127, 0, 0, 1]));
        let mut budget = u64::MAX;
        let (answer, facts) = self.world.engine.run(&self.world.rooms, &viewer, client, call, &mut budget).await;
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
        facts.statements
    }
}

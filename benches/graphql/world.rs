//! The platform that is measured: two organisations of 50,000 tasks each behind the real router, and what is asked of it.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode},
};
use entity::{
    enums::AgentVisibility,
    ids::{AgentId, GoalId, OrgId, TypedId as _},
};
use http_body_util::BodyExt as _;
use migration::{Command, Options};
use palisade::{
    app::plug::Rooms,
    auth::ServerSecret,
    clock::Clock,
    config::Config,
    demo::{self, DemoPlatform},
    graphql::context::ClientAddress,
    graphql::{
        self,
        limits::{Catalog, Documents},
    },
    http::{
        backend::Backend as _,
        graphql::engine::{Call, Engine},
        router::router,
    },
    service::auth::IdentitySettings,
    store::{
        db::{Database, PoolLimits},
        seed,
    },
};
use sea_orm::{ConnectOptions, ConnectionTrait as _, DatabaseConnection};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::postgres;

/// Agents that are added to each organisation, so that a list of 20 is full for every member.
const ADDED: u128 = 20;

/// Which database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// One request, ready to be sent as often as wanted.
#[derive(Clone, Debug)]
pub struct Ask {
    query: &'static str,
    variables: Value,
    body: Bytes,
}

impl Ask {
    pub fn new(query: &'static str, variables: Value) -> Self {
        let body = json!({ "query": query, "variables": variables }).to_string().into();
        Self { query, variables, body }
    }
}

pub struct World {
    pub kind: Kind,
    /// Where a superuser finds the database, for the baseline.
    pub url: String,
    /// Connections of a pool.
    pub connections: u32,
    rooms: Rooms,
    engine: Arc<Engine>,
    router: Router,
    plan: Arc<DemoPlatform>,
    /// Dropped last: the database itself.
    _keep: Keep,
}

enum Keep {
    Sqlite(#[expect(dead_code, reason = "keeps the file")] tempfile::TempDir),
    Postgres(#[expect(dead_code, reason = "keeps the database")] Box<postgres::Database>),
}

/// The demo with `tasks` in each organisation. Half of the goals are moved to added agents that every member sees: the
/// demo's own are too few for a list of 20.
pub fn plan(clock: &Clock, tasks: usize) -> Arc<DemoPlatform> {
    let mut plan = demo::bench_world(clock.now(), tasks);
    let mut added: HashMap<OrgId, Vec<AgentId>> = HashMap::new();
    for organization in plan.organizations.iter().map(|organization| organization.id).collect::<Vec<_>>() {
        let public =
            |agent: &&entity::agent::Model| agent.org_id == organization && agent.visibility == AgentVisibility::Public;
        let pattern = plan.agents.iter().find(public).unwrap().clone();
        for number in 1..=ADDED {
            let id = AgentId::from_uuid(Uuid::from_u128(pattern.id.uuid().as_u128() ^ number));
            let name = format!("Bench {number:02}");
            let name_folded = name.to_lowercase();
            plan.agents.push(entity::agent::Model { id, name, name_folded, ..pattern.clone() });
            added.entry(organization).or_default().push(id);
        }
    }
    let mut moved: HashMap<GoalId, AgentId> = HashMap::new();
    for (position, goal) in plan.goals.iter_mut().enumerate().filter(|(position, _)| position % 2 == 0) {
        let agents = &added[&goal.org_id];
        goal.agent_id = agents[position / 2 % agents.len()];
        moved.insert(goal.id, goal.agent_id);
    }
    for task in &mut plan.tasks {
        task.agent_id = moved.get(&task.goal_id).copied().unwrap_or(task.agent_id);
    }
    Arc::new(plan)
}

async fn root(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(2).sqlx_logging(false);
    sea_orm::Database::connect(options).await.unwrap()
}

impl World {
    pub async fn new(kind: Kind, plan: Arc<DemoPlatform>) -> Self {
        let (url, keep) = match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                (format!("sqlite:{}?mode=rwc", folder.path().join("palisade.db").display()), Keep::Sqlite(folder))
            }
            Kind::Postgres => {
                let database = postgres::cluster().await.create_database(None).await;
                (database.url("postgres"), Keep::Postgres(Box::new(database)))
            }
        };
        let root = root(&url).await;
        migration::run(&root, Command::Up, &Options::default()).await.unwrap();
        seed::write(&root, &plan).await.unwrap();
        settle(kind, &root).await;
        root.close().await.unwrap();

        let config = Config::default();
        let connections = config.database.max_connections;
        let limits = PoolLimits { max_connections: connections, acquire_timeout: config.database.acquire_timeout };
        let database = Database::open(&url, limits).unwrap();
        let settings = IdentitySettings::new("https://palisade.example");
        let rooms = Rooms::new(database, Clock::system(), &ServerSecret::new([7; 32]), settings);
        let schema = graphql::schema();
        let documents = Documents::new(Catalog::new(&schema.sdl()).unwrap(), config.limits.clone());
        let engine = Arc::new(Engine::new(schema, documents));
        let router = router(Arc::clone(&engine), Arc::new(rooms.clone()), config.http.clone());
        Self { kind, url, connections, rooms, engine, router, plan, _keep: keep }
    }

    /// Signs in as the account that the demo calls `role`.
    pub async fn login(&self, role: &str) -> Caller {
        let login = self.plan.logins.iter().find(|login| login.role == role).unwrap();
        let tokens = self.rooms.identity().demo_session(&login.email).await.unwrap();
        Caller { router: self.router.clone(), bearer: format!("Bearer {}", tokens.access_token) }
    }

    /// The organisation of those who ask.
    pub fn organization(&self) -> OrgId {
        self.plan.organizations.iter().find(|organization| organization.name == "Acme").unwrap().id
    }

    /// How many statements the operation runs, besides the one that loads the viewer.
    pub async fn statements(&self, caller: &Caller, ask: &Ask) -> u64 {
        let viewer = self.rooms.authenticate(&[&caller.bearer]).await.unwrap();
        let variables = async_graphql::Variables::from_json(ask.variables.clone());
        let call = Call { query: ask.query.to_owned(), variables, ..Call::default() };
        let client = ClientAddress(std::net::IpAddr::from([127, 0, 0, 1]));
        let (answer, facts) = self.engine.run(&self.rooms, &viewer, client, call, &mut u64::MAX.clone()).await;
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
        facts.statements
    }
}

/// Leaves the database as one that has run for a while. SQLite gets no `ANALYZE`, as the server runs none; PostgreSQL's
/// autovacuum, which does, is off in the private cluster.
async fn settle(kind: Kind, root: &DatabaseConnection) {
    match kind {
        Kind::Sqlite => {
            root.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        }
        Kind::Postgres => {
            root.execute_unprepared("VACUUM ANALYZE").await.unwrap();
            let warm = "CREATE EXTENSION IF NOT EXISTS pg_prewarm; \
                        SELECT sum(pg_prewarm(oid)) FROM pg_class \
                        WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace";
            if root.execute_unprepared(warm).await.is_err() {
                println!("(pg_prewarm is not installed: the warm-up alone fills PostgreSQL's cache)");
            }
        }
    }
}

/// Somebody who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    router: Router,
    bearer: String,
}

impl Caller {
    /// Sends the request through the router and reads the answer to its end.
    pub async fn send(&self, ask: &Ask) -> Bytes {
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("authorization", &self.bearer)
            .extension(axum::extract::ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))))
            .body(Body::from(ask.body.clone()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        body
    }

    /// The same, read, and without errors.
    pub async fn ask(&self, query: &'static str, variables: Value) -> Value {
        let mut answer: Value = serde_json::from_slice(&self.send(&Ask::new(query, variables)).await).unwrap();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].take()
    }
}

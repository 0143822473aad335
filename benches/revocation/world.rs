//! The demo behind a server of its own, and the people who follow its log.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use entity::ids::OrgId;
use http_body_util::BodyExt as _;
use migration::{Command, Options};
use palisade::{
    app::plug::Rooms,
    auth::ServerSecret,
    clock::Clock,
    config::{Config, Streams},
    demo::{self, DemoPlatform},
    graphql::{
        self,
        limits::{Catalog, Documents},
    },
    http::{backend::Backend as _, graphql::engine::Engine, router::router},
    service::auth::IdentitySettings,
    store::{
        db::{Database, PoolLimits},
        seed,
    },
};
use sea_orm::{ConnectOptions, ConnectionTrait as _, DatabaseConnection, Statement};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::{load::Server, postgres, sockets::Socket};

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

/// The log lines of streams that ended.
static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

pub struct Lines;

pub fn lines() -> Lines {
    Lines
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Guest {
    router: Router,
    pub token: String,
}

impl Guest {
    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {}", self.token))
            .extension(axum::extract::ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))))
            .body(Body::from(json!({ "query": query, "variables": variables }).to_string()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].take()
    }
}

pub struct World {
    pub address: SocketAddr,
    rooms: Rooms,
    router: Router,
    plan: DemoPlatform,
    root: DatabaseConnection,
    admin: Guest,
    agent: Value,
    serving: tokio::task::JoinHandle<()>,
    _keep: Keep,
}

enum Keep {
    Sqlite(#[expect(dead_code, reason = "keeps the file")] tempfile::TempDir),
    Postgres(#[expect(dead_code, reason = "keeps the database")] Box<postgres::Database>),
}

impl Drop for World {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl World {
    pub async fn new(kind: Kind) -> Self {
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
        let mut options = ConnectOptions::new(&url);
        options.max_connections(2).sqlx_logging(false);
        let root = sea_orm::Database::connect(options).await.unwrap();
        migration::run(&root, Command::Up, &Options::default()).await.unwrap();
        let plan = demo::plan(Clock::system().now());
        seed::write(&root, &plan).await.unwrap();
        if kind == Kind::Postgres {
            root.execute_unprepared("VACUUM ANALYZE").await.unwrap();
        }

        let config = Config::default();
        let limits = PoolLimits {
            max_connections: config.database.max_connections,
            acquire_timeout: config.database.acquire_timeout,
        };
        let database = Database::open(&url, limits).unwrap();
        // Twelve people hold more than people do.
        let streams = Streams { sockets_per_viewer: 1_000, per_viewer: 5_000, ..config.streams };
        let settings = IdentitySettings::new("https://palisade.example");
        let rooms = Rooms::new(database, Clock::system(), &ServerSecret::new([7; 32]), settings).with_streams(streams);
        let schema = graphql::schema();
        let documents = Documents::new(Catalog::new(&schema.sdl()).unwrap(), config.limits);
        let router = router(Arc::new(Engine::new(schema, documents)), Arc::new(rooms.clone()), config.http);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        let token = rooms.identity().demo_session("ada@acme.example").await.unwrap().access_token;
        let admin = Guest { router: router.clone(), token };
        let made = "mutation { createAgent(input: { name: \"Bench\", visibility: PUBLIC }) { agent { id } } }";
        let agent = admin.ask(made, json!({})).await["createAgent"]["agent"]["id"].clone();
        Self { address, rooms, router, plan, root, admin, agent, serving, _keep: keep }
    }

    /// A session of one of the organisation's people, in turn.
    pub async fn guest(&self, number: usize) -> Guest {
        let acme: OrgId = self.plan.organizations.iter().find(|organization| organization.slug == "acme").unwrap().id;
        let members = self.plan.org_memberships.iter().filter(|row| row.org_id == acme);
        let active = members.filter(|row| row.status == entity::enums::MembershipStatus::Active);
        let users: Vec<_> = active.map(|row| row.user_id).collect();
        let user = users[number % users.len()];
        let email = &self.plan.users.iter().find(|row| row.id == user).unwrap().email;
        let token = self.rooms.identity().demo_session(email).await.unwrap().access_token;
        Guest { router: self.router.clone(), token }
    }

    /// An event that everybody sees.
    pub async fn touch(&self) {
        let touch = "mutation($id: ID!, $text: String) {
            updateAgent(input: { id: $id, description: $text }) { agent { id } } }";
        let text = uuid::Uuid::now_v7().to_string();
        self.admin.ask(touch, json!({ "id": self.agent, "text": text })).await;
    }

    /// Waits until nothing is on its way, and begins to count anew.
    pub async fn settle(&self, sockets: &[Socket]) {
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = sockets.iter().flat_map(Socket::times).map(|times| times.len()).sum();
            if now == before {
                break;
            }
            before = now;
        }
        sockets.iter().for_each(Socket::forget);
    }

    pub async fn server(&self) -> Server {
        if self.root.get_database_backend() != sea_orm::DbBackend::Postgres {
            return Server::default();
        }
        let sql = Statement::from_string(self.root.get_database_backend(), "SELECT pg_backend_pid()");
        let row = self.root.query_one_raw(sql).await.unwrap().unwrap();
        Server::of_backend(row.try_get_by_index(0).unwrap())
    }

    pub async fn until_left(&self) {
        while self.rooms.hub().unwrap().open() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    /// What the log lines of its streams say: statements and results.
    pub fn statements(&self) -> (u64, u64) {
        let bytes = std::mem::take(&mut *LINES.lock().unwrap());
        let lines = String::from_utf8(bytes).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines = lines.filter(|line| line["target"] == "palisade::stream");
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        lines.fold((0, 0), |(statements, events), line| {
            let fields = &line["fields"];
            (statements + number(&fields["statements"]), events + number(&fields["events"]))
        })
    }
}

//! A server over the scene, at two moments, and what it takes to look behind it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt as _;
use migration::{Command, Options};
use palisade::{
    app::plug::Rooms,
    auth::ServerSecret,
    clock::Clock,
    config::Config,
    http::{graphql::engine::Engine, router::router},
    service::auth::IdentitySettings,
    store::db::{Database, PoolLimits},
};
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, DatabaseConnection, Statement, TransactionTrait as _, TryGetable as _,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{
    scene::{Admins, Scene, address},
    undo::Undo,
};
use crate::support::{postgres, rows, world::unlimited};

/// A running server over the scene, at two moments.
pub struct Stage {
    pub now: Server,
    /// More than 72 hours on.
    pub later: Server,
    pub root: DatabaseConnection,
    pub undo: Undo,
    ids: BTreeMap<&'static str, String>,
    uuids: BTreeMap<&'static str, uuid::Uuid>,
    pub operator: String,
    /// Who is active in the organisation at first, and as what.
    pub members: Vec<String>,
    _keep: Keep,
}

pub enum Keep {
    Sqlite(#[expect(dead_code, reason = "keeps the file")] tempfile::TempDir),
    Postgres(#[expect(dead_code, reason = "keeps the database")] Box<postgres::Database>),
}

/// A server whose clock stands at one moment.
pub struct Server {
    pub rooms: Rooms,
    router: Router,
}

impl Server {
    fn new(database: &Database, engine: &Arc<Engine>, start: DateTime<Utc>) -> Self {
        let clock = Clock::fixed(start, TimeDelta::microseconds(1));
        let settings = IdentitySettings::new("https://palisade.example");
        let rooms = Rooms::new(database.clone(), clock, &ServerSecret::new([7; 32]), settings);
        let router = router(Arc::clone(engine), Arc::new(rooms.clone()), Config::default().http);
        Self { rooms, router }
    }

    /// Sends a request as the bearer of a token, or as nobody; the whole answer as text.
    pub async fn send(&self, token: Option<&str>, query: &str) -> String {
        let mut request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .extension(axum::extract::ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1))));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = Body::from(json!({ "query": query }).to_string());
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    pub async fn ask(&self, token: Option<&str>, query: &str) -> Value {
        serde_json::from_str(&self.send(token, query).await).unwrap()
    }

    /// A session of whoever knows the account's password, where there is such an account.
    pub async fn sign_in(&self, who: &str) -> Option<String> {
        self.rooms.identity().demo_session(&address(who)).await.ok().map(|session| session.access_token)
    }
}

fn start() -> DateTime<Utc> {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url.to_owned());
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.unwrap()
}

async fn migrate(url: &str) {
    let root = connect(url).await;
    migration::run(&root, Command::Up, &Options::default()).await.unwrap();
    root.close().await.unwrap();
}

impl Stage {
    pub async fn sqlite(admins: Admins) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("palisade.db").display());
        migrate(&url).await;
        Self::new(&url, admins, Keep::Sqlite(folder)).await
    }

    pub async fn postgres(admins: Admins) -> Self {
        let cluster = postgres::cluster().await;
        let build = async |url: String| {
            migrate(&url).await;
            Ok::<_, std::convert::Infallible>(())
        };
        let database = cluster.create_database(Some(&cluster.template("self_grant", build).await)).await;
        Self::new(&database.url("postgres"), admins, Keep::Postgres(Box::new(database))).await
    }

    async fn new(url: &str, admins: Admins, keep: Keep) -> Self {
        let root = connect(url).await;
        let scene = Scene::new(start(), admins);
        let tx = root.begin().await.unwrap();
        rows::insert(&tx, scene.rows).await;
        tx.commit().await.unwrap();
        let limits = PoolLimits { max_connections: 2, acquire_timeout: Duration::from_secs(30) };
        let undo = Undo::install(&root).await;
        let database = Database::open(url, limits).unwrap();
        let engine = Arc::new(unlimited());
        let (now, later) =
            (Server::new(&database, &engine, start()), Server::new(&database, &engine, start() + TimeDelta::hours(80)));
        now.rooms.identity().start().await.unwrap();
        let operator = now.sign_in("root").await.unwrap();
        let (ids, uuids, members) = (scene.ids, scene.uuids, Vec::new());
        let mut stage = Self { now, later, root, undo, ids, uuids, operator, members, _keep: keep };
        let sql = "SELECT u.email || ' ' || m.role FROM org_memberships m JOIN users u ON u.id = m.user_id WHERE m.org_id = $1";
        stage.members = stage.texts(sql, [stage.uuid("acme").into()]).await;
        stage
    }

    /// The id in the first column of the first row.
    pub async fn uuid_of(&self, sql: &str) -> Option<uuid::Uuid> {
        let statement = Statement::from_string(self.root.get_database_backend(), sql);
        let row = self.root.query_one_raw(statement).await.unwrap()?;
        Some(row.try_get_by_index(0).unwrap())
    }

    /// The id by which clients name something of the scene; one that nothing has for what is not there.
    pub fn id(&self, name: &str) -> &str {
        self.ids.get(name).unwrap_or_else(|| panic!("{name} is in the scene"))
    }

    pub fn uuid(&self, name: &str) -> uuid::Uuid {
        self.uuids[name]
    }

    /// The first column of every row, as text.
    pub async fn texts(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Vec<String> {
        let statement = Statement::from_sql_and_values(self.root.get_database_backend(), sql, values);
        let rows = self.root.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| String::try_get_by_index(row, 0).unwrap()).collect()
    }

    pub async fn execute(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) {
        let statement = Statement::from_sql_and_values(self.root.get_database_backend(), sql, values);
        self.root.execute_raw(statement).await.unwrap();
    }
}

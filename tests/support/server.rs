//! A server on a port of its own, over the database of a world.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_graphql::{
    Schema, ServerResult,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo},
};
use axum::http::StatusCode;
use palisade::{
    app::plug::Rooms,
    auth::ServerSecret,
    clock::Clock,
    config::{Config, Streams},
    graphql::{
        self,
        limits::{Catalog, Documents},
        mutation::Mutation,
        query::Query,
        subscription::Subscription,
    },
    http::{backend::Backend as _, graphql::engine::Engine, router::router},
    service::{auth::IdentitySettings, streams::Hub},
    store::db::{Database, PoolLimits},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::subscription_client::http;
use crate::support::world::{Reply, World};

pub struct Node {
    pub address: SocketAddr,
    pub rooms: Rooms,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    plan: Arc<palisade::demo::DemoPlatform>,
}

/// What differs from the usual.
#[derive(Default)]
pub struct Setup {
    pub streams: Streams,
    pub access_ttl: Option<chrono::TimeDelta>,
    pub allowed_origins: Vec<String>,
    /// How long each event takes to be answered.
    pub events_take: Duration,
}

/// An extension of the schema with which a field of an event takes its time.
struct Slow(Duration);

impl ExtensionFactory for Slow {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self(self.0))
    }
}

#[async_trait::async_trait]
impl Extension for Slow {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<async_graphql::Value>> {
        if info.parent_type == "Event" && info.name == "id" {
            tokio::time::sleep(self.0).await;
        }
        next.run(ctx, info).await
    }
}

impl Node {
    pub async fn start(world: &World) -> Self {
        Self::with(world, Setup::default()).await
    }

    pub async fn with(world: &World, setup: Setup) -> Self {
        let limits = PoolLimits { max_connections: 4, acquire_timeout: Duration::from_secs(30) };
        let database = Database::open(&world.address(), limits).unwrap();
        let mut settings = IdentitySettings::new("https://palisade.example");
        settings.access_ttl = setup.access_ttl.unwrap_or(settings.access_ttl);
        let rooms = Rooms::new(database, Clock::system(), &ServerSecret::new([7; 32]), settings);
        let rooms = rooms.with_streams(setup.streams).with_files(world.files.clone());
        let schema = if setup.events_take.is_zero() {
            graphql::schema()
        } else {
            let built = Schema::build(Query::default(), Mutation::default(), Subscription);
            built.extension(Slow(setup.events_take)).finish()
        };
        let config = Config::default();
        let documents = Documents::new(Catalog::new(&schema.sdl()).unwrap(), config.limits.clone());
        let http = palisade::config::Http { allowed_origins: setup.allowed_origins, ..config.http };
        let router = router(Arc::new(Engine::new(schema, documents)), Arc::new(rooms.clone()), http);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move {
            let until = async { drop(stopped.await) };
            axum::serve(listener, service).with_graceful_shutdown(until).await.unwrap();
        });
        Self { address, rooms, stop: Some(stop), serving, plan: Arc::clone(&world.plan) }
    }

    pub fn hub(&self) -> &Hub {
        self.rooms.hub().unwrap()
    }

    /// Stops as a signal would have it; answers how long that took.
    pub async fn stop(mut self) -> Duration {
        let began = std::time::Instant::now();
        self.hub().close();
        let _ = self.stop.take().unwrap().send(());
        (&mut self.serving).await.unwrap();
        began.elapsed()
    }

    /// Waits until no stream is open: a client reads that it was closed before the server has put its stream away.
    pub async fn until_left(&self) {
        super::subscription_client::within(super::subscription_client::SOON, async {
            while self.hub().open() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    pub async fn login(&self, role: &str) -> Caller<'_> {
        let login = self.plan.logins.iter().find(|login| login.role == role).expect("a login of the demo");
        let tokens = self.rooms.identity().demo_session(&login.email).await.unwrap();
        Caller { node: self, token: tokens.access_token }
    }

    /// As the service account that the demo calls `role`.
    pub fn key(&self, role: &str) -> Caller<'_> {
        let key = self.plan.keys.iter().find(|key| key.role == role).expect("a key of the demo");
        Caller { node: self, token: key.key.clone() }
    }

    pub async fn acme_admin(&self) -> Caller<'_> {
        self.login("Acme admin").await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Caller<'n> {
    pub node: &'n Node,
    pub token: String,
}

impl Caller<'_> {
    pub async fn query(&self, query: &str, variables: Value) -> Reply {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let headers = [("content-type", "application/json"), ("authorization", &format!("Bearer {}", self.token))];
        let mut answer = http(self.node.address, "POST", "/graphql", &headers, &body).await;
        let text = answer.text().await;
        Reply { status: StatusCode::from_u16(answer.status).unwrap(), body: serde_json::from_str(&text).unwrap(), text }
    }

    /// Does something that works.
    pub async fn does(&self, mutation: &str, variables: Value) -> Value {
        self.query(mutation, variables).await.data().clone()
    }

    /// Makes a team, which is told in the log.
    pub async fn team(&self, slug: &str) -> Value {
        let mutation = "mutation($input: CreateTeamInput!) { createTeam(input: $input) { team { id } } }";
        self.does(mutation, json!({ "input": { "name": slug, "slug": slug } })).await["createTeam"]["team"]["id"]
            .clone()
    }
}

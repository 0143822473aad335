//! The HTTP door, held against GraphQL over HTTP and against what the stack is known to get wrong.
//!
//! A small schema stands behind it; requests go through the whole router without a socket.

mod audit_export;
mod bearer_token;
mod body;
mod document_limits;
mod errors;
mod forward_auth;
mod full_disk;
mod graphiql;
mod killed_server;
mod pages;
pub mod process;
mod subscription;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_graphql::{Context, EmptySubscription, Guard, InputObject, Object, PathSegment, Schema, SimpleObject};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use entity::{
    enums::OrgRole,
    ids::{OrgId, SessionId, UserId},
};
use palisade::{
    clock::Clock,
    config::{Http, Limits},
    error::{Error, Result},
    graphql::context::ClientAddress,
    graphql::limits::{Catalog, Documents},
    http::{
        audit_export::Wanted,
        backend::{Backend, Opened, Report},
        graphql::engine::Engine,
        router::router,
    },
    service::{audit_export::Piece, mail::Received, refused_mutations::Refusal},
    viewer::{Account, TenantViewer, Viewer},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

struct Deny;

impl Guard for Deny {
    async fn check(&self, _: &Context<'_>) -> async_graphql::Result<()> {
        Err(Error::Forbidden("this needs more rights").into())
    }
}

struct Query;

#[derive(SimpleObject)]
struct Item {
    name: String,
}

#[derive(SimpleObject)]
struct Items {
    nodes: Vec<Item>,
}

#[derive(InputObject)]
struct LoginInput {
    email: String,
    password: String,
    nested: Option<Vec<i32>>,
}

#[Object]
impl Query {
    async fn hello(&self, name: Option<String>) -> String {
        format!("hello {}", name.unwrap_or_else(|| "you".to_owned()))
    }
    #[graphql(guard = "Deny")]
    async fn refused(&self) -> Option<i32> {
        Some(1)
    }
    async fn absent(&self) -> async_graphql::Result<Option<i32>> {
        Err(Error::NotFound.into())
    }
    async fn required(&self) -> async_graphql::Result<i32> {
        Err(Error::NotFound.into())
    }
    async fn broken(&self) -> async_graphql::Result<Option<i32>> {
        Err(Error::Internal("the password is hunter2".to_owned()).into())
    }
    async fn uncoded(&self) -> async_graphql::Result<Option<i32>> {
        Err(async_graphql::Error::new("the password is hunter2"))
    }
    async fn panics(&self) -> i32 {
        std::hint::black_box(None::<i32>).expect("the password is hunter2")
    }
    async fn slow(&self) -> i32 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        1
    }
    async fn items(&self, first: Option<i32>) -> Items {
        let names = 0..first.unwrap_or(20);
        Items { nodes: names.map(|n| Item { name: format!("item {n}") }).collect() }
    }
    async fn checked(&self, #[graphql(validator(min_length = 20))] text: String) -> usize {
        text.len()
    }
    async fn address(&self, cx: &Context<'_>) -> String {
        cx.data_unchecked::<ClientAddress>().0.to_string()
    }
}

#[derive(Default)]
struct Mutation(AtomicUsize);

#[Object]
impl Mutation {
    async fn count(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
    async fn login(&self, input: LoginInput) -> bool {
        input.email.len() + input.password.len() + input.nested.map_or(0, |nested| nested.len()) > 0
    }
}

#[derive(Default)]
struct Behind {
    asked: AtomicUsize,
    redacted: Vec<Vec<PathSegment>>,
    demo: Option<Value>,
    mailbox: Option<Vec<Received>>,
    down: bool,
}

fn account() -> Account {
    let clock = Clock::system();
    Account::signed_in(clock.id::<UserId>(), clock.id::<SessionId>())
}

#[async_trait::async_trait]
impl Backend for Behind {
    async fn authenticate(&self, authorization: &[&str]) -> Result<Viewer> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match authorization {
            [] => Ok(Viewer::Anonymous),
            ["Bearer member"] => Ok(Viewer::Tenant(TenantViewer {
                account: account(),
                org_id: Clock::system().id::<OrgId>(),
                org_role: OrgRole::Member,
                teams: BTreeMap::new(),
            })),
            ["Bearer operator"] => Ok(Viewer::SuperAdmin(account())),
            ["Bearer throttled"] => Err(Error::RateLimited { retry_after: 7 }),
            ["Bearer nobody home"] => Err(Error::Unavailable("postgres://ada:hunter2@db".to_owned())),
            _ => Err(Error::Unauthenticated),
        }
    }

    fn open(&self, _: &Viewer) -> Opened {
        let redacted = self.redacted.clone();
        Opened { data: async_graphql::Data::default(), report: Box::new(move || Report { redacted, statements: 2 }) }
    }

    async fn refused(&self, _: &Viewer, _: Vec<Refusal>) {}

    async fn export_audit(&self, _: &Viewer, _: &Wanted, _: i64) -> Result<Piece> {
        Err(Error::NotFound)
    }

    async fn jwks(&self) -> Result<Value> {
        Ok(json!({ "keys": [] }))
    }

    async fn ready(&self) -> Vec<(&'static str, bool)> {
        vec![("database", !self.down), ("migrations", true)]
    }

    async fn mailbox(&self) -> Option<Result<Vec<Received>>> {
        self.mailbox.clone().map(Ok)
    }

    fn demo_logins(&self) -> Option<Value> {
        self.demo.clone()
    }
}

/// A door to try.
struct Door {
    router: Router,
    behind: Arc<Behind>,
}

impl Door {
    fn open() -> Self {
        Self::with(Http::default(), Limits::default(), Behind::default())
    }

    fn with(settings: Http, limits: Limits, behind: Behind) -> Self {
        let schema = Schema::new(Query, Mutation::default(), EmptySubscription);
        let catalog = Catalog::new(&schema.sdl()).unwrap();
        let engine = Arc::new(Engine::new(schema, Documents::new(catalog, limits)));
        let behind = Arc::new(behind);
        Self { router: router(engine, behind.clone(), settings), behind }
    }

    async fn send(&self, request: Request<Body>) -> Answered {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answered { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    /// Posts JSON, asking for the specification's own media type.
    async fn post(&self, body: &Value) -> Answered {
        self.send(
            post(body)
                .header("accept", "application/graphql-response+json")
                .body(Body::from(body.to_string()))
                .unwrap(),
        )
        .await
    }

    async fn query(&self, query: &str) -> Answered {
        self.post(&json!({ "query": query })).await
    }

    async fn get(&self, uri: &str) -> Answered {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }
}

fn post(_: &Value) -> axum::http::request::Builder {
    Request::builder().method(Method::POST).uri("/graphql").header("content-type", "application/json")
}

/// What came back.
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Code, field and message of the only error.
    fn error(&self) -> (String, String, String) {
        let json = self.json();
        let errors = json["errors"].as_array().unwrap_or_else(|| panic!("no errors: {json}"));
        assert_eq!(errors.len(), 1, "{json}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let extensions = &errors[0]["extensions"];
        (text(&extensions["code"]), text(&extensions["field"]), text(&errors[0]["message"]))
    }
}

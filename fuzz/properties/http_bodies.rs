//! Whatever is sent to `/graphql`, the answer is JSON with a status that is the caller's doing, and nothing is changed but by
//! a POST with JSON.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_graphql::{EmptySubscription, Object, Schema};
use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request},
};
use http_body_util::BodyExt as _;
use palisade::{
    config::{Http, Limits},
    error::{Error, Result},
    graphql::limits::{Catalog, Documents},
    http::{
        audit_export::Wanted,
        backend::{Backend, Opened, Report},
        graphql::engine::Engine,
        router::router,
    },
    service::{audit_export::Piece, refused_mutations::Refusal},
    viewer::Viewer,
};
use serde_json::Value;
use tower::ServiceExt as _;

const BODY_LIMIT: usize = 1 << 14;

struct Query;

#[Object]
impl Query {
    async fn hello(&self, name: Option<String>) -> String {
        name.unwrap_or_default()
    }
}

struct Mutation(Arc<AtomicUsize>);

#[Object]
impl Mutation {
    async fn count(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

struct Nobody;

#[async_trait::async_trait]
impl Backend for Nobody {
    async fn authenticate(&self, authorization: &[&str]) -> Result<Viewer> {
        if authorization.is_empty() { Ok(Viewer::Anonymous) } else { Err(Error::Unauthenticated) }
    }

    fn open(&self, _: &Viewer) -> Opened {
        Opened { data: async_graphql::Data::default(), report: Box::new(Report::default) }
    }

    async fn refused(&self, _: &Viewer, _: Vec<Refusal>) {}

    async fn export_audit(&self, _: &Viewer, _: &Wanted, _: i64) -> Result<Piece> {
        Err(Error::NotFound)
    }

    async fn jwks(&self) -> Result<Value> {
        Err(Error::NotFound)
    }

    async fn ready(&self) -> Vec<(&'static str, bool)> {
        Vec::new()
    }
}

struct Door {
    router: Router,
    counted: Arc<AtomicUsize>,
    runtime: tokio::runtime::Runtime,
}

thread_local! {
    static DOOR: RefCell<Option<Door>> = const { RefCell::new(None) };
}

fn door() -> Door {
    let counted = Arc::new(AtomicUsize::new(0));
    let schema = Schema::new(Query, Mutation(Arc::clone(&counted)), EmptySubscription);
    let catalog = Catalog::new(&schema.sdl()).expect("a schema");
    let engine = Arc::new(Engine::new(schema, Documents::new(catalog, Limits::default())));
    let settings = Http { body_limit: BODY_LIMIT, ..Http::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    Door { router: router(engine, Arc::new(Nobody), settings), counted, runtime }
}

const BODIES: [&str; 6] = [
    r#"{"query":"{ hello(name: \"x\") }"}"#,
    r#"{"query":"mutation { count }","operationName":null,"variables":{},"extensions":{}}"#,
    r#"[{"query":"{ hello }"},{"query":"mutation { count }"}]"#,
    r#"{"query":"query A($n: String) { hello(name: $n) } query B { hello }","operationName":"A","variables":{"n":"y"}}"#,
    r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}"#,
    "\u{feff}{\"query\":\"{ hello }\"}",
];
const TYPES: [Option<&str>; 8] = [
    Some("application/json"),
    Some("application/json; charset=utf-8"),
    None,
    Some("text/plain"),
    Some("application/x-www-form-urlencoded"),
    Some("multipart/form-data; boundary=x"),
    Some("application/json; charset=utf-7"),
    Some("application/graphql"),
];
const ACCEPTS: [Option<&str>; 8] = [
    Some("application/json"),
    Some("application/graphql-response+json"),
    None,
    Some("*/*"),
    Some("text/html"),
    Some("application/json;q=0"),
    Some("application/graphql-response+json;q=0.5, application/json;q=0.4"),
    Some("text/event-stream"),
];

/// Sends one request.
pub fn check(data: &[u8]) {
    let (kind, rest) = super::first(data);
    let (more, rest) = super::first(rest);
    let content_type = TYPES[usize::from(kind % 8)];
    let accept = ACCEPTS[usize::from(kind >> 3) % 8];
    let body = if more % 2 == 0 {
        rest.to_vec()
    } else {
        super::altered(BODIES[usize::from(more >> 1) % 6], rest).into_bytes()
    };
    let get = more >> 6 == 1;
    let method = match more >> 6 {
        0 | 2 => Method::POST,
        1 => Method::GET,
        _ => [Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD][usize::from(kind % 4)].clone(),
    };
    let uri = if get {
        let query: String = body.iter().map(|byte| format!("%{byte:02x}")).collect();
        format!(
            "/graphql?query={query}&{}",
            String::from_utf8_lossy(rest).replace(|c: char| !c.is_ascii_graphic() || c == '#', "+")
        )
    } else {
        "/graphql".to_owned()
    };
    let mut request = Request::builder().method(method.clone()).uri(uri);
    for (name, value) in [("content-type", content_type), ("accept", accept)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    // Sometimes a header of their own making.
    if more & 0x20 != 0
        && let Ok(value) = HeaderValue::from_bytes(rest.get(..rest.len().min(64)).unwrap_or_default())
    {
        let name = ["accept", "content-type", "authorization"][usize::from(kind) % 3];
        request = request.header(HeaderName::from_static(name), value);
    }
    let Ok(request) = request.body(Body::from(body.clone())) else { return };
    let said_json = request
        .headers()
        .get("content-type")
        .is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"application/json"));

    DOOR.with_borrow_mut(|place| {
        let door = place.get_or_insert_with(door);
        let before = door.counted.load(Ordering::SeqCst);
        let response =
            door.runtime.block_on(door.router.clone().oneshot(request)).unwrap_or_else(|never| match never {});
        let status = response.status().as_u16();
        let media =
            response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let answer = door.runtime.block_on(response.into_body().collect()).expect("an answer").to_bytes();
        let counted = door.counted.load(Ordering::SeqCst) - before;

        assert!([200, 400, 401, 405, 406, 413, 414, 415].contains(&status), "{status}");
        assert!(
            counted == 0 || (method == Method::POST && said_json && status == 200),
            "a mutation ran by {method} with {status}"
        );
        if body.len() > BODY_LIMIT {
            assert_ne!(status, 200, "a body over the limit was read");
        }
        if method == Method::HEAD || media.starts_with("text/event-stream") {
            return;
        }
        assert!(
            media.starts_with("application/json") || media.starts_with("application/graphql-response+json"),
            "{media}"
        );
        let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
        let answers = answer.as_array().map_or_else(|| std::slice::from_ref(&answer), Vec::as_slice);
        for answer in answers {
            let object = answer.as_object().expect("an answer is an object");
            assert!(object.contains_key("data") || object.contains_key("errors"), "{answer}");
            assert!(object.keys().all(|key| ["data", "errors", "extensions"].contains(&key.as_str())), "{answer}");
            for error in object.get("errors").and_then(Value::as_array).into_iter().flatten() {
                let code = error["extensions"]["code"].as_str().expect("an error has a code");
                assert_ne!(code, "INTERNAL", "{answer}");
            }
        }
        // What could not be read is not repeated: it may be a password.
        if [400, 415, 406, 405].contains(&status) && media.starts_with("application/json") {
            for word in String::from_utf8_lossy(&body)
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|word| word.len() >= 20)
            {
                assert!(!answer.to_string().contains(word), "{word} comes back: {answer}");
            }
        }
    });
}

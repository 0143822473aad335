//! Two worlds that differ in what the viewer may not see, asked the same.

use std::{fmt::Write as _, sync::Arc};

use axum::{Router, body::Body, http::Request};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::document::Printed;
use crate::support::{template::Template, world::World};

/// Fields whose values are random secrets that are shown once; their length is kept. Nothing else of an answer is masked.
const SECRETS: [&str; 3] = ["accessToken", "refreshToken", "key"];

/// What a test plants on the way out of one world: its door, and what is built around it.
pub type Dress = Arc<dyn for<'w> Fn(&'w World, Router) -> BoxFuture<'w, Router> + Send + Sync>;

/// A whole answer, as bytes that can be compared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heard {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// The two, and who asks.
pub struct Twins {
    templates: Arc<[Template; 2]>,
    pub role: &'static str,
    dress: Option<Dress>,
    pub worlds: [World; 2],
    doors: [Router; 2],
    tokens: [String; 2],
}

async fn token(world: &World, role: &str) -> Option<String> {
    if let Some(key) = world.plan.keys.iter().find(|key| key.role == role) {
        return Some(key.key.clone());
    }
    let login = world.plan.logins.iter().find(|login| login.role == role).expect("a login of the demo");
    world.rooms.identity().demo_session(&login.email).await.ok().map(|tokens| tokens.access_token)
}

impl Twins {
    pub async fn new(templates: Arc<[Template; 2]>, role: &'static str, dress: Option<Dress>) -> Self {
        let streams = || palisade::config::Streams {
            check_every: std::time::Duration::from_millis(20),
            ..palisade::config::Streams::default()
        };
        let worlds =
            [templates[0].world().await.with_streams(streams()), templates[1].world().await.with_streams(streams())];
        let mut doors = [worlds[0].router(), worlds[1].router()];
        if let Some(dress) = &dress {
            doors = [dress(&worlds[0], doors[0].clone()).await, dress(&worlds[1], doors[1].clone()).await];
        }
        let tokens = [token(&worlds[0], role).await.unwrap(), token(&worlds[1], role).await.unwrap()];
        Self { templates, role, dress, worlds, doors, tokens }
    }

    /// The same, as they were at first.
    pub async fn fresh(&self) -> Self {
        Box::pin(Self::new(Arc::clone(&self.templates), self.role, self.dress.clone())).await
    }

    /// Signs in again in both; whether they let in.
    pub async fn sign_in(&mut self) -> bool {
        match (token(&self.worlds[0], self.role).await, token(&self.worlds[1], self.role).await) {
            (Some(first), Some(second)) => {
                self.tokens = [first, second];
                true
            }
            _ => false,
        }
    }

    fn request(&self, which: usize, asked: &Printed, accept: &str) -> Request<Body> {
        let body = json!({ "query": asked.document, "variables": asked.variables }).to_string();
        Request::post("/graphql")
            .header("content-type", "application/json")
            .header("accept", accept)
            .header("authorization", format!("Bearer {}", self.tokens[which]))
            .extension(axum::extract::ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1))))
            .body(Body::from(body))
            .unwrap()
    }

    async fn one(&self, which: usize, asked: &Printed) -> Heard {
        let request = self.request(which, asked, "application/json");
        let response = self.doors[which].clone().oneshot(request).await.unwrap();
        let (status, headers) = head(&response);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Heard { status, headers, body: masked(String::from_utf8(body.to_vec()).unwrap()) }
    }

    /// What each world answers.
    pub async fn ask(&self, asked: &Printed) -> [Heard; 2] {
        let (first, second) = tokio::join!(self.one(0, asked), self.one(1, asked));
        [first, second]
    }

    /// Somebody else asks, in one of them. Who may not sign in any more asks nothing.
    pub async fn ask_as(&self, which: usize, role: &str, document: &str, variables: Value) -> Value {
        let Some(token) = token(&self.worlds[which], role).await else { return Value::Null };
        let asked = Printed { document: document.to_owned(), variables };
        let mut request = self.request(which, &asked, "application/json");
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        // Not through what a test planted: that is for the viewer's answers.
        let response = self.worlds[which].router().oneshot(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    /// Opens a stream in one of them.
    pub async fn open(&self, which: usize, asked: &Printed) -> axum::response::Response {
        let request = self.request(which, asked, "text/event-stream");
        self.doors[which].clone().oneshot(request).await.unwrap()
    }
}

/// The status and all headers.
pub fn head(response: &axum::response::Response) -> (u16, Vec<(String, String)>) {
    let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    (response.status().as_u16(), response.headers().iter().map(header).collect())
}

/// The body with each secret as its length.
pub fn masked(body: String) -> String {
    if !SECRETS.iter().any(|name| body.contains(&format!("\"{name}\":\""))) {
        return body;
    }
    let Ok(value) = serde_json::from_str::<Value>(&body) else { return body };
    let mut secrets = Vec::new();
    collect(&value, &mut secrets);
    secrets.iter().fold(body, |body, secret| body.replace(secret.as_str(), &format!("[{} bytes]", secret.len())))
}

fn collect(value: &Value, secrets: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, secrets)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(secret) if SECRETS.contains(&name.as_str()) => secrets.push(secret.clone()),
                    other => collect(other, secrets),
                }
            }
        }
        _ => {}
    }
}

/// Where two answers part, for people; none where they are the same to the byte.
pub fn difference(heard: &[Heard; 2]) -> Option<String> {
    let [first, second] = heard;
    let mut said = String::new();
    if first.status != second.status {
        write!(said, "status {} and {}; ", first.status, second.status).unwrap();
    }
    if first.headers != second.headers {
        let odd = |of: &Heard, other: &Heard| {
            of.headers.iter().filter(|header| !other.headers.contains(header)).cloned().collect::<Vec<_>>()
        };
        write!(said, "headers {:?} and {:?}; ", odd(first, second), odd(second, first)).unwrap();
    }
    if first.body != second.body {
        let at = first.body.bytes().zip(second.body.bytes()).position(|(a, b)| a != b);
        let at = at.unwrap_or_else(|| first.body.len().min(second.body.len()));
        let part = |body: &str| {
            let bytes = &body.as_bytes()[at.saturating_sub(60).min(body.len())..(at + 60).min(body.len())];
            String::from_utf8_lossy(bytes).into_owned()
        };
        let (lengths, parts) = ((first.body.len(), second.body.len()), (part(&first.body), part(&second.body)));
        write!(said, "body from byte {at} of {lengths:?}:\n  …{}…\n  …{}…", parts.0, parts.1).unwrap();
    }
    // An internal error has a random name, so that it is always a difference: it is a defect wherever it shows.
    (!said.is_empty()).then_some(said)
}

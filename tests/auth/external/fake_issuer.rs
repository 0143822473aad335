//! An issuer on this machine: discovery and keys over a real socket, which rotates its keys, goes away, is slow and lies.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use palisade::config::ExternalIssuer;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// How it answers.
#[derive(Clone, Debug, Default)]
pub enum Mood {
    /// As it should.
    #[default]
    Honest,
    /// Later than anybody waits.
    Slow,
    /// With this status.
    Status(u16),
    /// With somebody else's address.
    Redirect(String),
    /// With this text, whatever was asked.
    Text(String),
    /// With more than anybody reads.
    Endless,
    /// As another issuer.
    Another,
    /// With keys somewhere else.
    Elsewhere(String),
}

/// A key of its own.
#[derive(Clone)]
pub struct Key {
    pub id: String,
    pub algorithm: Algorithm,
    encoding: EncodingKey,
    pub public: Value,
}

impl Key {
    /// A new Ed25519 key.
    pub fn new(id: &str) -> Self {
        use ed25519_dalek::pkcs8::EncodePrivateKey as _;
        let seed: [u8; 32] = std::array::from_fn(|_| rand::random());
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::EdDSA,
            encoding: EncodingKey::from_ed_der(key.to_pkcs8_der().unwrap().as_bytes()),
            public: json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x }),
        }
    }

    /// One of the keys that are kept for tests. They open nothing.
    pub fn kept(id: &str, file: &str, algorithm: Algorithm) -> Self {
        let path = format!("{}/tests/support/keys/{file}.pem", env!("CARGO_MANIFEST_DIR"));
        let pem = std::fs::read(path).unwrap();
        let encoding =
            if file.starts_with("rsa") { EncodingKey::from_rsa_pem(&pem) } else { EncodingKey::from_ec_pem(&pem) };
        let encoding = encoding.unwrap();
        let mut public = serde_json::to_value(Jwk::from_encoding_key(&encoding, algorithm).unwrap()).unwrap();
        public["kid"] = id.into();
        public.as_object_mut().unwrap().remove("alg");
        Self { id: id.to_owned(), algorithm, encoding, public }
    }

    pub fn header(&self) -> Value {
        json!({ "alg": self.algorithm, "typ": "JWT", "kid": self.id })
    }

    /// Signs whatever it is given.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.encoding, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }
}

#[derive(Default)]
struct Desk {
    url: String,
    mood: Mutex<Mood>,
    keys: Mutex<Vec<Value>>,
    asked: AtomicUsize,
}

/// The issuer.
pub struct FakeIssuer {
    /// `iss`.
    pub url: String,
    address: SocketAddr,
    desk: Arc<Desk>,
    door: Mutex<Option<JoinHandle<()>>>,
    /// The key that signs.
    pub key: Mutex<Key>,
}

impl FakeIssuer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let key = Key::new("one");
        let url = format!("http://{address}");
        let desk = Arc::new(Desk { url: url.clone(), keys: vec![key.public.clone()].into(), ..Desk::default() });
        let door = Mutex::new(Some(open(listener, Arc::clone(&desk))));
        Self { url, address, desk, door, key: Mutex::new(key) }
    }

    /// What a server's settings say of it.
    pub fn settings(&self) -> ExternalIssuer {
        ExternalIssuer {
            name: "fake".to_owned(),
            issuer: self.url.clone(),
            audiences: vec!["palisade".to_owned(), "spare".to_owned()],
            ..ExternalIssuer::default()
        }
    }

    pub fn mood(&self, mood: Mood) {
        *self.desk.mood.lock().unwrap() = mood;
    }

    pub fn publish(&self, keys: &[&Key]) {
        *self.desk.keys.lock().unwrap() = keys.iter().map(|key| key.public.clone()).collect();
    }

    pub fn publish_as_they_are(&self, keys: Vec<Value>) {
        *self.desk.keys.lock().unwrap() = keys;
    }

    /// Signs with a new key from now on, and publishes it alone.
    pub fn rotate(&self, id: &str) -> Key {
        let key = Key::new(id);
        self.publish(&[&key]);
        *self.key.lock().unwrap() = key.clone();
        key
    }

    /// How often anything was asked of it.
    pub fn asked(&self) -> usize {
        self.desk.asked.load(SeqCst)
    }

    /// Goes away: nobody listens any more.
    pub async fn stop(&self) {
        let door = self.door.lock().unwrap().take().unwrap();
        door.abort();
        let _ = door.await;
        // Connections that were kept open are its own tasks: they are told to go by the mood.
        self.mood(Mood::Status(503));
    }

    pub async fn restart(&self) {
        self.mood(Mood::Honest);
        let listener = TcpListener::bind(self.address).await.unwrap();
        *self.door.lock().unwrap() = Some(open(listener, Arc::clone(&self.desk)));
    }

    /// Claims about `subject` that hold at `now`.
    pub fn claims(&self, subject: &str, now: i64) -> Value {
        json!({ "iss": self.url, "aud": "palisade", "sub": subject, "iat": now, "nbf": now, "exp": now + 3600 })
    }

    pub fn sign(&self, claims: &Value) -> String {
        let key = self.key.lock().unwrap();
        key.sign(&key.header(), claims)
    }
}

impl Drop for FakeIssuer {
    fn drop(&mut self) {
        if let Some(door) = self.door.lock().unwrap().take() {
            door.abort();
        }
    }
}

fn open(listener: TcpListener, desk: Arc<Desk>) -> JoinHandle<()> {
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/keys", get(keys))
        .with_state(desk);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
}

async fn discovery(State(desk): State<Arc<Desk>>) -> Response {
    let (mut issuer, mut keys) = (desk.url.clone(), format!("{}/keys", desk.url));
    match desk.mood.lock().unwrap().clone() {
        Mood::Another => issuer.push_str("/other"),
        Mood::Elsewhere(url) => keys = url,
        _ => {}
    }
    moody(&desk, json!({ "issuer": issuer, "jwks_uri": keys, "ignored": [1] })).await
}

async fn keys(State(desk): State<Arc<Desk>>) -> Response {
    let keys = desk.keys.lock().unwrap().clone();
    moody(&desk, json!({ "keys": keys })).await
}

async fn moody(desk: &Desk, honest: Value) -> Response {
    desk.asked.fetch_add(1, SeqCst);
    let mood = desk.mood.lock().unwrap().clone();
    match mood {
        Mood::Honest | Mood::Another | Mood::Elsewhere(_) => honest.to_string().into_response(),
        Mood::Slow => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            honest.to_string().into_response()
        }
        Mood::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Mood::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Mood::Text(text) => text.into_response(),
        Mood::Endless => format!("{{\"keys\":[],\"pad\":\"{}\"}}", "x".repeat(1 << 20)).into_response(),
    }
}

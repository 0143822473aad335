//! External issuers, tried with one that listens on this machine, on both databases.

mod claims;
mod fake_issuer;
mod issuer_keys;
mod just_in_time_accounts;
mod link;
mod tokens;
mod trusted_issuers;

use std::sync::Arc;

use axum::{Router, body::Body, http::Request};
use chrono::TimeDelta;
use entity::{
    enums::OrgRole,
    ids::{OrgId, UserId},
    organization_issuer, user_identity,
};
use palisade::{
    app::plug::Rooms,
    auth::ServerSecret,
    config::{Config, ExternalIssuer},
    error::{Error, Result},
    graphql::limits::{Catalog, Documents},
    http::{graphql::engine::Engine, router::router},
    service::auth::{Identity, IdentitySettings, issuers::Issuers},
    viewer::{TenantViewer, Viewer},
};
use sea_orm::{ActiveValue::Set, EntityTrait as _};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) use crate::support::auth_world::on_both;
pub use crate::support::auth_world::{URL, World, unauthenticated};

pub use fake_issuer::{FakeIssuer, Key, Mood};

/// A member of Acme who linked a subject of an issuer that Acme lets in.
pub struct Scene {
    pub issuer: FakeIssuer,
    pub identity: Identity,
    pub acme: OrgId,
    pub ada: UserId,
}

/// Sign-in that takes tokens of these issuers, too.
pub fn trusting(world: &World, issuers: &[ExternalIssuer]) -> Identity {
    let issuers = Issuers::new(issuers, &world.clock).unwrap();
    let settings = IdentitySettings { issuers, ..IdentitySettings::new(URL) };
    Identity::new(world.db.clone(), world.clock.clone(), ServerSecret::new([7; 32]), settings)
}

pub async fn enable(world: &World, org: OrgId, by: UserId, issuer: &str) {
    let row = organization_issuer::ActiveModel {
        org_id: Set(org),
        id: Set(world.clock.id()),
        issuer: Set(issuer.to_owned()),
        enabled_by: Set(by),
        created_at: Set(world.clock.now()),
    };
    organization_issuer::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
}

pub async fn link(world: &World, user: UserId, issuer: &str, subject: &str) {
    let row = user_identity::ActiveModel {
        id: Set(world.clock.id()),
        user_id: Set(user),
        issuer: Set(issuer.to_owned()),
        subject: Set(subject.to_owned()),
        created_at: Set(world.clock.now()),
    };
    user_identity::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
}

impl Scene {
    pub async fn new(world: &World) -> Self {
        Self::with(world, |_| {}).await
    }

    pub async fn with(world: &World, change: impl FnOnce(&mut ExternalIssuer)) -> Self {
        let issuer = FakeIssuer::start().await;
        let mut settings = issuer.settings();
        change(&mut settings);
        let identity = trusting(world, &[settings]);
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        enable(world, acme, ada, &issuer.url).await;
        link(world, ada, &issuer.url, "ada").await;
        Self { issuer, identity, acme, ada }
    }

    /// Claims about `subject` in Acme that hold now.
    pub fn claims(&self, world: &World, subject: &str) -> Value {
        with(self.issuer.claims(subject, world.clock.now().timestamp()), "org_id", json!(self.acme.to_string()))
    }

    pub fn token(&self, world: &World, subject: &str) -> String {
        self.issuer.sign(&self.claims(world, subject))
    }

    pub async fn viewer(&self, token: &str) -> Result<Viewer> {
        viewer(&self.identity, token).await
    }

    pub async fn tenant(&self, token: &str) -> TenantViewer {
        self.viewer(token).await.unwrap().tenant().unwrap().clone()
    }

    pub async fn refuses(&self, token: &str) {
        unauthenticated(self.viewer(token).await);
    }
}

pub async fn viewer(identity: &Identity, token: &str) -> Result<Viewer> {
    let header = format!("Bearer {token}");
    identity.authenticate([header.as_bytes()]).await
}

pub fn with(mut value: Value, name: &str, to: Value) -> Value {
    value[name] = to;
    value
}

pub fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

#[track_caller]
pub fn forbidden<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::Forbidden(_))), "{result:?}");
}

#[track_caller]
pub fn unavailable<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
}

/// Lets so many seconds pass.
pub fn pass(world: &World, seconds: i64) {
    world.pass(TimeDelta::seconds(seconds));
}

pub async fn member(world: &World, org: OrgId, email: &str, role: OrgRole) -> UserId {
    let user = world.user(email).await;
    world.member(org, user, role).await;
    user
}

/// An id as SQL writes it on this database.
pub fn is(world: &World, column: &str, id: impl entity::ids::TypedId) -> String {
    let hex = id.uuid().simple().to_string();
    match sea_orm::ConnectionTrait::get_database_backend(&world.root) {
        sea_orm::DbBackend::Postgres => format!("{column} = '{}'", id.uuid()),
        _ => format!("{column} = x'{hex}'"),
    }
}

/// Whether a server that trusts nobody besides itself refuses the token.
pub async fn unauthenticated_by(world: &World, token: &str) -> bool {
    matches!(world.viewer(token).await, Err(Error::Unauthenticated))
}

/// The whole server's door, over a world.
pub struct Front(pub Router);

impl Front {
    pub fn new(world: &World, issuers: &[ExternalIssuer]) -> Self {
        let issuers = Issuers::new(issuers, &world.clock).unwrap();
        let settings = IdentitySettings { issuers, ..IdentitySettings::new(URL) };
        let rooms = Rooms::new(world.db.clone(), world.clock.clone(), &ServerSecret::new([7; 32]), settings);
        let schema = palisade::graphql::schema();
        let config = Config::default();
        let documents = Documents::new(Catalog::new(&schema.sdl()).unwrap(), config.limits.clone());
        Self(router(Arc::new(Engine::new(schema, documents)), Arc::new(rooms), config.http))
    }

    /// Asks, and answers the whole answer.
    pub async fn ask(&self, token: &str, query: &str) -> Value {
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(json!({ "query": query }).to_string()))
            .unwrap();
        let response = self.0.clone().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// The data of an answer without errors.
    pub async fn data(&self, token: &str, query: &str) -> Value {
        let answer = self.ask(token, query).await;
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
        answer["data"].clone()
    }

    /// The code of the only error.
    pub async fn code(&self, token: &str, query: &str) -> String {
        let answer = self.ask(token, query).await;
        answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{query}: {answer}")).to_owned()
    }
}

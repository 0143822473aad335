//! Who acts in these tests, and on what.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use entity::ids::{OrgId, TypedId as _, UserId};
use palisade::service::auth::sessions::SessionTokens;
use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _};
use serde_json::{Value, json};
use uuid::Uuid;

use super::crowd::Guest;
use crate::support::{
    server::{Caller, Node},
    world::World,
};

const AGENT: &str = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }";
const GOAL: &str = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id } } }";
const KEY: &str = "mutation($input: CreateServiceAccountInput!) {
    createServiceAccount(input: $input) { key serviceAccount { id } } }";
const TOUCH: &str = "mutation($id: ID!, $text: String) {
    updateAgent(input: { id: $id, description: $text }) { agent { id } } }";

/// A service account and its key.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: String,
    pub text: String,
}

#[derive(Clone, Copy)]
pub struct Stage<'w> {
    pub world: &'w World,
    pub node: &'w Node,
}

impl<'w> Stage<'w> {
    pub fn organization(self, slug: &str) -> OrgId {
        self.world.plan.organizations.iter().find(|organization| organization.slug == slug).unwrap().id
    }

    pub fn user(self, email: &str) -> UserId {
        self.world.plan.users.iter().find(|user| user.email == email).unwrap_or_else(|| panic!("{email}")).id
    }

    pub fn team(self, org: OrgId, slug: &str) -> String {
        let mut teams = self.world.plan.teams.iter();
        teams.find(|team| team.org_id == org && team.slug == slug).unwrap().id.to_string()
    }

    /// A session of its own.
    pub async fn session(self, email: &str) -> SessionTokens {
        self.node.rooms.identity().demo_session(email).await.unwrap()
    }

    pub async fn sign_in(self, email: &str) -> Caller<'w> {
        Caller { node: self.node, token: self.session(email).await.access_token }
    }

    /// Who comes with a key.
    pub fn with(self, key: &Key) -> Guest {
        Guest { address: self.node.address, token: key.text.clone() }
    }

    /// Another super-admin, whom no call can make out of nothing.
    pub async fn operator(self, email: &str) -> UserId {
        let model = self.world.plan.users.iter().find(|user| user.is_super_admin).unwrap().clone();
        let id = UserId::from_uuid(Uuid::now_v7());
        let model = entity::user::Model { id, email: email.to_owned(), ..model };
        model.into_active_model().insert(&self.world.root).await.unwrap();
        id
    }
}

pub async fn agent(admin: &Caller<'_>, input: Value) -> String {
    let made = admin.does(AGENT, json!({ "input": input })).await;
    made["createAgent"]["agent"]["id"].as_str().unwrap().to_owned()
}

pub async fn goal(admin: &Caller<'_>, agent: &str) -> String {
    let made = admin.does(GOAL, json!({ "input": { "agentId": agent, "goalText": "go" } })).await;
    made["submitGoal"]["goal"]["id"].as_str().unwrap().to_owned()
}

pub async fn key(maker: &Caller<'_>, name: &str, scopes: &[&str], agents: Option<&[&str]>) -> Key {
    let made = maker.does(KEY, json!({ "input": { "name": name, "scopes": scopes, "agentIds": agents } })).await;
    let made = &made["createServiceAccount"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Key { id: text(&made["serviceAccount"]["id"]), text: text(&made["key"]) }
}

/// Something that happens to an agent, and is told to whoever sees it.
pub async fn touch(admin: &Guest, agent: &str) {
    admin.does(TOUCH, json!({ "id": agent, "text": Uuid::now_v7().to_string() })).await;
}

/// Something happens to these agents in turn, all the time, until [`Bustle::end`].
pub struct Bustle {
    goes_on: Arc<AtomicBool>,
    happened: Arc<AtomicU64>,
    writing: tokio::task::JoinHandle<()>,
}

impl Bustle {
    pub fn begin(admin: Guest, agents: Vec<String>) -> Self {
        let (goes_on, happened) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let (on, count) = (Arc::clone(&goes_on), Arc::clone(&happened));
        let writing = tokio::spawn(async move {
            for agent in agents.iter().cycle() {
                if !on.load(Ordering::Relaxed) {
                    break;
                }
                touch(&admin, agent).await;
                count.fetch_add(1, Ordering::Relaxed);
                // Two hundred streams are told of each: without a pause they would only fall behind.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
        Self { goes_on, happened, writing }
    }

    /// Until so much more has happened.
    pub async fn more(&self, count: u64) {
        let until = self.happened.load(Ordering::Relaxed) + count;
        while self.happened.load(Ordering::Relaxed) < until {
            assert!(!self.writing.is_finished(), "nothing happens any more");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub async fn end(self) -> u64 {
        self.goes_on.store(false, Ordering::Relaxed);
        self.writing.await.unwrap();
        self.happened.load(Ordering::Relaxed)
    }
}

//! Service accounts of the demo: a worker's and a planner's, with keys that everybody may see.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::{JsonText, Secret},
    enums::ServiceScope::{self, PlansWrite, Read, TasksRun, UsageWrite},
    ids::{AgentId, OrgId, ServiceAccountId},
    service_account, service_account_agent,
};
use serde_json::json;

use super::{
    agents::Agent,
    people::{Cast, Who},
    scene::Scene,
};
use crate::auth::{opaque, service_key};

/// A key that the start-up text names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DemoKey {
    /// What it stands for.
    pub role: String,
    /// The key itself.
    pub key: String,
    /// What to try with it.
    pub note: &'static str,
}

const WORKER: &str = "Worker";
const PLANNER: &str = "Planner";

/// The key that the demo gives a service account of this name; none for one that was made since.
pub fn key(organization: &str, org_id: OrgId, id: ServiceAccountId, name: &str) -> Option<DemoKey> {
    let (secret, note) = match name {
        WORKER => ("no-secret-of-the-demos-worker--------------", "runs tasks of every agent: tasks:run, usage:write"),
        PLANNER => ("no-secret-of-the-demos-planner-------------", "plans for two agents: plans:write, read"),
        _ => return None,
    };
    let role = format!("{organization} {}", name.to_lowercase());
    Some(DemoKey { role, key: service_key::text(org_id, id, secret), note })
}

/// The account of the organisation's workers, for every agent.
pub(super) fn worker(scene: &mut Scene<'_>, cast: &Cast) -> ServiceAccountId {
    let at = scene.since + TimeDelta::hours(20);
    account(scene, cast, at, WORKER, &[TasksRun, UsageWrite], None)
}

/// The account of its planner, for two agents.
pub(super) fn planner(scene: &mut Scene<'_>, cast: &Cast, staff: &[Agent]) {
    let at = scene.since + TimeDelta::hours(40);
    let agents: Vec<AgentId> = staff.iter().take(2).map(|agent| agent.id).collect();
    account(scene, cast, at, PLANNER, &[Read, PlansWrite], Some(&agents));
}

fn account(
    scene: &mut Scene<'_>,
    cast: &Cast,
    at: DateTime<Utc>,
    name: &str,
    scopes: &[ServiceScope],
    agents: Option<&[AgentId]>,
) -> ServiceAccountId {
    let (org_id, id, maker) = (scene.org_id, scene.dice.id(at), cast.user(Who::Ben));
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let shown = key(scene.is.name, org_id, id, name);
    let key_hash = shown.as_ref().map_or_else(|| scene.dice.hex(32), |shown| opaque::hash(&shown.key));
    scene.rows.service_accounts.push(service_account::Model {
        org_id,
        id,
        name: name.to_owned(),
        scopes: JsonText::new(json!(scopes).to_string()),
        all_agents: agents.is_none(),
        created_by: maker,
        key_hash: Secret::new(key_hash),
        previous_key_hash: None,
        previous_key_expires_at: None,
        last_used_at: Some(scene.now - TimeDelta::minutes(1)),
        created_at: at,
        revoked_at: None,
    });
    for agent_id in agents.into_iter().flatten() {
        scene.rows.service_account_agents.push(service_account_agent::Model {
            org_id,
            id: scene.dice.id(at),
            service_account_id: id,
            agent_id: *agent_id,
        });
    }
    let agents: Option<Vec<String>> = agents.map(|agents| agents.iter().map(ToString::to_string).collect());
    let told = json!({ "name": name, "scopes": scopes, "agentIds": agents });
    scene.log(at, "service_account.created", Some(maker), id, Some(told));
    scene.rows.keys.extend(shown);
    id
}

//! The same objects in any organisation, made through the API, so that what is foreign is in the same state as what is
//! one's own.

use std::collections::BTreeMap;

use entity::{
    ids::{TypedId as _, UserIdentityId},
    user_identity,
};
use sea_orm::{ActiveValue::Set, EntityTrait as _};
use serde_json::{Value, json};

use super::slots::Own;
use crate::support::world::{Caller, World};

const ALL: [&str; 5] = ["READ", "PLANS_WRITE", "TASKS_RUN", "USAGE_WRITE", "CHAT_WRITE"];

/// Who makes them, and where.
pub struct Cast<'w> {
    pub admin: Caller<'w>,
    /// A service account that may do everything.
    pub key: Caller<'w>,
    pub agent: String,
    account: String,
    slug: &'static str,
}

async fn does(caller: &Caller<'_>, mutation: &str, input: Value, selection: &str) -> Value {
    let name = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query = format!("mutation($input: {name}!) {{ it: {mutation}(input: $input) {{ {selection} }} }}");
    caller.send(&query, json!({ "input": input })).await.data()["it"].clone()
}

fn id(of: &Value) -> String {
    of["id"].as_str().unwrap_or_else(|| panic!("{of}")).to_owned()
}

impl<'w> Cast<'w> {
    /// With an agent of that visibility. Where `own_sight`, the service account sees that agent alone.
    pub async fn new(world: &'w World, slug: &'static str, visibility: &str, own_sight: bool) -> Self {
        let role = if slug == "acme" { "Acme admin" } else { "Globex admin" };
        let admin = world.login(Some(role)).await;
        let org = world.plan.organizations.iter().find(|org| org.slug == slug).unwrap().id;
        let team = world.plan.teams.iter().find(|team| team.org_id == org && team.slug == "finance").unwrap().id;
        let mut new = json!({ "name": "Scout", "visibility": visibility, "chatCapable": true });
        if visibility == "TEAM" {
            new["teamId"] = json!(team.to_string());
        }
        let agent = id(&does(&admin, "createAgent", new, "agent { id }").await["agent"]);
        let mut new = json!({ "name": "Everything", "scopes": ALL });
        if own_sight {
            new["agentIds"] = json!([agent]);
        }
        let made = does(&admin, "createServiceAccount", new, "key serviceAccount { id }").await;
        let key = Caller { world, token: Some(made["key"].as_str().unwrap().to_owned()) };
        Self { admin, key, agent, account: id(&made["serviceAccount"]), slug }
    }

    /// A task that the worker runs, of a goal of its own.
    async fn running(&self, worker: &str, kind: &str) -> (String, String, i64) {
        let goal = self.goal().await;
        let plan = json!({ "goalId": goal, "tasks": [{ "key": "a", "type": kind, "payload": { "a": 1 } }] });
        does(&self.key, "proposePlan", plan, "goal { id }").await;
        let claim = json!({ "workerId": worker, "types": [kind] });
        let claimed = does(&self.key, "claimTasks", claim, "tasks { id attempt }").await;
        let task = &claimed["tasks"][0];
        (goal, id(task), task["attempt"].as_i64().unwrap())
    }

    async fn goal(&self) -> String {
        let new = json!({ "agentId": self.agent, "goalText": "Do it." });
        id(&does(&self.admin, "submitGoal", new, "goal { id }").await["goal"])
    }

    /// One object of each kind.
    pub async fn objects(&self) -> Own {
        let (admin, key, world) = (&self.admin, &self.key, self.admin.world);
        let org = world.plan.organizations.iter().find(|org| org.slug == self.slug).unwrap().id;
        let address = format!("farid@{}.example", self.slug);
        let user = world.plan.users.iter().find(|user| user.email == address).unwrap().id.to_string();
        let team =
            world.plan.teams.iter().find(|team| team.org_id == org && team.slug == "finance").unwrap().id.to_string();
        // Who is a member of the team already, and an admin of the agent already, stays it.
        let join = "mutation($input: TeamMemberInput!) { addTeamMember(input: $input) { __typename } }";
        admin.send(join, json!({ "input": { "teamId": team, "userId": user, "role": "MEMBER" } })).await;
        let appoint = "mutation($a: ID!, $u: ID!) { addAgentAdmin(agentId: $a, userId: $u) { __typename } }";
        admin.send(appoint, json!({ "a": self.agent, "u": user })).await.data();
        let private = json!({ "name": "Mine", "visibility": "PRIVATE" });
        let private = id(&does(admin, "createAgent", private, "agent { id }").await["agent"]);
        for (who, of) in [("userId", &user), ("teamId", &team)] {
            let share = json!({ "agentId": private, who: of, "permission": "USE" });
            does(admin, "setCollaborator", share, "__typename").await;
        }
        let kind = format!("{}-one", self.slug);
        let new = json!({ "hostname": "box", "capabilities": ["code", kind] });
        let worker = id(&does(key, "registerWorker", new, "worker { id }").await["worker"]);
        let (goal, task, attempt) = self.running(&worker, &kind).await;
        let ran = json!({ "taskId": task, "workerId": worker, "attempt": attempt, "status": "SUCCEEDED" });
        let ran = does(key, "recordExecution", ran, "execution { id }").await;
        let asked = json!({ "taskId": task, "workerId": worker, "attempt": attempt, "payload": { "tool": "rm" } });
        let asked = does(key, "requestApproval", asked, "approvalRequest { id }").await;
        let used = json!({ "agentId": self.agent, "taskId": task, "requestId": self.agent, "model": "m", "tokensIn": "1", "tokensOut": "1", "costUsd": "0.1" });
        let report = "mutation($input: [UsageInput!]!) { recordUsage(input: $input) { __typename } }";
        key.send(report, json!({ "input": [used] })).await.data();
        let file = json!({ "goalId": goal, "path": "notes/here.md", "contents": "Done." });
        let file = does(admin, "putWorkspaceFile", file, "file { id }").await;
        let chat =
            id(&does(admin, "startChat", json!({ "agentId": self.agent }), "chatSession { id }").await["chatSession"]);
        let said = json!({ "sessionId": chat, "role": "USER", "content": "Hello" });
        let said = does(admin, "postChatMessage", said, "chatMessage { id }").await;
        let page = json!({ "agentId": self.agent, "type": "RULE", "name": "Rule", "content": "Never." });
        let page = does(admin, "attachDocument", page, "document { id }").await;
        let invited = json!({ "email": format!("somebody@{}.example", self.slug), "role": "MEMBER" });
        let invited = does(admin, "inviteMember", invited, "invitation { id }").await;
        let event = admin.query("{ auditEvents(first: 1) { nodes { id } } }").await;
        let identity: UserIdentityId = UserIdentityId::from_uuid(uuid::Uuid::now_v7());
        let owner = world.plan.users.iter().find(|user| user.email == format!("ada@{}.example", self.slug)).unwrap().id;
        let row = user_identity::ActiveModel {
            id: Set(identity),
            user_id: Set(owner),
            issuer: Set("https://okta.example".to_owned()),
            subject: Set(identity.to_string()),
            created_at: Set(world.plan.users[0].created_at),
        };
        user_identity::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
        let ids = BTreeMap::from([
            ("org", org.to_string()),
            ("usr", user),
            ("actor", owner.to_string()),
            ("uid", identity.to_string()),
            ("team", team),
            ("agt", self.agent.clone()),
            ("private", private),
            ("goal", goal),
            ("task", task),
            ("exe", id(&ran["execution"])),
            ("wrk", worker),
            ("apr", id(&asked["approvalRequest"])),
            ("chat", chat),
            ("msg", id(&said["chatMessage"])),
            ("doc", id(&page["document"])),
            ("file", id(&file["file"])),
            ("inv", id(&invited["invitation"])),
            ("sva", self.account.clone()),
            ("evt", id(&event.data()["auditEvents"]["nodes"][0])),
        ]);
        Own { ids, attempt }
    }
}

/// An id of the same kind that was never issued.
pub fn absent(id: &str) -> String {
    let never = UserIdentityId::from_uuid(uuid::Uuid::now_v7()).to_string();
    format!("{}{}", id.split('_').next().unwrap(), &never[never.find('_').unwrap()..])
}

//! A platform as small as it can be and still have something to lose: an organisation with content, another one with an
//! accomplice in it, and an operator. Whatever is content is marked, and so is every name inside the organisation.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::ids::{
    AgentDocumentId, AgentId, ApprovalRequestId, ChatMessageId, ChatSessionId, EventId, ExecutionId, GoalId, OrgId,
    TaskId, TeamId, TypedId, UserId, WorkspaceFileId,
};
use palisade::clock::Clock;

use crate::support::rows::Row;

/// Stands in everything that is content.
pub const SEALED: &str = "SEALED-4711";
/// Stands in names inside the organisation: an operator reads those, an outsider does not.
pub const NAMED: &str = "NAMED-4711";

/// How many admins the organisation has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admins {
    None,
    One,
    Two,
}

/// People by the first part of their address. `fresh` has no account yet.
pub const PEOPLE: [&str; 6] = ["root", "eve", "mal", "gil", "ada", "mia"];
/// Who works together to get in.
pub const ATTACKERS: [&str; 4] = ["root", "eve", "mal", "fresh"];

pub fn address(who: &str) -> String {
    format!("{who}@example.com")
}

/// The rows, and what they are called.
pub struct Scene {
    clock: Clock,
    now: DateTime<Utc>,
    pub ids: BTreeMap<&'static str, String>,
    pub uuids: BTreeMap<&'static str, uuid::Uuid>,
    pub rows: Vec<(&'static str, Row)>,
}

impl Scene {
    /// The scene as it was made a day before `start`.
    pub fn new(start: DateTime<Utc>, admins: Admins) -> Self {
        let now = start - TimeDelta::days(1);
        let clock = Clock::fixed(now, TimeDelta::milliseconds(1));
        let mut scene = Self { clock, now, ids: BTreeMap::new(), uuids: BTreeMap::new(), rows: Vec::new() };
        scene.fill(admins);
        scene
    }

    fn name<I: TypedId>(&mut self, name: &'static str) -> uuid::Uuid {
        let id = self.clock.id::<I>();
        self.ids.insert(name, id.to_string());
        self.uuids.insert(name, id.uuid());
        id.uuid()
    }

    fn row(&mut self, table: &'static str, rest: impl IntoIterator<Item = (&'static str, sea_orm::Value)>) {
        self.rows.push((table, rest.into_iter().collect()));
    }

    fn member(&mut self, org: &'static str, who: &'static str, role: &str) {
        let (id, now) = (self.clock.id::<OrgId>().uuid(), self.now);
        let (org, user) = (self.uuids[org], self.uuids[who]);
        self.row(
            "org_memberships",
            [
                ("id", id.into()),
                ("org_id", org.into()),
                ("user_id", user.into()),
                ("role", role.into()),
                ("status", "ACTIVE".into()),
                ("created_at", now.into()),
                ("updated_at", now.into()),
            ],
        );
    }

    fn fill(&mut self, admins: Admins) {
        let now = self.now;
        self.row("platform_settings", [("key", "demo".into()), ("value", "true".into())]);
        for who in PEOPLE.into_iter().chain(["bob"]) {
            let id = self.name::<UserId>(who);
            self.row(
                "users",
                [
                    ("id", id.into()),
                    ("email", address(who).into()),
                    ("name", who.into()),
                    ("name_folded", who.into()),
                    ("status", "ACTIVE".into()),
                    ("is_super_admin", (who == "root").into()),
                    ("created_at", now.into()),
                    ("updated_at", now.into()),
                ],
            );
        }
        for org in ["acme", "globex"] {
            let id = self.name::<OrgId>(org);
            self.row(
                "organizations",
                [
                    ("id", id.into()),
                    ("name", org.into()),
                    ("name_folded", org.into()),
                    ("slug", org.into()),
                    ("status", "ACTIVE".into()),
                    ("config", format!("{{\"secret\":\"{SEALED}\"}}").into()),
                    ("created_at", now.into()),
                    ("updated_at", now.into()),
                ],
            );
        }
        // What the accomplice may read is not what is looked for.
        let other = self.rows.last_mut().unwrap();
        other.1.retain(|(column, _)| *column != "config");
        other.1.push(("config", sea_orm::Value::String(None)));
        self.member("globex", "mal", "ADMIN");
        self.member("globex", "gil", "ADMIN");
        self.member("acme", "ada", if admins == Admins::None { "MEMBER" } else { "ADMIN" });
        self.member("acme", "bob", if admins == Admins::Two { "ADMIN" } else { "MEMBER" });
        self.member("acme", "mia", "MEMBER");
        // What no id is.
        self.name::<UserId>("nobody");
        self.name::<TeamId>("no_team");
        self.content();
    }

    fn content(&mut self) {
        let now = self.now;
        let (org, mia) = (self.uuids["acme"], self.uuids["mia"]);
        let dated = |rest: Vec<(&'static str, sea_orm::Value)>| {
            let at = [("org_id", org.into()), ("created_at", now.into()), ("updated_at", now.into())];
            at.into_iter().chain(rest).collect::<Vec<_>>()
        };
        let sealed = || sea_orm::Value::from(SEALED);
        let sealed_json = || sea_orm::Value::from(format!("{{\"secret\":\"{SEALED}\"}}"));
        let named = || sea_orm::Value::from(NAMED);
        let team = self.name::<TeamId>("team");
        self.row(
            "teams",
            dated(vec![
                ("id", team.into()),
                ("name", named()),
                ("name_folded", named()),
                ("slug", "team".into()),
                ("description", named()),
            ]),
        );
        let agent = self.name::<AgentId>("agent");
        self.row(
            "agents",
            dated(vec![
                ("id", agent.into()),
                ("name", named()),
                ("name_folded", named()),
                ("description", named()),
                ("status", "ACTIVE".into()),
                ("visibility", "PUBLIC".into()),
                ("chat_capable", true.into()),
                ("owner_id", mia.into()),
                ("system_prompt", sealed()),
                ("config", sealed_json()),
                ("required_approvals", 1.into()),
                ("require_plan_approval", false.into()),
            ]),
        );
        let global = self.name::<AgentId>("global");
        self.row(
            "global_agents",
            [
                ("id", global.into()),
                ("name", "global".into()),
                ("name_folded", "global".into()),
                ("description", "".into()),
                ("status", "ACTIVE".into()),
                ("chat_capable", true.into()),
                ("required_approvals", 1.into()),
                ("require_plan_approval", false.into()),
                ("created_at", now.into()),
                ("updated_at", now.into()),
            ],
        );
        let document = self.name::<AgentDocumentId>("document");
        self.row(
            "agent_documents",
            dated(vec![
                ("id", document.into()),
                ("agent_id", agent.into()),
                ("type", "RULE".into()),
                ("name", named()),
                ("priority", 0.into()),
                ("content", sealed()),
            ]),
        );
        let goal = self.name::<GoalId>("goal");
        self.row(
            "goals",
            dated(vec![
                ("id", goal.into()),
                ("agent_id", agent.into()),
                ("submitted_by", mia.into()),
                ("status", "RUNNING".into()),
                ("priority", 0.into()),
                ("goal_text", sealed()),
                ("goal_text_folded", sealed()),
                ("plan", sealed_json()),
            ]),
        );
        let file = self.name::<WorkspaceFileId>("file");
        self.row(
            "workspace_files",
            dated(vec![
                ("id", file.into()),
                ("goal_id", goal.into()),
                ("agent_id", agent.into()),
                ("path", sealed()),
                ("size_bytes", 4711_i64.into()),
                ("sha256", sealed()),
                ("version", goal.into()),
            ]),
        );
        let task = self.name::<TaskId>("task");
        self.row(
            "tasks",
            dated(vec![
                ("id", task.into()),
                ("goal_id", goal.into()),
                ("agent_id", agent.into()),
                ("type", "SHELL".into()),
                ("status", "PENDING".into()),
                ("priority", 0.into()),
                ("retries", 0.into()),
                ("max_retries", 1.into()),
                ("attempt", 0.into()),
                ("payload", sealed_json()),
                ("result", sealed_json()),
                ("error", sealed()),
            ]),
        );
        let execution = self.name::<ExecutionId>("execution");
        self.row(
            "executions",
            [
                ("org_id", org.into()),
                ("id", execution.into()),
                ("task_id", task.into()),
                ("attempt", 1.into()),
                ("status", "SUCCEEDED".into()),
                ("code", sealed()),
                ("code_output", sealed()),
                ("shell_output", sealed()),
                ("started_at", now.into()),
            ],
        );
        let approval = self.name::<ApprovalRequestId>("approval");
        self.row(
            "approval_requests",
            [
                ("org_id", org.into()),
                ("id", approval.into()),
                ("type", "PLAN".into()),
                ("status", "PENDING".into()),
                ("agent_id", agent.into()),
                ("goal_id", goal.into()),
                ("requested_by", mia.into()),
                ("payload", sealed_json()),
                ("reason", sealed()),
                ("required_approvals", 1.into()),
                ("created_at", now.into()),
            ],
        );
        let chat = self.name::<ChatSessionId>("chat");
        self.row(
            "chat_sessions",
            dated(vec![
                ("id", chat.into()),
                ("agent_id", agent.into()),
                ("user_id", mia.into()),
                ("status", "OPEN".into()),
                ("title", sealed()),
                ("message_count", 1.into()),
            ]),
        );
        let message = self.name::<ChatMessageId>("message");
        self.row(
            "chat_messages",
            [
                ("org_id", org.into()),
                ("id", message.into()),
                ("session_id", chat.into()),
                ("position", 1_i64.into()),
                ("role", "USER".into()),
                ("content", sealed()),
                ("tool_calls", sealed_json()),
                ("created_at", now.into()),
            ],
        );
        let event = self.name::<EventId>("event");
        self.row(
            "events",
            [
                ("org_id", org.into()),
                ("id", event.into()),
                ("sequence", 1_i64.into()),
                ("type", "goal.submitted".into()),
                ("payload", sealed_json()),
                ("payload_salt", "s".into()),
                ("hash", "h".into()),
                ("created_at", now.into()),
            ],
        );
        self.row("event_heads", [("org_id", org.into()), ("sequence", 1_i64.into()), ("hash", "h".into())]);
    }
}

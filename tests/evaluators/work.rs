//! Rows of work, and of what an organisation runs it with.

use chrono::TimeDelta;
use entity::enums::ServiceScope;

use super::{
    rows::{Ids, Tables, key_text, text},
    sketch::{Fact, World},
};
use crate::support::rows::Row;

pub fn work(tables: &mut Tables, ids: &Ids<'_>, world: &World, fact: &Fact) {
    let at = tables.at;
    let of_goal = |goal: usize| {
        let (org, agent, _) = world.goal(goal).unwrap();
        [
            ("org_id", ids.uuid("org", org).into()),
            ("goal_id", ids.uuid("goal", goal).into()),
            ("agent_id", ids.uuid("agent", agent).into()),
        ]
    };
    let of_task = |task: usize| {
        let (org, ..) = world.goal(world.task_goal(task).unwrap()).unwrap();
        [("org_id", ids.uuid("org", org).into()), ("task_id", ids.uuid("task", task).into())]
    };
    match fact {
        Fact::Goal { n, org, agent, by } => tables.timed(
            "goals",
            ids.uuid("goal", *n),
            [
                ("org_id", ids.uuid("org", *org).into()),
                ("agent_id", ids.uuid("agent", *agent).into()),
                ("submitted_by", by.map(|person| ids.uuid("person", person)).into()),
                ("status", text("RUNNING")),
                ("priority", 0.into()),
                ("goal_text", text("a goal")),
                ("goal_text_folded", text("a goal")),
            ],
        ),
        Fact::Task { n, goal } => tables.timed(
            "tasks",
            ids.uuid("task", *n),
            of_goal(*goal).into_iter().chain([
                ("type", text("SHELL")),
                ("status", text("PENDING")),
                ("priority", 0.into()),
                ("retries", 0.into()),
                ("max_retries", 3.into()),
                ("attempt", 0.into()),
            ]),
        ),
        Fact::Edge { n, task, on } => {
            let goal = ids.uuid("goal", world.task_goal(*task).unwrap());
            let mut row: Row = of_task(*task).into();
            row.extend([
                ("id", ids.uuid("edge", *n).into()),
                ("goal_id", goal.into()),
                ("depends_on_id", ids.uuid("task", *on).into()),
            ]);
            tables.rows.push(("task_dependencies", row));
        }
        Fact::Execution { n, task } => {
            let mut row: Row = of_task(*task).into();
            row.extend([
                ("id", ids.uuid("execution", *n).into()),
                ("attempt", 1.into()),
                ("status", text("RUNNING")),
                ("started_at", at.into()),
            ]);
            tables.rows.push(("executions", row));
        }
        Fact::File { n, goal } => tables.timed(
            "workspace_files",
            ids.uuid("file", *n),
            of_goal(*goal).into_iter().chain([
                ("path", text(&format!("file-{n}"))),
                ("size_bytes", 1_i64.into()),
                ("sha256", text("00")),
                ("version", ids.fresh().into()),
            ]),
        ),
        Fact::Approval { n, goal, by, required } => tables.row(
            "approval_requests",
            ids.uuid("approval", *n),
            of_goal(*goal).into_iter().chain([
                ("type", text("PLAN")),
                ("status", text("PENDING")),
                ("requested_by", by.map(|person| ids.uuid("person", person)).into()),
                ("required_approvals", (*required).into()),
            ]),
        ),
        Fact::Decision { n, approval, by } => {
            let (goal, ..) = world.approval(*approval).unwrap();
            let (org, ..) = world.goal(goal).unwrap();
            tables.row(
                "approval_decisions",
                ids.uuid("decision", *n),
                [
                    ("org_id", ids.uuid("org", org).into()),
                    ("request_id", ids.uuid("approval", *approval).into()),
                    ("decided_by", ids.uuid("person", *by).into()),
                    ("decision", text("APPROVE")),
                ],
            );
        }
        Fact::Chat { n, org, agent, by } => tables.timed(
            "chat_sessions",
            ids.uuid("chat", *n),
            [
                ("org_id", ids.uuid("org", *org).into()),
                ("agent_id", ids.uuid("agent", *agent).into()),
                ("user_id", by.map(|person| ids.uuid("person", person)).into()),
                ("status", text("OPEN")),
                ("message_count", 0.into()),
            ],
        ),
        Fact::Message { n, chat } => tables.row(
            "chat_messages",
            ids.uuid("message", *n),
            [
                ("org_id", ids.uuid("org", world.chat(*chat).unwrap().0).into()),
                ("session_id", ids.uuid("chat", *chat).into()),
                ("position", i64::try_from(*n).unwrap().into()),
                ("role", text("USER")),
                ("content", text("said")),
            ],
        ),
        _ => {}
    }
}

pub fn operations(tables: &mut Tables, ids: &Ids<'_>, fact: &Fact) {
    let at = tables.at;
    match fact {
        Fact::Usage { org, agent, person } => tables.rows.push((
            "usage_days",
            vec![
                ("org_id", ids.uuid("org", *org).into()),
                ("day", text("2026-11-22")),
                ("model", text("a-model")),
                ("agent_id", ids.uuid("agent", *agent).into()),
                ("user_id", ids.uuid("person", *person).into()),
                ("requests", 1_i64.into()),
                ("tokens_in", 1_i64.into()),
                ("tokens_out", 1_i64.into()),
                ("cost_nanos", 1_i64.into()),
            ],
        )),
        Fact::Key { n, org, scopes, sight, maker } => {
            let words: Vec<&str> = scopes.iter().copied().map(ServiceScope::as_str).collect();
            let hash = palisade::auth::opaque::hash(&key_text(ids, *n, *org));
            tables.row(
                "service_accounts",
                ids.uuid("key", *n),
                [
                    ("org_id", ids.uuid("org", *org).into()),
                    ("name", text("a key")),
                    ("scopes", text(&serde_json::to_string(&words).unwrap())),
                    ("all_agents", sight.is_none().into()),
                    ("created_by", ids.uuid("person", *maker).into()),
                    ("key_hash", text(&hash)),
                    // Noted already: what tests read is not written to meanwhile.
                    ("last_used_at", (at + TimeDelta::days(900)).into()),
                ],
            );
            for agent in sight.iter().flatten() {
                tables.rows.push((
                    "service_account_agents",
                    vec![
                        ("org_id", ids.uuid("org", *org).into()),
                        ("id", ids.fresh().into()),
                        ("service_account_id", ids.uuid("key", *n).into()),
                        ("agent_id", ids.uuid("agent", *agent).into()),
                    ],
                ));
            }
        }
        Fact::Worker { n, org, key } => tables.row(
            "workers",
            ids.uuid("worker", *n),
            [
                ("org_id", ids.uuid("org", *org).into()),
                ("hostname", text("host")),
                ("status", text("ACTIVE")),
                ("capabilities", text("[]")),
                ("last_heartbeat_at", at.into()),
                ("service_account_id", key.map(|key| ids.uuid("key", key)).into()),
            ],
        ),
        Fact::Invitation { n, org } => {
            let id = ids.uuid("invitation", *n);
            tables.row(
                "invitations",
                id,
                [
                    ("org_id", ids.uuid("org", *org).into()),
                    ("email", text("new@example.com")),
                    ("role", text("MEMBER")),
                    ("status", text("PENDING")),
                    ("first_admin", false.into()),
                    ("token_hash", text(&id.to_string())),
                    ("expires_at", (at + TimeDelta::days(9)).into()),
                ],
            );
        }
        Fact::Event { n, org } => tables.row(
            "events",
            ids.uuid("event", *n),
            [
                ("org_id", ids.uuid("org", *org).into()),
                ("sequence", 1_i64.into()),
                ("type", text("goal.submitted")),
                ("payload_salt", text("s")),
                ("hash", text("h")),
            ],
        ),
        Fact::Budget { org } => {
            let row = vec![
                ("org_id", ids.uuid("org", *org).into()),
                ("created_at", at.into()),
                ("updated_at", at.into()),
                ("daily_tokens", 1_i64.into()),
            ];
            tables.rows.push(("budgets", row));
        }
        _ => {}
    }
}

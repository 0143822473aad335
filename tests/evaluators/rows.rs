//! The facts as rows, in both databases alike, inserted by who may write anything.

use std::{cell::RefCell, collections::BTreeMap};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    enums::ServiceScope,
    ids::{OrgId, ServiceAccountId, TypedId},
};
use palisade::{clock::Clock, identity::service_key};
use sea_orm::{DatabaseConnection, TransactionTrait as _, Value};
use uuid::Uuid;

use super::sketch::{Fact, GLOBAL, Sharer, World};
use crate::support::rows::{self as support, Row};

/// Ids of what the facts only number, made at first mention.
pub struct Ids<'c> {
    clock: &'c Clock,
    made: RefCell<BTreeMap<(&'static str, usize), Uuid>>,
}

impl<'c> Ids<'c> {
    pub fn new(clock: &'c Clock) -> Self {
        Self { clock, made: RefCell::default() }
    }

    pub fn uuid(&self, kind: &'static str, n: usize) -> Uuid {
        *self.made.borrow_mut().entry((kind, n)).or_insert_with(|| self.clock.id::<OrgId>().uuid())
    }

    pub fn id<I: TypedId>(&self, kind: &'static str, n: usize) -> I {
        I::from_uuid(self.uuid(kind, n))
    }

    /// An id that nothing has.
    pub fn fresh(&self) -> Uuid {
        self.clock.id::<OrgId>().uuid()
    }

    /// What a printed disagreement calls an id.
    pub fn name(&self, id: Uuid) -> String {
        let made = self.made.borrow();
        made.iter()
            .find(|(_, known)| **known == id)
            .map_or_else(|| id.to_string(), |((kind, n), _)| format!("{kind} {n}"))
    }
}

/// The number of a person's session in an organisation, or in none.
pub const fn session(person: usize, org: Option<usize>) -> usize {
    person * 3
        + match org {
            None => 2,
            Some(org) => org,
        }
}

/// The text of a service account's key.
pub fn key_text(ids: &Ids<'_>, n: usize, org: usize) -> String {
    let secret = format!("{n:0>43}");
    service_key::text(ids.id::<OrgId>("org", org), ids.id::<ServiceAccountId>("key", n), &secret)
}

struct Tables {
    at: DateTime<Utc>,
    rows: Vec<(&'static str, Row)>,
}

impl Tables {
    /// A row with an `id`, and `created_at`.
    fn row(&mut self, table: &'static str, id: Uuid, rest: impl IntoIterator<Item = (&'static str, Value)>) {
        let mut row: Row = vec![("id", id.into()), ("created_at", self.at.into())];
        row.extend(rest);
        self.rows.push((table, row));
    }

    fn timed(&mut self, table: &'static str, id: Uuid, rest: impl IntoIterator<Item = (&'static str, Value)>) {
        let at = self.at;
        self.row(table, id, rest.into_iter().chain([("updated_at", at.into())]));
    }
}

fn text(value: &str) -> Value {
    value.into()
}

/// Inserts the world; returns its ids.
pub async fn insert(root: &DatabaseConnection, ids: &Ids<'_>, world: &World, now: DateTime<Utc>) {
    let mut tables = Tables { at: now, rows: Vec::new() };
    for org in 0..2 {
        let suspended = world.any(|fact| *fact == Fact::Suspended { org });
        let slug = ids.uuid("org", org).simple().to_string();
        let status = if suspended { "SUSPENDED" } else { "ACTIVE" };
        tables.timed(
            "organizations",
            ids.uuid("org", org),
            [("name", text(&slug)), ("name_folded", text(&slug)), ("slug", text(&slug)), ("status", text(status))],
        );
    }
    for fact in &world.0 {
        people(&mut tables, ids, world, fact);
        agents(&mut tables, ids, world, fact);
        work(&mut tables, ids, world, fact);
        operations(&mut tables, ids, fact);
    }
    let tx = root.begin().await.unwrap();
    // Facts come after what they refer to, and so do tables in the order of their first row.
    support::insert(&tx, tables.rows).await;
    tx.commit().await.unwrap();
}

fn people(tables: &mut Tables, ids: &Ids<'_>, world: &World, fact: &Fact) {
    let at = tables.at;
    match fact {
        Fact::Person { n, status, operator } => {
            let id = ids.uuid("person", *n);
            tables.timed(
                "users",
                id,
                [
                    ("email", text(&format!("{}@example.com", id.simple()))),
                    ("name", text("Somebody")),
                    ("name_folded", text("somebody")),
                    ("status", text(status.as_str())),
                    ("is_super_admin", (*operator).into()),
                ],
            );
            for org in [None, Some(0), Some(1)] {
                tables.row(
                    "sessions",
                    ids.uuid("session", session(*n, org)),
                    [
                        ("user_id", id.into()),
                        ("org_id", org.map(|org| ids.uuid("org", org)).into()),
                        ("last_used_at", at.into()),
                        ("expires_at", (at + TimeDelta::days(3_000)).into()),
                    ],
                );
            }
        }
        Fact::Member { org, person, role, status } => tables.timed(
            "org_memberships",
            ids.uuid("membership", org * 50 + person),
            [
                ("org_id", ids.uuid("org", *org).into()),
                ("user_id", ids.uuid("person", *person).into()),
                ("role", text(role.as_str())),
                ("status", text(status.as_str())),
            ],
        ),
        Fact::Team { n, org } => tables.timed(
            "teams",
            ids.uuid("team", *n),
            [
                ("org_id", ids.uuid("org", *org).into()),
                ("name", text("team")),
                ("name_folded", text("team")),
                ("slug", text(&format!("team-{n}"))),
                ("description", text("")),
            ],
        ),
        Fact::Seat { team, person, role } => tables.row(
            "team_memberships",
            ids.uuid("seat", team * 50 + person),
            [
                ("org_id", ids.uuid("org", world.team_org(*team).unwrap()).into()),
                ("team_id", ids.uuid("team", *team).into()),
                ("user_id", ids.uuid("person", *person).into()),
                ("role", text(role.as_str())),
            ],
        ),
        _ => {}
    }
}

fn agents(tables: &mut Tables, ids: &Ids<'_>, world: &World, fact: &Fact) {
    let agent = |visibility: &str, org: usize, owner: Option<usize>, team: Option<usize>| {
        [
            ("org_id", ids.uuid("org", org).into()),
            ("name", text("agent")),
            ("name_folded", text("agent")),
            ("description", text("")),
            ("status", text("ACTIVE")),
            ("visibility", text(visibility)),
            ("chat_capable", true.into()),
            ("owner_id", owner.map(|person| ids.uuid("person", person)).into()),
            ("team_id", team.map(|team| ids.uuid("team", team)).into()),
            ("required_approvals", 1.into()),
            ("require_plan_approval", false.into()),
        ]
    };
    match fact {
        Fact::Agent { n, org, visibility, owner, team } => {
            tables.timed("agents", ids.uuid("agent", *n), agent(visibility.as_str(), *org, *owner, *team));
        }
        Fact::Global { n } => tables.timed(
            "global_agents",
            ids.uuid("agent", *n),
            agent("", 0, None, None)
                .into_iter()
                .filter(|(column, _)| !["org_id", "visibility", "owner_id", "team_id"].contains(column)),
        ),
        Fact::Installed { org, agent: n } => {
            tables.timed("agents", ids.uuid("agent", *n), agent("GLOBAL", *org, None, None))
        }
        Fact::Share { agent, with, permission } => {
            let (person, team) = match with {
                Sharer::Person(person) => (Some(ids.uuid("person", *person)), None),
                Sharer::Team(team) => (None, Some(ids.uuid("team", *team))),
            };
            tables.row(
                "agent_collaborators",
                ids.fresh(),
                [
                    ("org_id", ids.uuid("org", world.agent_org(*agent).unwrap()).into()),
                    ("agent_id", ids.uuid("agent", *agent).into()),
                    ("user_id", person.into()),
                    ("team_id", team.into()),
                    ("permission", text(permission.as_str())),
                ],
            );
        }
        Fact::Post { org, agent, person } => tables.row(
            "agent_admins",
            ids.fresh(),
            [
                ("org_id", ids.uuid("org", *org).into()),
                ("agent_id", ids.uuid("agent", *agent).into()),
                ("user_id", ids.uuid("person", *person).into()),
            ],
        ),
        Fact::Document { n, agent } => {
            let rest = [
                ("agent_id", ids.uuid("agent", *agent).into()),
                ("type", text("RULE")),
                ("name", text("document")),
                ("priority", 0.into()),
            ];
            if *agent >= GLOBAL {
                tables.timed("global_agent_documents", ids.uuid("document", *n), rest);
            } else {
                let org = ids.uuid("org", world.agent_org(*agent).unwrap());
                tables.timed(
                    "agent_documents",
                    ids.uuid("document", *n),
                    rest.into_iter().chain([("org_id", org.into())]),
                );
            }
        }
        _ => {}
    }
}

fn work(tables: &mut Tables, ids: &Ids<'_>, world: &World, fact: &Fact) {
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

fn operations(tables: &mut Tables, ids: &Ids<'_>, fact: &Fact) {
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
            let hash = palisade::identity::opaque::hash(&key_text(ids, *n, *org));
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

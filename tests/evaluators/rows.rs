//! The facts as rows, in both databases alike, inserted by who may write anything.

use std::{cell::RefCell, collections::BTreeMap};

use chrono::{DateTime, TimeDelta, Utc};
use entity::ids::{OrgId, ServiceAccountId, TypedId};
use palisade::{auth::service_key, clock::Clock};
use sea_orm::{DatabaseConnection, TransactionTrait as _, Value};
use uuid::Uuid;

use super::{
    sketch::{Fact, GLOBAL, Sharer, World},
    work,
};
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

pub struct Tables {
    pub at: DateTime<Utc>,
    pub rows: Vec<(&'static str, Row)>,
}

impl Tables {
    /// A row with an `id`, and `created_at`.
    pub fn row(&mut self, table: &'static str, id: Uuid, rest: impl IntoIterator<Item = (&'static str, Value)>) {
        let mut row: Row = vec![("id", id.into()), ("created_at", self.at.into())];
        row.extend(rest);
        self.rows.push((table, row));
    }

    pub fn timed(&mut self, table: &'static str, id: Uuid, rest: impl IntoIterator<Item = (&'static str, Value)>) {
        let at = self.at;
        self.row(table, id, rest.into_iter().chain([("updated_at", at.into())]));
    }
}

pub fn text(value: &str) -> Value {
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
        work::work(&mut tables, ids, world, fact);
        work::operations(&mut tables, ids, fact);
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

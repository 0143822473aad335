//! Every root field of `Query`, for every object that it can be asked for, by everybody: shown what the table says, and no
//! more. Lists hold exactly the objects that each of them would be shown alone.

use std::collections::{BTreeMap, BTreeSet};

use palisade::policy::Permission;
use serde_json::{Value, json};

use super::{
    cast::{ACTORS, Actor, GOALS, Is, Org},
    reading::{Object, Verdict, one, verdict},
    rows::org,
    schema,
    stage::Stage,
    things::{Thing, things},
};
use crate::support::world::Reply;

/// Root fields that look one object up, and the kind that they look up; none for those that take any.
const SINGLE: &[(&str, Option<&str>)] = &[
    ("agent", Some("Agent")),
    ("approvalRequest", Some("ApprovalRequest")),
    ("chatSession", Some("ChatSession")),
    ("goal", Some("Goal")),
    ("organization", Some("Organization")),
    ("task", Some("Task")),
    ("team", Some("Team")),
    ("user", Some("User")),
    ("worker", Some("Worker")),
    ("node", None),
];

const LISTS: &[(&str, &str)] = &[
    ("agents", "Agent"),
    ("approvalRequests", "ApprovalRequest"),
    ("auditEvents", "Event"),
    ("chatSessions", "ChatSession"),
    ("goals", "Goal"),
    ("organizations", "Organization"),
    ("tasks", "Task"),
    ("teams", "Team"),
    ("users", "User"),
    ("workers", "Worker"),
];

/// Fields that are about no object, with how they are asked; `viewerCan` is asked about every object elsewhere.
const OTHERS: &[(&str, &str)] = &[
    ("viewer", "{ it: viewer { isSuperAdmin user { id } serviceAccount { id } } }"),
    ("serverInfo", "{ it: serverInfo { version } }"),
    ("platformMetrics", "{ it: platformMetrics { __typename } }"),
    (
        "usage",
        r#"{ it: usage(from: "2026-11-01T00:00:00Z", to: "2026-12-01T00:00:00Z", groupBy: []) { totals { requests } } }"#,
    ),
    ("viewerCan", "{ it: viewerCan(permission: SIGN_IN) { allowed } }"),
];

struct Run {
    stage: Stage,
    rows: BTreeMap<String, Permission>,
    things: Vec<Thing>,
    wrong: Vec<String>,
    done: usize,
}

/// What a reply says of the operation as a whole.
fn answered(reply: &Reply) -> Verdict {
    if reply.status == 401 {
        return Verdict::Gone;
    }
    match reply.code() {
        None => Verdict::Allow,
        Some("FORBIDDEN") => Verdict::Forbid,
        Some("UNAUTHENTICATED") => Verdict::SignIn,
        Some(_) => panic!("{}", reply.text),
    }
}

impl Run {
    /// Whether the operation starts as the table says; what is then answered is looked at by the caller.
    fn starts(&mut self, field: &str, actor: &Actor, cell: &str, reply: &Reply) -> bool {
        self.done += 1;
        let (wanted, got) = (verdict(actor, self.rows[field], &[]), answered(reply));
        self.expect(wanted == got, || format!("{cell}: {got:?} instead of {wanted:?}: {}", reply.text));
        wanted == got && got == Verdict::Allow
    }

    fn expect(&mut self, holds: bool, words: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(words());
        }
    }

    async fn single(&mut self, field: &str, thing: &Thing) {
        let content = thing.field().map_or_else(String::new, |content| format!("it: {content}"));
        let inside =
            if field == "node" { format!("... on {} {{ {content} __typename }}", thing.kind) } else { content };
        let document = format!("query($id: ID!) {{ one: {field}(id: $id) {{ id {inside} }} }}");
        for actor in ACTORS {
            let reply = self.stage.caller(actor).send(&document, json!({ "id": thing.id })).await;
            let cell = format!("{field} {} {} by {}", thing.kind, thing.name, actor.name);
            if !self.starts(field, actor, &cell, &reply) {
                continue;
            }
            let found = &reply.data()["one"];
            let seen = thing.seen(actor);
            self.expect(found.is_object() == seen, || format!("{cell}: seen should be {seen}: {}", reply.text));
            if seen && thing.field().is_some() {
                let opens = thing.opens(actor);
                let redacted = reply.redacted() == ["one.it"];
                let holds = found["it"].is_null() != opens && redacted != opens;
                self.expect(holds, || format!("{cell}: content should be open: {opens}: {}", reply.text));
            }
        }
    }

    async fn list(&mut self, field: &str, kind: &str) {
        for actor in ACTORS {
            // A super-admin names the organisation whose log it reads.
            let logs = field == "auditEvents" && actor.is == Is::Operator;
            let filter =
                if logs { format!("filter: {{ organizationId: \"{}\" }}", org(Org::Alpha)) } else { String::new() };
            let document = format!("{{ it: {field}(first: 100 {filter}) {{ totalCount nodes {{ id }} }} }}");
            let reply = self.stage.caller(actor).query(&document).await;
            let cell = format!("{field} by {}", actor.name);
            if !self.starts(field, actor, &cell, &reply) {
                continue;
            }
            // Who left stays readable on history, by id, and is in no list of a member's.
            let left = |thing: &Thing| field == "users" && thing.name == "leo" && actor.is != Is::Operator;
            let asked = |thing: &&Thing| thing.kind == kind && (!logs || thing.name == "alpha") && !left(thing);
            let shown = self.things.iter().filter(asked).filter(|thing| thing.seen(actor));
            let wanted: BTreeSet<String> = shown.map(|thing| thing.id.clone()).collect();
            let got = ids(&reply.data()["it"]["nodes"]);
            let missing: Vec<_> = self
                .things
                .iter()
                .filter(|thing| wanted.contains(&thing.id) && !got.contains(&thing.id))
                .map(|thing| &thing.name)
                .collect();
            let more: Vec<_> = got
                .iter()
                .filter(|id| !wanted.contains(*id))
                .map(|id| self.things.iter().find(|thing| thing.id == *id).map_or(id, |thing| &thing.name))
                .collect();
            let words =
                format!("{cell}: lacks {missing:?}, has {more:?} besides, of {}", reply.data()["it"]["totalCount"]);
            let counted = reply.data()["it"]["totalCount"] == wanted.len();
            self.expect(got == wanted && counted, || words);
        }
    }

    async fn nodes(&mut self) {
        for chunk in self.things.clone().chunks(100) {
            let asked: Vec<&String> = chunk.iter().map(|thing| &thing.id).collect();
            for actor in ACTORS {
                let reply = self
                    .stage
                    .caller(actor)
                    .send("query($ids: [ID!]!) { it: nodes(ids: $ids) { id } }", json!({ "ids": asked }))
                    .await;
                let cell = format!("nodes by {}", actor.name);
                let starts = self.starts("nodes", actor, &cell, &reply);
                self.done += chunk.len() - 1;
                for (thing, node) in chunk
                    .iter()
                    .zip(starts.then(|| reply.data()["it"].as_array().unwrap().clone()).into_iter().flatten())
                {
                    let holds = node.is_object() == thing.seen(actor);
                    self.expect(holds, || format!("{cell}: {} {} is {node}", thing.kind, thing.name));
                }
            }
        }
    }

    async fn other(&mut self, field: &str, document: &str) {
        for actor in ACTORS {
            let reply = self.stage.caller(actor).query(document).await;
            let cell = format!("{field} by {}", actor.name);
            if !self.starts(field, actor, &cell, &reply) {
                continue;
            }
            let it = &reply.data()["it"];
            let holds = match field {
                "viewer" => {
                    it.is_null() == (actor.is == Is::Nobody)
                        && (actor.is == Is::Nobody || it["isSuperAdmin"] == (actor.is == Is::Operator))
                }
                "usage" => it[0]["totals"]["requests"].as_str().unwrap_or("0") == usage(actor).to_string(),
                _ => it.is_object(),
            };
            self.expect(holds, || format!("{cell}: {}", reply.text));
        }
    }
}

/// How many reported calls the actor is told of: one for each pair of agent and submitter.
fn usage(actor: &Actor) -> usize {
    let counts = |(agent, whose, by): &&(&'static str, Org, &'static str)| match actor.is {
        Is::Operator => true,
        Is::Member { org, admin } => org == *whose && (admin || *by == actor.name),
        Is::Key { .. } => one(actor, Permission::UsageRead, Object::Goal(agent, *whose, by)) == Verdict::Allow,
        _ => false,
    };
    GOALS.iter().filter(counts).count()
}

fn ids(nodes: &Value) -> BTreeSet<String> {
    nodes.as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

/// On how many objects a field is asked.
fn objects(field: &str, things: &[Thing]) -> usize {
    if let Some((_, kind)) = SINGLE.iter().find(|(name, _)| *name == field) {
        return things.iter().filter(|thing| kind.is_none_or(|kind| thing.kind == kind)).count();
    }
    match field {
        "nodes" => things.len(),
        _ if LISTS.iter().any(|(name, _)| *name == field) => 1,
        _ if OTHERS.iter().any(|(name, _)| *name == field) => 1,
        _ => panic!("{field} is asked of nothing: add it to tests/matrix/queries.rs"),
    }
}

async fn run(stage: Stage) {
    let fields = schema::fields(&stage.caller(super::cast::named("ada")), "queryType").await;
    let (rows, things) = (schema::rows("Query"), things());
    assert_eq!(
        rows.keys().collect::<Vec<_>>(),
        fields.keys().collect::<Vec<_>>(),
        "a field of `Query` without `@requires`"
    );
    let cells = fields.keys().map(|field| objects(field, &things)).sum::<usize>() * ACTORS.len();
    let before = stage.dump().await;
    let mut run = Run { stage, rows, things, wrong: Vec::new(), done: 0 };
    for (field, kind) in SINGLE {
        for thing in run.things.clone().iter().filter(|thing| kind.is_none_or(|kind| thing.kind == kind)) {
            run.single(field, thing).await;
        }
    }
    for (field, kind) in LISTS {
        run.list(field, kind).await;
    }
    run.nodes().await;
    for (field, document) in OTHERS {
        run.other(field, document).await;
    }
    assert!(run.wrong.is_empty(), "{} of {} cells:\n{}", run.wrong.len(), run.done, run.wrong.join("\n"));
    assert_eq!(run.done, cells);
    assert!(run.stage.dump().await == before, "a query changed something");
}

mod every_query_shows_what_the_table_says_for_every_relation {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_sqlite() {
        run(Stage::sqlite().await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_postgres() {
        run(Stage::postgres().await).await;
    }
}

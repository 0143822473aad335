//! `golden/field_matrix.txt`: for every field of every node type, what each role is answered on Acme's objects.
//!
//! A field that is new, or that somebody sees differently, changes the golden: a security review reads its diff.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use crate::support::{
    golden,
    world::{CALLERS, World, on_both},
};

/// Node types with the ids of Acme's objects, at most 60 of each.
pub fn samples(world: &World) -> BTreeMap<&'static str, Vec<String>> {
    let plan = &world.plan;
    let acme = plan.organizations.iter().find(|org| org.slug == "acme").unwrap().id;
    macro_rules! of_acme {
        ($rows:ident) => {
            plan.$rows.iter().filter(|row| row.org_id == acme).map(|row| row.id.to_string()).collect::<Vec<_>>()
        };
    }
    let members: Vec<String> =
        plan.org_memberships.iter().filter(|row| row.org_id == acme).map(|row| row.user_id.to_string()).collect();
    let agents = plan
        .agents
        .iter()
        .filter(|row| row.org_id == acme && row.visibility != entity::enums::AgentVisibility::Global)
        .map(|row| row.id.to_string())
        .collect();
    let mut samples = BTreeMap::from([
        ("Organization", vec![acme.to_string()]),
        ("User", members),
        ("Team", of_acme!(teams)),
        ("Agent", agents),
        ("AgentDocument", of_acme!(agent_documents)),
        ("Goal", of_acme!(goals)),
        ("Task", of_acme!(tasks)),
        ("Execution", of_acme!(executions)),
        ("ApprovalRequest", of_acme!(approval_requests)),
        ("ChatSession", of_acme!(chat_sessions)),
        ("ChatMessage", of_acme!(chat_messages)),
        ("Worker", of_acme!(workers)),
        ("ServiceAccount", of_acme!(service_accounts)),
        ("WorkspaceFile", of_acme!(workspace_files)),
        ("Event", of_acme!(events)),
    ]);
    for ids in samples.values_mut() {
        // Evenly over the whole, so that every state and agent is there.
        let step = ids.len().div_ceil(60).max(1);
        *ids = std::mem::take(ids).into_iter().step_by(step).collect();
    }
    samples
}

/// A type's fields, each as a selection of it.
pub async fn selections(world: &World) -> BTreeMap<String, Vec<(String, String)>> {
    let introspection = "{ __schema { types { name kind fields { name args { name type { kind } defaultValue }
        type { ...T } } } } }
        fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
    let reply = world.acme_admin().await.query(introspection).await;
    let mut types = BTreeMap::new();
    for object in reply.data()["__schema"]["types"].as_array().unwrap() {
        let name = object["name"].as_str().unwrap();
        if object["kind"] != "OBJECT" || name.starts_with("__") {
            continue;
        }
        let mut fields = Vec::new();
        for field in object["fields"].as_array().unwrap() {
            let required =
                |argument: &&Value| argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null();
            let mut required: Vec<&str> = field["args"]
                .as_array()
                .unwrap()
                .iter()
                .filter(required)
                .map(|argument| argument["name"].as_str().unwrap())
                .collect();
            required.sort_unstable();
            let arguments = match (name, required.as_slice()) {
                ("Query" | "Mutation" | "Subscription", _) | (_, []) => "",
                // The demo's whole history.
                (_, ["from", "to"]) => r#"(from: "2026-10-01T00:00:00Z", to: "2026-12-01T00:00:00Z")"#,
                (_, others) => panic!("{name} has a field that requires {others:?}"),
            };
            let mut inner = &field["type"];
            while inner["ofType"].is_object() {
                inner = &inner["ofType"];
            }
            let leaf = ["SCALAR", "ENUM"].contains(&inner["kind"].as_str().unwrap());
            let field = field["name"].as_str().unwrap().to_owned();
            let selection =
                if leaf { format!("{field}{arguments}") } else { format!("{field}{arguments} {{ __typename }}") };
            fields.push((field, selection));
        }
        types.insert(name.to_owned(), fields);
    }
    types
}

/// What one caller is answered for one field of each sampled object.
type Cells = Vec<Cell>;

#[derive(Clone, PartialEq)]
enum Cell {
    Hidden,
    Refused,
    Redacted,
    Value(Value),
}

async fn ask(
    world: &World,
    role: Option<&str>,
    kind: &str,
    selection: &str,
    field: &str,
    ids: &[String],
) -> Option<Cells> {
    let caller = world.login(role).await;
    let query = format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind} {{ {selection} }} }} }}");
    let reply = caller.send(&query, json!({ "ids": ids })).await;
    if reply.code() == Some("UNAUTHENTICATED") {
        return None;
    }
    let redacted = reply.redacted();
    let refused: Vec<usize> = reply.body["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| {
            assert_eq!(error["extensions"]["code"], "FORBIDDEN", "{kind}.{field}: {}", reply.text);
            usize::try_from(error["path"][1].as_u64().unwrap()).unwrap()
        })
        .collect();
    let nodes = reply.body["data"]["nodes"].as_array().unwrap_or_else(|| panic!("{}", reply.text));
    let cell = |(at, node): (usize, &Value)| match node.get(field) {
        _ if refused.contains(&at) => Cell::Refused,
        None => Cell::Hidden,
        Some(_) if redacted.contains(&format!("nodes.{at}.{field}")) => Cell::Redacted,
        Some(value) => Cell::Value(value.clone()),
    };
    Some(nodes.iter().enumerate().map(cell).collect())
}

/// One mark for a row of cells: `Y` value, `r` redacted, `0` hidden, `x` refused, `s` depends on the object.
fn mark(cells: &Cells, truth: &[bool]) -> char {
    let mut marks: Vec<char> = cells
        .iter()
        .zip(truth)
        .filter_map(|(cell, is_set)| match cell {
            Cell::Hidden => Some('0'),
            Cell::Refused => Some('x'),
            Cell::Redacted => Some('r'),
            // Null where somebody else reads a value is hidden; null for everybody says nothing.
            Cell::Value(Value::Null) => is_set.then_some('0'),
            Cell::Value(_) => Some('Y'),
        })
        .collect();
    marks.sort_unstable();
    marks.dedup();
    match marks.as_slice() {
        [] => '?',
        [one] => *one,
        _ => 's',
    }
}

on_both! {
    async fn every_field_is_answered_as_the_matrix_says(world) {
        let mut page = String::from(
            "Every field of every node type, asked for on Acme's objects. Y value, r redacted, 0 hidden, x refused,\n\
             ! must sign in, s depends on the object, ? null on every sampled object.\n\n",
        );
        let _ = write!(page, "{:36}", "");
        for (name, _) in CALLERS {
            let _ = write!(page, " {name:>16}");
        }
        page.push('\n');
        let types = selections(&world).await;
        for (kind, ids) in samples(&world) {
            for (field, selection) in &types[kind] {
                let mut answers = Vec::new();
                for (_, role) in CALLERS {
                    answers.push(ask(&world, role, kind, selection, field, &ids).await);
                }
                let truth: Vec<bool> = (0..ids.len())
                    .map(|at| {
                        answers.iter().flatten().any(|cells| {
                            matches!(&cells[at], Cell::Value(value) if !value.is_null())
                        })
                    })
                    .collect();
                let _ = write!(page, "{:36}", format!("{kind}.{field}"));
                for cells in &answers {
                    let _ = write!(page, " {:>16}", cells.as_ref().map_or('!', |cells| mark(cells, &truth)));
                }
                page.push('\n');
            }
        }
        golden::check("field_matrix.txt", &page);
    }
}

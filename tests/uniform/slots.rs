//! Every place of the schema that takes an id, and a call that fills it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::support::shape::{Argument, Field, Kind, Shape};

/// A place that takes an id.
#[derive(Clone, Debug)]
pub struct Slot {
    /// `Query`, `Mutation`, `Subscription`, or the type whose field it is.
    pub object: String,
    pub field: String,
    /// The argument, then the fields of its input objects.
    pub path: Vec<String>,
    /// Ids of what: the prefix.
    pub kind: &'static str,
    pub permission: Option<String>,
}

impl Slot {
    pub fn name(&self) -> String {
        format!("{}.{}({})", self.object, self.field, self.path.join("."))
    }
}

/// Ids of what a slot takes. A new one is added here: nothing is guessed.
fn kind(owner: &str, name: &str) -> &'static str {
    match name {
        "organizationId" | "fromOrganizationId" | "toOrganizationId" => "org",
        "userId" => "usr",
        // Of somebody who did something.
        "ownerId" | "submittedById" | "actorId" => "actor",
        "teamId" => "team",
        // Only a private agent has collaborators.
        "agentId" if owner.ends_with("CollaboratorInput") => "private",
        "agentId" | "agentIds" => "agt",
        "goalId" | "subjectId" => "goal",
        "taskId" => "task",
        "workerId" => "wrk",
        "serviceAccountId" => "sva",
        "chatSessionId" | "sessionId" => "chat",
        "id" | "ids" => match owner {
            "agent" | "archiveAgent" | "SetAgentVisibilityInput" | "UpdateAgentInput" | "viewerCan" => "agt",
            "approvalRequest" | "DecideApprovalInput" => "apr",
            "chatSession" | "closeChat" => "chat",
            "goal" | "cancelGoal" | "goalUpdated" | "node" | "nodes" => "goal",
            "organization"
            | "archiveOrganization"
            | "reactivateOrganization"
            | "suspendOrganization"
            | "UpdateOrganizationInput" => "org",
            "task" | "cancelTask" | "retryTask" => "task",
            "team" | "deleteTeam" | "UpdateTeamInput" => "team",
            "user" | "deactivateUser" | "reactivateUser" | "suspendUser" | "UpdateUserInput" => "usr",
            "worker" | "drainWorker" => "wrk",
            "deleteWorkspaceFile" => "file",
            "removeDocument" => "doc",
            "revokeInvitation" => "inv",
            "revokeServiceAccount" | "rotateServiceAccountKey" => "sva",
            "unlinkIdentity" => "uid",
            other => panic!("{other}.{name} takes an id: say in tests/uniform/slots.rs of what"),
        },
        other => panic!("{owner}.{other} takes an id: say in tests/uniform/slots.rs of what"),
    }
}

/// All of them.
pub fn all(shape: &Shape) -> Vec<Slot> {
    let mut slots = Vec::new();
    for (object, kind) in &shape.kinds {
        let Kind::Object(fields) = kind else { continue };
        for field in fields {
            let mut path = Vec::new();
            for argument in &field.arguments {
                collect(shape, (object, field), &field.name, argument, &mut path, &mut slots);
            }
        }
    }
    slots
}

fn collect(
    shape: &Shape,
    of: (&str, &Field),
    owner: &str,
    argument: &Argument,
    path: &mut Vec<String>,
    slots: &mut Vec<Slot>,
) {
    path.push(argument.name.clone());
    if argument.of == "ID" {
        slots.push(Slot {
            object: of.0.to_owned(),
            field: of.1.name.clone(),
            path: path.clone(),
            kind: kind(owner, &argument.name),
            permission: of.1.permission.clone(),
        });
    } else if let Kind::Input(inner) = &shape.kinds[&argument.of] {
        for field in inner {
            collect(shape, of, &argument.of, field, path, slots);
        }
    }
    path.pop();
}

/// What fills the other arguments: one's own objects by the prefixes of their ids, and the claim of the own task.
pub struct Own {
    pub ids: BTreeMap<&'static str, String>,
    pub attempt: i64,
}

/// A request's body that has `id` in the slot, and one's own everywhere else.
pub fn body(shape: &Shape, own: &Own, slot: &Slot, id: &str) -> Value {
    let field = shape.fields(&slot.object).iter().find(|field| field.name == slot.field).unwrap();
    let mut variables = Map::new();
    let (mut declared, mut passed) = (Vec::new(), Vec::new());
    for argument in &field.arguments {
        let here = slot.path.first() == Some(&argument.name);
        if !argument.required && !here {
            continue;
        }
        let filled = fill(shape, own, slot, &slot.field, argument, here.then_some(&slot.path[1..]), id);
        declared.push(format!("${}: {}", argument.name, argument.text));
        passed.push(format!("{0}: ${0}", argument.name));
        variables.insert(argument.name.clone(), filled);
    }
    let selection = match field.of.as_str() {
        of if shape.is_leaf(of) => String::new(),
        "Node" => "{ __typename id }".to_owned(),
        "EventEdge" => "{ node { type subjectId } }".to_owned(),
        of if of.ends_with("Connection") => {
            "{ totalCount nodes { __typename } pageInfo { hasNextPage hasPreviousPage endCursor } }".to_owned()
        }
        of => format!("{{ __typename {} }}", shape.selection(of, 0)),
    };
    let call = format!("{}({}) {selection}", slot.field, passed.join(", "));
    let query = match slot.object.as_str() {
        "Query" => format!("query({}) {{ {call} }}", declared.join(", ")),
        "Mutation" => format!("mutation({}) {{ {call} }}", declared.join(", ")),
        "Subscription" => format!("subscription({}) {{ {call} }}", declared.join(", ")),
        object => {
            variables.insert("own".to_owned(), json!(own.ids[parent(object)]));
            declared.push("$own: ID!".to_owned());
            format!("query({}) {{ node(id: $own) {{ ... on {object} {{ {call} }} }} }}", declared.join(", "))
        }
    };
    json!({ "query": query, "variables": variables })
}

/// The prefix of a node type's ids.
fn parent(object: &str) -> &'static str {
    match object {
        "Agent" => "agt",
        "Goal" => "goal",
        "Organization" => "org",
        "Team" => "team",
        other => panic!("a field of {other} takes an id: say how it is reached"),
    }
}

fn fill(
    shape: &Shape,
    own: &Own,
    slot: &Slot,
    owner: &str,
    argument: &Argument,
    path: Option<&[String]>,
    id: &str,
) -> Value {
    let one = match (&shape.kinds[&argument.of], path) {
        (Kind::Scalar, Some([])) if argument.list => return json!([own.ids[slot.kind], id]),
        (Kind::Scalar, Some([])) => return json!(id),
        (Kind::Input(fields), _) => {
            let mut object = Map::new();
            for field in fields {
                let below = path.filter(|path| path.first() == Some(&field.name));
                if field.required || below.is_some() || wanted(&argument.of, &field.name, path) {
                    let below = below.map(|path| &path[1..]);
                    object.insert(field.name.clone(), fill(shape, own, slot, &argument.of, field, below, id));
                }
            }
            Value::Object(object)
        }
        (Kind::Enum(values), _) => json!(word(slot, &argument.name, values)),
        _ if argument.of == "ID" => json!(own.ids[kind(owner, &argument.name)]),
        _ => plain(own, slot, &argument.name, &argument.of),
    };
    if argument.list { json!([one]) } else { one }
}

/// What the schema leaves open and the call needs all the same.
fn wanted(input: &str, field: &str, path: Option<&[String]>) -> bool {
    let under_test = |name: &str| path.is_some_and(|path| path.first().is_some_and(|first| first == name));
    match (input, field) {
        // Exactly one of two.
        ("SetCollaboratorInput" | "RemoveCollaboratorInput", "userId") => !under_test("teamId"),
        ("AttachDocumentInput", "content")
        | ("SetBudgetInput", "monthlyCostUsd")
        | ("UpdateAgentInput" | "UpdateTeamInput", "name")
        | ("UpdateOrganizationInput", "config")
        | ("ConfirmMemberInput", "role")
        | ("RegisterWorkerInput", "serviceAccountId")
        | ("CreateAgentInput", "visibility") => true,
        // A call is for a goal's task, or in a chat.
        ("UsageInput", "taskId") => !under_test("chatSessionId") && !under_test("goalId"),
        _ => false,
    }
}

fn word<'v>(slot: &Slot, name: &str, values: &'v [String]) -> &'v str {
    let wanted = match name {
        "visibility" if slot.path.last().is_some_and(|last| last == "teamId") => "TEAM",
        "visibility" => "PUBLIC",
        "permission" if slot.field == "viewerCan" => "AGENT_UPDATE",
        "status" if slot.field == "recordExecution" => "SUCCEEDED",
        "role" if slot.field == "postChatMessage" => "USER",
        "groupBy" => "MODEL",
        _ => "",
    };
    values.iter().find(|value| *value == wanted).unwrap_or(&values[0])
}

fn plain(own: &Own, slot: &Slot, name: &str, of: &str) -> Value {
    match (of, name) {
        ("String", "email") if slot.field == "login" => json!("ada@globex.example"),
        ("String", "password") => json!(palisade::demo::PASSWORD),
        ("String", "email" | "newEmail") => json!("new@new.example"),
        ("String", "slug") => json!("new-team"),
        ("String", "path") => json!("notes/today.md"),
        ("String", "hostname") => json!("box"),
        ("String", "type" | "capabilities") => json!("code"),
        ("String", _) => json!("Something"),
        ("Int", "attempt") => json!(own.attempt),
        ("Int", _) => json!(1),
        ("Boolean", _) => json!(true),
        ("BigInt" | "Decimal", _) => json!("1"),
        ("JSON", _) => json!({ "a": 1 }),
        ("DateTime", "from") => json!("2026-10-01T00:00:00Z"),
        ("DateTime", _) => json!("2026-12-01T00:00:00Z"),
        (of, name) => panic!("{name}: {of} must be given: say here what"),
    }
}

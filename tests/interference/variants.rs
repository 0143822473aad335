//! The second world: other content everywhere, or another neighbour.

use std::sync::Arc;

use chrono::TimeDelta;
use entity::{
    confidential::{Confidential, JsonText},
    enums::{AgentStatus, AgentVisibility, MembershipStatus, OrgRole, UserStatus},
    fold::fold,
    ids::{OrgId, OrgMembershipId, TypedId},
    table::Class,
};
use palisade::demo::DemoPlatform;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};

use crate::support::template::Template;

/// The name of the organisation that Acme shares the platform with.
const OTHER: &str = "globex";

pub fn other(plan: &DemoPlatform) -> OrgId {
    plan.organizations.iter().find(|row| row.slug == OTHER).expect("Globex").id
}

/// Runs statements, which make a leak of a store that has none.
async fn plant(db: &DatabaseConnection, statements: &[&str]) {
    for sql in statements {
        db.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// Two worlds that differ in confidential columns alone, and in the bytes of files. In both runs what is planted.
pub async fn contents(kind: &'static str, planted: &[&str]) -> Arc<[Template; 2]> {
    let as_it_is = Template::build(kind, "interference_first", |_| {}, async |db| plant(db, planted).await).await;
    let bytes = |plan: &mut DemoPlatform| {
        for (at, file) in plan.files.iter_mut().enumerate() {
            file.bytes = b"Zebra quartz. ".repeat(at * 7);
        }
    };
    let alter = async |db: &DatabaseConnection| {
        other_contents(db).await;
        plant(db, planted).await;
    };
    let other = Template::build(kind, "interference_contents", bytes, alter).await;
    Arc::new([as_it_is, other])
}

/// Columns that keep their text: nothing may be in them, or what must be of a form.
fn exempt(table: &str, column: &str) -> bool {
    // What an event's hash covers is no answer of the API; the salt is random in every world.
    (table, column) == ("events", "payload_salt")
}

const JSON: [&str; 7] = ["config", "payload", "plan", "result", "file_contents", "tool_calls", "tool_results"];
const NUMBERS: [&str; 4] = ["tokens_in", "tokens_out", "size_bytes", "bytes"];
const NEVER_NULL: [(&str, &str); 7] = [
    ("goals", "goal_text"),
    ("goals", "goal_text_folded"),
    ("chat_messages", "content"),
    ("workspace_files", "path"),
    ("workspace_files", "size_bytes"),
    ("workspace_files", "sha256"),
    ("workspace_usage", "bytes"),
];

/// Puts another text, number or JSON in every confidential column: shorter, longer, empty, null where the column may be,
/// and set where it was null. Which one a row gets follows from its id.
async fn other_contents(db: &DatabaseConnection) {
    let sqlite = db.get_database_backend() == DbBackend::Sqlite;
    for table in entity::tables() {
        let key = if table.name == "workspace_usage" { "org_id" } else { "id" };
        let digit = if sqlite { format!("substr(hex({key}), 32, 1)") } else { format!("upper(right({key}::text, 1))") };
        let id = if sqlite { format!("hex({key})") } else { format!("{key}::text") };
        for column in table.columns_of(Class::Confidential) {
            if exempt(table.name, column) {
                continue;
            }
            let [short, middle, long] = if NUMBERS.contains(&column) {
                ["0".to_owned(), "7".to_owned(), "123456".to_owned()]
            } else if JSON.contains(&column) {
                let long = format!("'{{\"zebra\": {{\"quartz\": [{}]}}}}'", vec!["1"; 90].join(", "));
                ["'{}'".to_owned(), r#"'{"Zebra": [1, "two"], "Globex": null}'"#.to_owned(), long]
            } else if (table.name, column) == ("workspace_files", "path") {
                [format!("'z/' || {id}"), format!("'quartz-' || {id}"), format!("'a/b/c/d/' || {id} || '.zebra'")]
            } else if column == "sha256" {
                let digest = |of: &str| format!("'{}'", of.repeat(64));
                [digest("0"), digest("a"), digest("f")]
            } else if column == "goal_text" || column == "goal_text_folded" {
                // What is searched is the folded text of what is shown.
                ["'z'".to_owned(), "'zebra quartz in a box'".to_owned(), format!("'{}'", "the zebra ".repeat(80))]
            } else {
                ["''".to_owned(), "'Zebra quartz'".to_owned(), format!("'{}'", "Zebra quartz in a box. ".repeat(60))]
            };
            let none = if NEVER_NULL.contains(&(table.name, column)) { &middle } else { "NULL" };
            // An installed global agent has no content of its own.
            let only = if table.name == "agents" { " WHERE visibility <> 'GLOBAL'" } else { "" };
            let sql = format!(
                "UPDATE {} SET {column} = CASE WHEN {digit} IN ('0', '1', '2', '3') THEN {none} \
                 WHEN {digit} IN ('4', '5', '6', '7') THEN {short} WHEN {digit} IN ('8', '9', 'A', 'B') THEN {middle} \
                 ELSE {long} END{only}",
                table.name
            );
            let done = db.execute_raw(Statement::from_string(db.get_database_backend(), sql.clone())).await;
            done.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
}

/// Two worlds that differ in Globex's rows alone.
pub async fn neighbours(kind: &'static str, planted: &[&str]) -> Arc<[Template; 2]> {
    let alter = async |db: &DatabaseConnection| plant(db, planted).await;
    let as_it_is = Template::build(kind, "interference_first", |_| {}, alter).await;
    let other = Template::build(kind, "interference_neighbours", other_neighbour, alter).await;
    Arc::new([as_it_is, other])
}

/// The id of a row that is like the one with this id.
fn twin<I: TypedId>(id: I) -> I {
    I::from_uuid(uuid::Uuid::from_u128(id.uuid().as_u128() ^ 0x5a5a_0000))
}

/// Makes Globex another organisation under its id: other names, states, figures and dates, rows that are gone and rows
/// that are new, accounts that are only Globex's among them; and a third organisation.
#[expect(clippy::too_many_lines, reason = "one step for each table")]
pub fn other_neighbour(plan: &mut DemoPlatform) {
    let it = other(plan);
    let later = TimeDelta::minutes(17);
    for row in plan.organizations.iter_mut().filter(|row| row.id == it) {
        (row.name, row.slug) = ("Initrode".to_owned(), "initrode".to_owned());
        row.name_folded = fold(&row.name);
        row.config = Confidential::new(JsonText::new(r#"{"quartz": true}"#.to_owned()));
        row.created_at += later;
        row.updated_at += later;
    }
    let mut third = plan.organizations.iter().find(|row| row.id == it).unwrap().clone();
    (third.id, third.name, third.slug) = (twin(it), "Zebra Works".to_owned(), "zebra-works".to_owned());
    third.name_folded = fold(&third.name);
    plan.organizations.push(third);

    let both = |user| plan.org_memberships.iter().any(|of| of.user_id == user && of.org_id != it);
    let theirs: Vec<_> = plan.org_memberships.iter().filter(|of| of.org_id == it).map(|of| of.user_id).collect();
    let alone: Vec<_> = theirs.iter().copied().filter(|user| !both(*user)).collect();
    for (at, row) in plan.users.iter_mut().filter(|row| alone.contains(&row.id)).enumerate() {
        (row.name, row.email) = (format!("Zoe Quartz {at}"), format!("zoe{at}@initrode.example"));
        row.name_folded = fold(&row.name);
        row.status = if at % 4 == 3 { UserStatus::Suspended } else { UserStatus::Active };
        row.last_login_at = (at % 2 == 0).then_some(row.created_at + later);
    }
    let mut new: Vec<_> = plan.users.iter().filter(|row| alone.contains(&row.id)).take(3).cloned().collect();
    for (at, row) in new.iter_mut().enumerate() {
        (row.id, row.email) = (twin(row.id), format!("added{at}@initrode.example"));
        let mut member = plan.org_memberships.iter().find(|of| of.org_id == it).unwrap().clone();
        member.id = OrgMembershipId::from_uuid(row.id.uuid());
        (member.user_id, member.role) = (row.id, OrgRole::Member);
        plan.org_memberships.push(member);
    }
    plan.users.extend(new);
    for row in plan.org_memberships.iter_mut().filter(|row| row.org_id == it) {
        if row.role == OrgRole::Member && row.status == MembershipStatus::Active {
            row.role = OrgRole::Admin;
        }
        row.last_used_at = row.last_used_at.map(|at| at - later);
        row.updated_at += later;
    }
    for row in plan.invitations.iter_mut().filter(|row| row.org_id == it) {
        row.email = format!("quartz.{}", row.email);
    }
    for row in plan.teams.iter_mut().filter(|row| row.org_id == it) {
        (row.name, row.slug, row.description) =
            (format!("Zebra {}", row.name), format!("z-{}", row.slug), String::new());
        row.name_folded = fold(&row.name);
    }
    let mut added: Vec<_> = plan.teams.iter().filter(|row| row.org_id == it).take(2).cloned().collect();
    for row in &mut added {
        (row.id, row.slug) = (twin(row.id), format!("more-{}", row.slug));
    }
    plan.teams.extend(added);
    plan.team_memberships.retain(kept(|row: &entity::team_membership::Model| row.org_id == it));
    plan.agent_collaborators.retain(kept(|row: &entity::agent_collaborator::Model| row.org_id == it));
    plan.agent_admins.retain(kept(|row: &entity::agent_admin::Model| row.org_id == it));
    plan.service_account_agents.retain(kept(|row: &entity::service_account_agent::Model| row.org_id == it));

    for row in plan.agents.iter_mut().filter(|row| row.org_id == it) {
        row.status = if row.status == AgentStatus::Active { AgentStatus::Stopped } else { AgentStatus::Active };
        row.required_approvals += 1;
        row.require_plan_approval = !row.require_plan_approval;
        if row.visibility != AgentVisibility::Global {
            (row.name, row.description) = (format!("Zebra {}", row.name), "Quartz.".to_owned());
            row.name_folded = fold(&row.name);
            row.system_prompt = Confidential::new("Another.".to_owned());
        }
        row.updated_at += later;
    }
    let mut added: Vec<_> = plan.agents.iter().filter(|row| row.org_id == it).cloned().collect();
    added.retain(|row| row.visibility != AgentVisibility::Global);
    for row in &mut added {
        row.id = twin(row.id);
    }
    plan.agents.extend(added);
    for row in plan.service_accounts.iter_mut().filter(|row| row.org_id == it) {
        row.name = format!("Zebra {}", row.name);
    }
    for row in plan.workers.iter_mut().filter(|row| row.org_id == it) {
        row.hostname = format!("zebra-{}", row.hostname);
        row.last_heartbeat_at += later;
    }

    // A third of its goals never was, with all that hangs off them; some are new; the rest went otherwise.
    let mut at = 0;
    let mut gone = std::collections::HashSet::new();
    for row in plan.goals.iter_mut().filter(|row| row.org_id == it) {
        at += 1;
        if at % 3 == 0 {
            gone.insert(row.id);
        }
        row.priority += 3;
        row.goal_text = Confidential::new(format!("Zebra {at}"));
        row.goal_text_folded = Confidential::new(format!("zebra {at}"));
        row.updated_at += later;
    }
    let mut added: Vec<_> = plan.goals.iter().filter(|row| row.org_id == it).take(25).cloned().collect();
    for row in &mut added {
        (row.id, row.idempotency_key) = (twin(row.id), None);
    }
    plan.goals.retain(|row| !gone.contains(&row.id));
    plan.goals.extend(added);
    plan.tasks.retain(|row| !gone.contains(&row.goal_id));
    let tasks: std::collections::HashSet<_> = plan.tasks.iter().map(|row| row.id).collect();
    plan.task_dependencies.retain(|row| !gone.contains(&row.goal_id));
    plan.executions.retain(|row| tasks.contains(&row.task_id));
    plan.approval_requests.retain(|row| !gone.contains(&row.goal_id));
    let requests: std::collections::HashSet<_> = plan.approval_requests.iter().map(|row| row.id).collect();
    plan.approval_decisions.retain(|row| requests.contains(&row.request_id));
    plan.workspace_files.retain(|row| !gone.contains(&row.goal_id));
    plan.files.retain(|file| !gone.contains(&file.version.goal_id));
    plan.agent_documents.retain(|row| row.goal_id.is_none_or(|goal| !gone.contains(&goal)));
    plan.llm_usage.retain(|row| row.goal_id.is_none_or(|goal| !gone.contains(&goal)));
    for row in plan.tasks.iter_mut().filter(|row| row.org_id == it) {
        (row.kind, row.priority) = (format!("zebra.{}", row.kind), row.priority + 2);
        row.max_retries += 1;
        row.updated_at += later;
    }
    for row in plan.executions.iter_mut().filter(|row| row.org_id == it) {
        row.exit_code = Some(77);
        row.shell_output = Confidential::new("zebra".to_owned());
    }
    for row in plan.approval_requests.iter_mut().filter(|row| row.org_id == it) {
        row.required_approvals += 1;
        row.reason = Confidential::new("Quartz.".to_owned());
    }
    for row in plan.agent_documents.iter_mut().filter(|row| row.org_id == it) {
        (row.name, row.priority) = (format!("Zebra {}", row.name), 9);
    }

    let mut at = 0;
    let mut chats = std::collections::HashSet::new();
    for row in plan.chat_sessions.iter_mut().filter(|row| row.org_id == it) {
        at += 1;
        if at % 2 == 0 {
            chats.insert(row.id);
        }
        row.title = Confidential::new("Zebra".to_owned());
        row.message_count += 4;
        row.updated_at += later;
    }
    plan.chat_messages.retain(|row| !chats.contains(&row.session_id));
    plan.llm_usage.retain(|row| row.session_id.is_none_or(|chat| !chats.contains(&chat)));
    plan.chat_sessions.retain(|row| !chats.contains(&row.id));
    for row in plan.llm_usage.iter_mut().filter(|row| row.org_id == it) {
        (row.model, row.tokens_in, row.cost_nanos) = ("zebra-9".to_owned(), row.tokens_in * 3, row.cost_nanos * 5);
    }
    for row in plan.usage_days.iter_mut().filter(|row| row.org_id == it) {
        (row.requests, row.tokens_in, row.tokens_out) = (row.requests + 5, row.tokens_in * 3, row.tokens_out * 2);
        row.cost_nanos *= 5;
    }
    for row in plan.budgets.iter_mut().filter(|row| row.org_id == it) {
        (row.monthly_cost_nanos, row.daily_tokens) = (Some(1), Some(1));
    }
    let heads: Vec<i64> = plan.event_heads.iter().filter(|row| row.org_id == it).map(|row| row.sequence).collect();
    let half = heads.first().copied().unwrap_or(0) / 2;
    plan.events.retain(|row| row.org_id != it || row.sequence <= half);
    for row in plan.events.iter_mut().filter(|row| row.org_id == it && row.sequence % 2 == 0) {
        row.kind = "zebra.happened".to_owned();
    }
    let last = plan.events.iter().filter(|row| row.org_id == it).max_by_key(|row| row.sequence);
    let last = last.map(|row| (row.sequence, row.hash.clone()));
    for row in plan.event_heads.iter_mut().filter(|row| row.org_id == it) {
        if let Some((sequence, hash)) = &last {
            (row.sequence, row.hash) = (*sequence, hash.clone());
        }
    }
    for row in plan.workspace_usage.iter_mut().filter(|row| row.org_id == it) {
        (row.files, row.bytes) = (row.files + 3, Confidential::new(99));
    }
}

/// Of the neighbour's rows, every second; all of the others'.
fn kept<R>(theirs: impl Fn(&R) -> bool) -> impl FnMut(&R) -> bool {
    let mut at = 0;
    move |row| {
        if !theirs(row) {
            return true;
        }
        at += 1;
        at % 2 == 0
    }
}

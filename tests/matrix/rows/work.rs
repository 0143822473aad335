//! What hangs off agents: goals with their tasks, requests and files, chats, and the log.

use chrono::TimeDelta;
use entity::{
    approval_request, chat_message, chat_session,
    confidential::Confidential,
    enums::{ApprovalStatus, ApprovalType, ChatRole, ChatSessionStatus, ExecutionStatus, GoalStatus, TaskStatus},
    event,
    event_chain::{self, EventFields, GENESIS},
    event_head, execution, goal,
    ids::{AgentId, EventId, GoalId, TaskId},
    task, usage_day, workspace_file,
};
use palisade::{
    demo::{DemoFile, DemoPlatform},
    workspace::{Checksum, Version},
};

use super::{BYTES, before, json, now, of, org, text};
use crate::matrix::cast::{CLAIMS, Org, claim_submitter, id};

fn goal_row(whose: Org, agent: &str, by: &str, name: &str, status: GoalStatus) -> goal::Model {
    goal::Model {
        org_id: org(whose),
        id: id(name),
        agent_id: id(agent),
        submitted_by: Some(id(by)),
        status,
        priority: 0,
        goal_text: text("goal".to_owned()),
        goal_text_folded: text("goal".to_owned()),
        plan: if status == GoalStatus::AwaitingApproval { json(PLAN) } else { Confidential::withheld() },
        idempotency_key: None,
        created_at: before(),
        updated_at: before(),
        completed_at: None,
    }
}

/// As a planner's proposal is kept.
const PLAN: &str =
    r#"{"plan":null,"tasks":[{"key":"a","type":"code","payload":null,"priority":0,"maxRetries":3,"dependsOn":[]}]}"#;

fn task_row(whose: Org, agent: &str, goal: &str, name: &str, status: TaskStatus) -> task::Model {
    task::Model {
        org_id: org(whose),
        id: id(name),
        goal_id: id(goal),
        agent_id: id(agent),
        kind: "code".to_owned(),
        status,
        priority: 0,
        retries: 0,
        max_retries: 3,
        payload: json(r#"{"a":1}"#),
        result: Confidential::withheld(),
        error: Confidential::withheld(),
        worker_id: None,
        created_at: before(),
        updated_at: before(),
        attempt: 0,
        lease_expires_at: None,
        run_after: None,
        started_at: None,
        finished_at: None,
    }
}

pub fn goals(rows: &mut DemoPlatform, agent: &'static str, whose: Org, by: &'static str) {
    let at = before();
    let (waits, runs, asks) = (of("waits", agent, by), of("runs", agent, by), of("asks", agent, by));
    rows.goals.push(goal_row(whose, agent, by, &waits, GoalStatus::Pending));
    rows.goals.push(goal_row(whose, agent, by, &runs, GoalStatus::Running));
    rows.goals.push(goal_row(whose, agent, by, &asks, GoalStatus::AwaitingApproval));
    rows.approval_requests.push(approval_request::Model {
        org_id: org(whose),
        id: id(&of("request", agent, by)),
        kind: ApprovalType::Plan,
        status: ApprovalStatus::Pending,
        agent_id: id(agent),
        goal_id: id(&asks),
        task_id: None,
        requested_by: Some(id(by)),
        payload: json(PLAN),
        reason: text("reason".to_owned()),
        required_approvals: 1,
        created_at: at,
        expires_at: Some(now() + TimeDelta::days(7)),
        decided_at: None,
    });
    let tried = task::Model {
        attempt: 1,
        started_at: Some(at),
        ..task_row(whose, agent, &runs, &of("dead", agent, by), TaskStatus::DeadLetter)
    };
    rows.tasks.push(task::Model { finished_at: Some(at), retries: 3, error: text("error".to_owned()), ..tried });
    rows.tasks.push(task_row(whose, agent, &runs, &of("queued", agent, by), TaskStatus::Queued));
    let (file, version) = (of("file", agent, by), of("version", agent, by));
    let checksum = Checksum::of(BYTES);
    rows.workspace_files.push(workspace_file::Model {
        org_id: org(whose),
        id: id(&file),
        goal_id: id(&runs),
        agent_id: id(agent),
        path: text("report.md".to_owned()),
        size_bytes: text(BYTES.len() as i64),
        sha256: text(checksum.sha256().to_owned()),
        version: id(&version),
        created_at: at,
        updated_at: at,
    });
    let version = Version { org_id: org(whose), goal_id: id::<GoalId>(&runs), id: id(&version) };
    rows.files.push(DemoFile { version, path: "report.md".parse().unwrap(), checksum, bytes: BYTES.to_vec() });
    rows.usage_days.push(usage_day::Model {
        org_id: org(whose),
        day: "2026-11-20".to_owned(),
        model: "model".to_owned(),
        agent_id: id::<AgentId>(agent),
        user_id: id(by),
        requests: 1,
        tokens_in: 1,
        tokens_out: 1,
        cost_nanos: 1,
    });
    for (key, _) in CLAIMS.iter().filter(|(_, of)| *of == agent && claim_submitter(of) == by) {
        let held = |name: &str, status| {
            let row = task_row(whose, agent, &runs, &of(name, agent, key), status);
            task::Model {
                worker_id: Some(id(&format!("worker {key}"))),
                attempt: 1,
                lease_expires_at: Some(now() + TimeDelta::days(1)),
                ..row
            }
        };
        rows.tasks.push(held("claimed", TaskStatus::Scheduled));
        rows.tasks.push(task::Model { started_at: Some(at), ..held("running", TaskStatus::Running) });
    }
    let dead: TaskId = id(&of("dead", agent, by));
    rows.executions.push(execution::Model {
        org_id: org(whose),
        id: id(&of("execution", agent, by)),
        task_id: dead,
        worker_id: None,
        attempt: 1,
        status: ExecutionStatus::Failed,
        exit_code: Some(1),
        code: text("code".to_owned()),
        code_output: text("output".to_owned()),
        shell_output: Confidential::withheld(),
        file_contents: Confidential::withheld(),
        idempotency_key: None,
        started_at: at,
        ended_at: Some(at),
    });
}

pub fn chat(rows: &mut DemoPlatform, agent: &str, whose: Org, user: &str) {
    let at = before();
    let name = of("chat", agent, user);
    rows.chat_sessions.push(chat_session::Model {
        org_id: org(whose),
        id: id(&name),
        agent_id: id(agent),
        user_id: Some(id(user)),
        status: ChatSessionStatus::Open,
        title: text("title".to_owned()),
        message_count: 1,
        created_at: at,
        updated_at: at,
        expires_at: Some(now() + TimeDelta::days(1)),
    });
    rows.chat_messages.push(chat_message::Model {
        org_id: org(whose),
        id: id(&of("message", agent, user)),
        session_id: id(&name),
        position: 1,
        role: ChatRole::User,
        content: text("hello".to_owned()),
        tool_calls: Confidential::withheld(),
        tool_results: Confidential::withheld(),
        tokens_in: Confidential::withheld(),
        tokens_out: Confidential::withheld(),
        idempotency_key: None,
        created_at: at,
    });
}

/// One event, and the head that says where the log ends.
pub fn log(rows: &mut DemoPlatform, whose: Org) {
    let event: EventId = id(&format!("event {}", whose.slug()));
    let (subject, kind, salt) = (org(whose).to_string(), "organization.created".to_owned(), "salt".to_owned());
    let fields = EventFields {
        org_id: org(whose),
        sequence: 1,
        id: event,
        kind: &kind,
        actor_user_id: None,
        actor_service_account_id: None,
        subject_id: Some(&subject),
        created_at: before(),
        payload_salt: &salt,
        payload: None,
    };
    let hash = event_chain::link(GENESIS, &fields);
    rows.event_heads.push(event_head::Model { org_id: org(whose), sequence: 1, hash: hash.clone() });
    rows.events.push(event::Model {
        org_id: org(whose),
        id: event,
        sequence: 1,
        kind,
        actor_user_id: None,
        actor_service_account_id: None,
        subject_id: Some(subject),
        payload: Confidential::withheld(),
        payload_salt: text(salt),
        hash,
        created_at: before(),
    });
}

//! Mutations about goals, tasks, approvals, keys, workers and chats.

use entity::ids::{
    AgentId, ApprovalRequestId, ChatSessionId, GoalId, ServiceAccountId, TaskId, WorkerId, WorkspaceFileId,
};
use palisade::policy::Permission as P;
use serde_json::{Value, json};

use super::{Case, case, input, instead, plain};
use crate::matrix::{
    cast::{Actor, CHATS, CLAIMS, GOALS, Is, RUNNERS, claim_submitter, gid, named},
    reading::{Object, Verdict},
    rows::of,
};

pub fn cases() -> Vec<Case> {
    [goals(), keys(), runs(), chats()].into_iter().flatten().collect()
}

fn goals() -> Vec<Case> {
    let mut all = Vec::new();
    for (agent, org, by) in GOALS.iter().copied() {
        let on = format!("{agent}, {by}'s");
        let goal = Object::Goal(agent, org, by);
        let waits = gid::<GoalId>(&of("waits", agent, by));
        let task = |name| json!({ "id": gid::<TaskId>(&of(name, agent, by)) });
        let request = gid::<ApprovalRequestId>(&of("request", agent, by));
        let decide = |decision| input(json!({ "id": request, "decision": decision }));
        all.extend([
            plain("cancelGoal", on.clone(), P::GoalCancel, goal, json!({ "id": waits })),
            plain("retryTask", on.clone(), P::GoalCancel, goal, task("dead")),
            plain("cancelTask", on.clone(), P::GoalCancel, goal, task("queued")),
            plain("startPlanning", on.clone(), P::PlanPropose, goal, json!({ "goalId": waits })),
            plain(
                "proposePlan",
                on.clone(),
                P::PlanPropose,
                goal,
                input(json!({ "goalId": waits, "tasks": [{ "key": "a", "type": "code" }] })),
            ),
            plain(
                "putWorkspaceFile",
                on.clone(),
                P::FileWrite,
                goal,
                input(json!({ "goalId": waits, "path": "notes.md", "contents": "Done." })),
            ),
            plain(
                "deleteWorkspaceFile",
                on.clone(),
                P::FileWrite,
                goal,
                json!({ "id": gid::<WorkspaceFileId>(&of("file", agent, by)) }),
            ),
            plain(
                "decideApproval",
                format!("{on}: yes"),
                P::ApprovalDecide,
                Object::Approval(agent, org, by),
                decide("APPROVE"),
            ),
            plain(
                "decideApproval",
                format!("{on}: no"),
                P::ApprovalDecide,
                Object::Approval(agent, org, by),
                decide("REJECT"),
            ),
        ]);
    }
    all
}

fn keys() -> Vec<Case> {
    let mut all = vec![
        plain(
            "createServiceAccount",
            "for all agents",
            P::ServiceAccountManage,
            Object::Whole,
            input(json!({ "name": "New", "scopes": ["TASKS_RUN"] })),
        ),
        case(
            "createServiceAccount",
            "for the private agent",
            |_| vec![(P::ServiceAccountManage, Object::Whole), (P::ServiceAccountManage, Object::Agent("private"))],
            |_| input(json!({ "name": "New", "scopes": ["READ"], "agentIds": [gid::<AgentId>("private")] })),
        ),
    ];
    for name in ["k-read", "k-foreign"] {
        let (id, on) = (json!({ "id": gid::<ServiceAccountId>(name) }), Object::Key(name));
        all.push(plain("rotateServiceAccountKey", name, P::ServiceAccountManage, on, id.clone()));
        all.push(plain("revokeServiceAccount", name, P::ServiceAccountManage, on, id));
    }
    all
}

fn runs() -> Vec<Case> {
    let mut all = Vec::new();
    for name in RUNNERS.iter().copied() {
        let (worker, on) = (gid::<WorkerId>(&format!("worker {name}")), Object::Worker(name));
        all.extend([
            plain("registerWorker", format!("for {name}"), P::WorkerRegister, Object::Key(name), input(json!({ "hostname": "box", "capabilities": ["code"], "serviceAccountId": gid::<ServiceAccountId>(name) }))),
            plain("drainWorker", name, P::WorkerRegister, on, json!({ "id": worker })),
            plain("heartbeat", name, P::TaskRun, on, json!({ "workerId": worker })),
            plain("claimTasks", name, P::TaskRun, on, input(json!({ "workerId": worker, "limit": 5 }))),
        ]);
    }
    for (key, agent) in CLAIMS.iter().copied() {
        let org = named(key).org().unwrap();
        let goal = Object::Goal(agent, org, claim_submitter(agent));
        let worker = gid::<WorkerId>(&format!("worker {key}"));
        let on = format!("{agent}, held by {key}");
        let claim = move |state: &str, more: Value| {
            let mut value =
                json!({ "taskId": gid::<TaskId>(&of(state, agent, key)), "workerId": worker, "attempt": 1 });
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input(value)
        };
        let needs = move |_: &Actor| vec![(P::TaskRun, Object::Worker(key)), (P::TaskRun, goal)];
        for (field, value) in [
            ("startTask", claim("claimed", json!({}))),
            ("completeTask", claim("running", json!({ "result": { "a": 1 } }))),
            ("failTask", claim("running", json!({ "error": "It broke." }))),
            ("recordExecution", claim("running", json!({ "status": "SUCCEEDED" }))),
            ("requestApproval", claim("running", json!({ "payload": { "tool": "rm" } }))),
        ] {
            all.push(case(field, on.clone(), needs, move |_| value.clone()));
        }
    }
    all
}

fn chats() -> Vec<Case> {
    let mut all = Vec::new();
    for (agent, org, whose) in CHATS.iter().copied() {
        let on = format!("{agent}, {whose}'s");
        let chat = Object::Chat(agent, org, whose);
        let id = gid::<ChatSessionId>(&of("chat", agent, whose));
        let say = |role| input(json!({ "sessionId": id, "role": role, "content": "Hello" }));
        all.extend([
            // A person never speaks for the agent, and a key never for a person.
            plain("postChatMessage", format!("{on}: as the person"), P::ChatWrite, chat, say("USER")).but(
                |actor, verdict| {
                    if matches!(actor.is, Is::Key { .. }) { instead(verdict, Verdict::Forbid) } else { verdict }
                },
            ),
            plain("postChatMessage", format!("{on}: as the agent"), P::ChatWrite, chat, say("ASSISTANT")).but(
                |actor, verdict| {
                    if matches!(actor.is, Is::Key { .. }) { verdict } else { instead(verdict, Verdict::Forbid) }
                },
            ),
            plain("closeChat", on, P::ChatClose, chat, json!({ "id": id })),
        ]);
    }
    all
}

//! Goals, their tasks, and what hangs off them.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    agent_document, approval_request,
    confidential::Confidential,
    enums::{ApprovalStatus, ApprovalType, DocumentType, GoalStatus},
    fold::fold,
    goal,
    ids::{AgentId, GoalId, TaskId, UserId},
    llm_usage,
};
use serde_json::{Value, json};

use super::{
    Shape,
    agents::Agent,
    decisions::decided_by,
    dice::Words,
    graph::{self, Node},
    people::{Cast, Who},
    scene::{Scene, sealed_json},
};

mod fate;
pub(super) mod runs;
mod tasks;

use fate::Fate;

/// A goal while it is made.
struct Draft<'a> {
    id: GoalId,
    agent: &'a Agent,
    submitter: UserId,
    fate: Fate,
    priority: i32,
    words: Words,
    created: DateTime<Utc>,
    /// When its plan was there.
    planned: DateTime<Utc>,
    /// When its plan was applied, at once or after approval.
    applied: DateTime<Utc>,
    nodes: Vec<Node>,
}

/// All goals of the organisation.
pub(super) fn goals(scene: &mut Scene<'_>, cast: &Cast, staff: &[Agent], shape: Shape) {
    let fates = fate::all(shape.goals);
    let working = fates.iter().filter(|fate| fate.has_tasks()).count();
    let mut sizes = fate::sizes(working, shape.tasks, scene.dice).into_iter();
    let settled = fates.iter().filter(|fate| fate.is_settled()).count();
    let mut age = 0;
    for fate in fates {
        let count = if fate.has_tasks() { sizes.next().unwrap_or(0) } else { 9 };
        age += usize::from(fate.is_settled());
        let draft = draft(scene, cast, staff, fate, count, (age, settled));
        write(scene, &draft);
    }
}

/// Decides about a goal: whose, when, how.
fn draft<'a>(
    scene: &mut Scene<'_>,
    cast: &Cast,
    staff: &'a [Agent],
    fate: Fate,
    count: usize,
    (age, settled): (usize, usize),
) -> Draft<'a> {
    let now = scene.now;
    let fitting: Vec<&Agent> = staff.iter().filter(|agent| fate.suits(agent)).collect();
    let mut agent = *scene.dice.pick(&fitting);
    let dice = &mut *scene.dice;

    // Settled goals fill the history evenly; the others are of the last hours.
    let begin = scene.since + TimeDelta::hours(30);
    let span = (now - begin - TimeDelta::hours(3)).num_seconds();
    let (age, settled) = (i64::try_from(age).unwrap_or(1), i64::try_from(settled).unwrap_or(1).max(1));
    let mut created = begin + TimeDelta::seconds(span * (age - 1) / settled) + dice.seconds(0, (span / settled).max(2));
    if !agent.takes_goals && created > now - TimeDelta::days(13) {
        let open: Vec<&Agent> = fitting.iter().copied().filter(|agent| agent.takes_goals).collect();
        agent = *dice.pick(&open);
    }

    let words = Words::default().with("org", scene.is.name).with("slug", scene.is.slug);
    let words = words.with("item", *dice.pick(agent.book.items));
    let words = graph::numbers(agent.book, words, dice);
    let nodes = graph::plan(agent.book, count, &words, dice);

    let planning = dice.seconds(6, 75);
    let approval = if agent.require_plan_approval { dice.seconds(300, 6 * 3_600) } else { TimeDelta::zero() };
    let length = graph::length(&nodes) + if fate == Fate::Expired { TimeDelta::hours(24) } else { TimeDelta::zero() };
    match fate.elapsed(&nodes, dice) {
        Some(elapsed) => created = now - elapsed - approval - planning,
        None if fate == Fate::Pending => created = now - dice.seconds(3, 300),
        None if fate == Fate::Planning => created = now - dice.seconds(2, 5),
        None if fate == Fate::AwaitingApproval => created = now - dice.seconds(600, 9 * 3_600),
        // Settled: it must have ended by now.
        None => created = created.min(now - length - approval - planning - dice.seconds(300, 5_400)),
    }
    let kavya = cast.user(Who::Kavya);
    let present: Vec<UserId> =
        agent.users.iter().copied().filter(|user| *user != kavya || created < cast.kavya_until).collect();
    let submitter = *dice.pick(&present);
    let date = created.date_naive();
    let words = words
        .with("period", date.format("%Y-%m").to_string())
        .with("week", date.format("%G-W%V").to_string())
        .with("date", date.format("%Y-%m-%d").to_string());
    let nodes = nodes.into_iter().map(|node| Node { words: node.words.dated(&words), ..node }).collect();
    Draft {
        id: dice.id(created),
        agent,
        submitter,
        fate,
        priority: *dice.pick(&[0, 0, 0, 5, 5, 10]),
        words,
        created,
        planned: created + planning,
        applied: created + planning + approval,
        nodes,
    }
}

/// What the planner made of the goal.
fn plan_json(draft: &Draft<'_>) -> Value {
    let steps = draft.nodes.iter().enumerate().map(|(position, node)| {
        json!({
            "key": format!("s{}", position + 1),
            "type": node.step.kind,
            "title": node.words.fill(node.step.title),
            "dependsOn": node.deps.iter().map(|dep| format!("s{}", dep + 1)).collect::<Vec<_>>(),
            "risk": node.step.risk.map(|risk| node.words.fill(risk)),
        })
    });
    let tasks = draft.nodes.iter().enumerate().map(|(position, node)| {
        // A playbook's payloads are JSON; a test holds it.
        let payload = serde_json::from_str::<Value>(&node.words.fill(node.step.payload)).unwrap_or(Value::Null);
        json!({
            "key": format!("s{}", position + 1),
            "type": node.step.kind,
            "payload": payload,
            "priority": draft.priority,
            "maxRetries": tasks::MAX_RETRIES,
            "dependsOn": node.deps.iter().map(|dep| format!("s{}", dep + 1)).collect::<Vec<_>>(),
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let says = json!({
        "summary": draft.words.fill("Plan of $org for $ref: $item, in steps that can be checked one by one."),
        "steps": steps.collect::<Vec<_>>(),
        "model": draft.agent.book.model,
    });
    // As a planner's proposal is stored, so that one can approve it and see it run.
    json!({ "plan": says, "tasks": tasks })
}

fn write(scene: &mut Scene<'_>, draft: &Draft<'_>) {
    let fate = draft.fate;
    let now = scene.now;
    let question = *scene.dice.pick(draft.agent.book.goals);
    let text = format!("{} ({})", draft.words.fill(question), scene.is.name);
    let plan = fate.has_plan().then(|| plan_json(draft));
    // Decided or called off before its plan was applied.
    let decided = draft.planned + (draft.applied - draft.planned).max(scene.dice.seconds(240, 1_800));
    let end = match fate {
        Fate::Rejected | Fate::CancelledEarly => Some(decided),
        Fate::FailedPlanning => Some(draft.planned),
        _ if fate.is_settled() => Some(draft.applied + tasks::end(draft)),
        _ => None,
    };
    let updated = end.unwrap_or(match fate {
        Fate::Pending => draft.created,
        Fate::Planning => draft.created + TimeDelta::seconds(1),
        Fate::AwaitingApproval => draft.planned,
        _ => now,
    });
    scene.rows.goals.push(goal::Model {
        org_id: scene.org_id,
        id: draft.id,
        agent_id: draft.agent.id,
        submitted_by: Some(draft.submitter),
        status: fate.goal_status(),
        priority: draft.priority,
        goal_text_folded: Confidential::new(fold(&text)),
        goal_text: Confidential::new(text),
        plan: plan.clone().map_or_else(Confidential::withheld, sealed_json),
        idempotency_key: scene.dice.percent(40).then(|| scene.dice.hex(32)),
        created_at: draft.created,
        updated_at: updated,
        completed_at: end,
    });
    let about = json!({"agent": draft.agent.book.name, "org": scene.is.slug});
    scene.log(draft.created, "goal.submitted", Some(draft.submitter), draft.id, Some(about));
    attach(scene, draft);
    if let Some(plan) = plan {
        scene.log(draft.planned, "goal.planned", None, draft.id, Some(json!({"steps": draft.nodes.len()})));
        usage(scene, draft.planned, Some(draft.agent), Some(draft.id), Some(draft.submitter), 3);
        if draft.agent.require_plan_approval {
            plan_approval(scene, draft, plan, decided);
        }
    }
    if fate.has_tasks() {
        tasks::write(scene, draft);
    }
    if let Some(end) = end {
        let (kind, actor) = match fate.goal_status() {
            GoalStatus::Completed => ("goal.completed", None),
            GoalStatus::Rejected => ("goal.rejected", None),
            GoalStatus::Cancelled => ("goal.cancelled", Some(draft.submitter)),
            _ => ("goal.failed", None),
        };
        scene.log(end, kind, actor, draft.id, None);
    }
}

/// Every fifth goal comes with a document.
fn attach(scene: &mut Scene<'_>, draft: &Draft<'_>) {
    if !scene.dice.percent(20) {
        return;
    }
    let at = draft.created;
    let content = "Notes for $ref ($org)\n\n- $item: see the mail thread of $date.\n- The figure that counts is $money.\n- \
Please leave out everything before $period.\n- Questions to me, not to the customer.";
    scene.rows.agent_documents.push(agent_document::Model {
        org_id: scene.org_id,
        id: scene.dice.id(at),
        agent_id: draft.agent.id,
        goal_id: Some(draft.id),
        kind: DocumentType::ContextDoc,
        name: "Notes from the requester".to_owned(),
        priority: 0,
        content: Confidential::new(draft.words.fill(content)),
        uri: Confidential::withheld(),
        created_at: at,
        updated_at: at,
    });
}

fn plan_approval(scene: &mut Scene<'_>, draft: &Draft<'_>, plan: Value, decided: DateTime<Utc>) {
    let (status, decided) = match draft.fate {
        Fate::AwaitingApproval => (ApprovalStatus::Pending, None),
        Fate::Rejected => (ApprovalStatus::Rejected, Some(decided)),
        Fate::CancelledEarly => (ApprovalStatus::Cancelled, Some(decided)),
        _ => (ApprovalStatus::Approved, Some(draft.applied)),
    };
    let request = Request {
        kind: ApprovalType::Plan,
        task: None,
        payload: plan,
        reason: draft.words.fill("$org asks for approval of every plan of this agent before it runs."),
        status,
        at: draft.planned,
        decided,
    };
    request.write(scene, draft);
}

/// An approval request while it is made.
struct Request {
    kind: ApprovalType,
    task: Option<TaskId>,
    payload: Value,
    reason: String,
    status: ApprovalStatus,
    at: DateTime<Utc>,
    decided: Option<DateTime<Utc>>,
}

impl Request {
    fn write(self, scene: &mut Scene<'_>, draft: &Draft<'_>) {
        let id = scene.dice.id(self.at);
        let request = approval_request::Model {
            org_id: scene.org_id,
            id,
            kind: self.kind,
            status: self.status,
            agent_id: draft.agent.id,
            goal_id: draft.id,
            task_id: self.task,
            requested_by: Some(draft.submitter),
            payload: sealed_json(self.payload),
            reason: Confidential::new(self.reason),
            required_approvals: draft.agent.required_approvals,
            created_at: self.at,
            expires_at: Some(self.at + TimeDelta::hours(24)),
            decided_at: self.decided,
        };
        let actor = match self.status {
            ApprovalStatus::Approved | ApprovalStatus::Rejected => decided_by(scene.rows, &request).last().copied(),
            ApprovalStatus::Cancelled => Some(draft.submitter),
            ApprovalStatus::Pending | ApprovalStatus::Expired => None,
        };
        scene.rows.approval_requests.push(request);
        let kind = json!({"type": self.kind.as_str()});
        scene.log(self.at, "approval.requested", None, id, Some(kind));
        let Some(decided) = self.decided else { return };
        let (verb, decision) = match self.status {
            ApprovalStatus::Approved => ("approval.decided", Some("APPROVE")),
            ApprovalStatus::Rejected => ("approval.decided", Some("REJECT")),
            ApprovalStatus::Cancelled => ("approval.cancelled", None),
            ApprovalStatus::Pending | ApprovalStatus::Expired => ("approval.expired", None),
        };
        let told = json!({"org": scene.is.slug, "decision": decision, "status": self.status.as_str()});
        scene.log(decided, verb, actor, id, Some(told));
    }
}

/// One call of a model. `weight` says how long the text is.
pub(super) fn usage(
    scene: &mut Scene<'_>,
    at: DateTime<Utc>,
    agent: Option<&Agent>,
    goal: Option<GoalId>,
    user: Option<UserId>,
    weight: i64,
) {
    let model = agent.map_or("gpt-4o-mini", |agent| agent.book.model);
    // Billionths of a dollar for a token read and a token written.
    let (read, written) = match model {
        "claude-opus-4" => (15_000, 75_000),
        "claude-sonnet-4" => (3_000, 15_000),
        "claude-haiku-3-5" => (800, 4_000),
        "mistral-large" => (2_000, 6_000),
        "gpt-4o" => (2_500, 10_000),
        _ => (150, 600),
    };
    let (tokens_in, tokens_out) = (scene.dice.between(400, 4_000) * weight, scene.dice.between(60, 900) * weight);
    let row = llm_usage::Model {
        org_id: scene.org_id,
        id: scene.dice.id(at),
        agent_id: agent.map(|agent: &Agent| -> AgentId { agent.id }),
        goal_id: goal,
        task_id: None,
        session_id: None,
        user_id: user,
        service_account_id: None,
        model: model.to_owned(),
        request_id: format!("req_{}", scene.dice.hex(12)),
        tokens_in,
        tokens_out,
        cost_nanos: tokens_in * read + tokens_out * written,
        created_at: at,
    };
    scene.rows.llm_usage.push(row);
}

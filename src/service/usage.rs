//! What model calls cost, as planners and workers report it.
//!
//! Whose usage a call is follows from what it was for: the goal's submitter, or the chat's user. A reporter says neither.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::ids::{AgentId, ChatSessionId, GoalId, TaskId, UserId};
use serde_json::json;

use super::{Context, budget, input};
use crate::{
    error::{Error, Result},
    money::Usd,
    policy::permit::{RecordUsage, permit},
    store::{
        audit::record::Record,
        write::usage::{self as rows, Call, Subjects, UsageDraft, Wanted},
    },
};

/// The most calls of one report.
pub const CALLS: usize = 1_000;
/// Longest request id, in characters.
pub const REQUEST_ID: usize = 200;
/// Longest name of a model, in characters.
pub const MODEL: usize = 100;
/// The most tokens of one call, read or written.
pub const TOKENS: i64 = 1_000_000_000;
/// The most that one call costs, in billionths of a US dollar: 10,000 dollars.
pub const COST: i64 = 10_000_000_000_000;
/// How old a call may be.
pub const AGE: TimeDelta = TimeDelta::days(366);
/// How far a reporter's clock may be ahead of the server's.
pub const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// A call of a model.
#[derive(Clone, Debug)]
pub struct UsageInput {
    /// The reporter's own id: the same id is counted once.
    pub request_id: String,
    /// The model's name.
    pub model: String,
    /// Tokens read.
    pub tokens_in: i64,
    /// Tokens written.
    pub tokens_out: i64,
    /// What it cost.
    pub cost: Usd,
    /// The agent that called.
    pub agent_id: AgentId,
    /// The goal it worked for.
    pub goal_id: Option<GoalId>,
    /// The task it worked on, whose goal need not be given.
    pub task_id: Option<TaskId>,
    /// The chat it answered in.
    pub session_id: Option<ChatSessionId>,
    /// When; now without it.
    pub at: Option<DateTime<Utc>>,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Recorded {
    /// Calls that are counted from now on.
    pub recorded: usize,
    /// Calls that had been reported before, just the same.
    pub duplicates: usize,
}

/// Records calls, all or none. A request id that was reported before with the same call counts no second time; with
/// another call it is a conflict. When it was spent is the first report's to say.
pub async fn record(cx: Context<'_>, public_url: &str, calls: Vec<UsageInput>) -> Result<Recorded> {
    let may = permit::<RecordUsage>(cx.viewer, &cx.organization("input", None)?)?;
    if calls.is_empty() || calls.len() > CALLS {
        return Err(Error::validation("input", format!("must be 1 to {CALLS} calls")));
    }
    let count = calls.len();
    let now = cx.clock.now();
    // In the order of the request ids, which is that of the locks.
    let mut drafts: BTreeMap<String, UsageDraft> = BTreeMap::new();
    for call in calls {
        let draft = checked(call, now)?;
        let first = drafts.entry(draft.request_id.clone()).or_insert_with(|| draft.clone());
        if first.call != draft.call {
            return Err(OTHER_CALL);
        }
    }
    let reporter = cx.viewer.actor().service_account();
    let tx = cx.store.begin_write(Some(may.key())).await?;

    let subjects = cx.store.usage_subjects(&tx, &may, wanted(drafts.values())).await?;
    for draft in drafts.values_mut() {
        attribute(draft, &subjects)?;
    }
    let mut users: Vec<UserId> = drafts.values().filter_map(|draft| draft.user_id).collect();
    users.sort_unstable();
    users.dedup();
    rows::usage_hold_users(&tx, &may, &users).await?;

    let with_ids: Vec<_> = drafts.values().map(|draft| (cx.clock.id(), draft.clone())).collect();
    let mut before = drafts.clone();
    for request_id in rows::usage_insert(&tx, &may, reporter, &with_ids).await? {
        before.remove(&request_id);
    }
    if !before.is_empty() {
        let request_ids: Vec<&str> = before.keys().map(String::as_str).collect();
        let reported = rows::usage_reported(&tx, &may, &request_ids).await?;
        if before.values().any(|draft| reported.get(&draft.request_id) != Some(&draft.call)) {
            return Err(OTHER_CALL);
        }
    }
    let fresh: Vec<&UsageDraft> = drafts.values().filter(|draft| !before.contains_key(&draft.request_id)).collect();
    let told = Recorded { recorded: fresh.len(), duplicates: count - fresh.len() };
    if fresh.is_empty() {
        // Nothing changed, and there is nothing to tell.
        return Ok(told);
    }
    rows::usage_add_up(&tx, &may, fresh.into_iter()).await?;
    let news = budget::watch(&cx, &tx, &may, public_url, now).await?;
    let record = Record::about("usage.recorded", may.key())
        .with(json!({ "recorded": told.recorded, "duplicates": told.duplicates }));
    cx.finish_all(tx, may.key(), std::iter::once(record).chain(news).collect()).await?;
    Ok(told)
}

const OTHER_CALL: Error = Error::Conflict("Another call was reported with this request id.");

/// A call as it will be stored, without whose usage it is.
fn checked(new: UsageInput, now: DateTime<Utc>) -> Result<UsageDraft> {
    let text = |field, text: &str, most| {
        let text = input::line(field, text, most)?;
        if text.is_empty() { Err(Error::validation(field, "must not be empty")) } else { Ok(text) }
    };
    let tokens = |field, tokens: i64| {
        let fits = (0..=TOKENS).contains(&tokens);
        fits.then_some(tokens).ok_or_else(|| Error::validation(field, format!("must be between 0 and {TOKENS}")))
    };
    let cost = i64::try_from(new.cost.nanos()).ok().filter(|nanos| (0..=COST).contains(nanos)).ok_or_else(|| {
        let most = Usd::from_nanos(COST.into());
        Error::validation("input.costUsd", format!("must be between 0 and {most}"))
    })?;
    if new.session_id.is_some() && (new.goal_id.is_some() || new.task_id.is_some()) {
        return Err(Error::validation("input.chatSessionId", "a call is for a goal or for a chat, not for both"));
    }
    let at = new.at.unwrap_or(now);
    if at > now + AHEAD || at < now - AGE {
        return Err(Error::validation("input.at", "must be within the last year"));
    }
    Ok(UsageDraft {
        request_id: text("input.requestId", &new.request_id, REQUEST_ID)?,
        call: Call {
            model: text("input.model", &new.model, MODEL)?,
            tokens_in: tokens("input.tokensIn", new.tokens_in)?,
            tokens_out: tokens("input.tokensOut", new.tokens_out)?,
            cost_nanos: cost,
            agent_id: new.agent_id,
            goal_id: new.goal_id,
            task_id: new.task_id,
            session_id: new.session_id,
        },
        user_id: None,
        // A clock that is a little ahead spends nothing tomorrow.
        at: at.min(now),
    })
}

fn wanted<'a>(drafts: impl Iterator<Item = &'a UsageDraft>) -> Wanted {
    let mut wanted = Wanted::default();
    for UsageDraft { call, .. } in drafts {
        wanted.agents.push(call.agent_id);
        wanted.tasks.extend(call.task_id);
        wanted.goals.extend(call.goal_id);
        wanted.sessions.extend(call.session_id);
    }
    macro_rules! once {
        ($($ids:ident)*) => { $(wanted.$ids.sort_unstable(); wanted.$ids.dedup();)* };
    }
    once!(agents tasks goals sessions);
    wanted
}

/// Fills in whose usage a call is, and the goal of its task. What the reporter does not see is not there; what it sees
/// and belongs to another agent or goal is a mistake of its.
fn attribute(draft: &mut UsageDraft, found: &Subjects) -> Result<()> {
    let call = &mut draft.call;
    if !found.agents.contains(&call.agent_id) {
        return Err(Error::NotFound);
    }
    if let Some(task) = call.task_id {
        let (_, goal) = *found.tasks.get(&task).ok_or(Error::NotFound)?;
        if *call.goal_id.get_or_insert(goal) != goal {
            return Err(Error::validation("input.taskId", "is a task of another goal"));
        }
    }
    if let Some(goal) = call.goal_id {
        let (agent, submitter) = *found.goals.get(&goal).ok_or(Error::NotFound)?;
        if agent != call.agent_id {
            return Err(Error::validation("input.goalId", "is a goal of another agent"));
        }
        draft.user_id = submitter;
    }
    if let Some(session) = call.session_id {
        let (agent, user) = *found.sessions.get(&session).ok_or(Error::NotFound)?;
        if agent != call.agent_id {
            return Err(Error::validation("input.chatSessionId", "is a chat with another agent"));
        }
        draft.user_id = user;
    }
    Ok(())
}

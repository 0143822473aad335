//! Plans of goals: what a planner proposes, checked, and what becomes of it when it was decided.

use std::collections::{HashMap, HashSet};

use entity::ids::{GoalId, OrgId};
use serde_json::value::RawValue;

use super::{Context, document::priority, input};
use crate::{
    error::{Error, Result},
    policy::permit::{ProposePlan, permit},
    store::{
        audit::record::Record,
        db::Tx,
        write::plan::{self, PlanDraft, TaskDraft},
    },
};

/// Most tasks of a plan.
pub const TASKS: usize = 1_000;
/// Most dependencies of a plan.
pub const EDGES: usize = 10_000;
/// Longest key of a task and longest name of a kind of work, in characters.
pub const KEY: usize = 100;
/// Largest plan as a whole, in bytes.
pub const PLAN: usize = 768 * 1024;
/// Most retries that a task may ask for.
pub const RETRIES: i32 = 100;

/// What a planner proposes for a goal.
#[derive(Clone, Debug)]
pub struct ProposePlanInput {
    /// The goal.
    pub goal_id: GoalId,
    /// What the planner says of the plan, as JSON text.
    pub plan: Option<String>,
    /// Its tasks.
    pub tasks: Vec<PlannedTaskInput>,
}

/// A task of a plan.
#[derive(Clone, Debug)]
pub struct PlannedTaskInput {
    /// Its name inside the plan.
    pub key: String,
    /// What kind of work it is.
    pub kind: String,
    /// The input, as JSON text.
    pub payload: Option<String>,
    /// Larger runs first.
    pub priority: i32,
    /// How often it may be tried again.
    pub max_retries: i32,
    /// Keys of the tasks that it waits for.
    pub depends_on: Vec<String>,
}

/// Takes a goal for planning: `CONFLICT` when somebody did.
pub async fn start(cx: Context<'_>, id: GoalId) -> Result<GoalId> {
    let permit = permit::<ProposePlan>(cx.viewer, &cx.store.goal_facts(id).await?)?;
    cx.store.plan_start(cx.clock, &permit).await?;
    Ok(id)
}

/// Plans a goal that is not planned yet.
pub async fn propose(cx: Context<'_>, new: ProposePlanInput) -> Result<GoalId> {
    let id = new.goal_id;
    let draft = checked(new.plan, new.tasks)?;
    let permit = permit::<ProposePlan>(cx.viewer, &cx.store.goal_facts(id).await?)?;
    cx.store.plan_propose(cx.clock, &permit, draft, cx.waits).await?;
    Ok(id)
}

/// Makes the tasks of a goal whose plan was approved: a step of the decision's transaction, which tells the records.
pub async fn approved(cx: Context<'_>, tx: &Tx, org_id: OrgId, id: GoalId) -> Result<Vec<Record>> {
    plan::approved(tx, cx.clock, org_id, id).await
}

/// Ends a goal whose plan was rejected: a step of the decision's transaction, which tells the records.
pub async fn rejected(cx: Context<'_>, tx: &Tx, org_id: OrgId, id: GoalId) -> Result<Vec<Record>> {
    plan::rejected(tx, cx.clock, org_id, id).await
}

/// Checks a plan as a whole. No message repeats what was proposed: it is content.
fn checked(plan: Option<String>, tasks: Vec<PlannedTaskInput>) -> Result<PlanDraft> {
    if tasks.is_empty() {
        return Err(Error::validation("input.tasks", "must not be empty"));
    }
    if tasks.len() > TASKS {
        return Err(Error::validation("input.tasks", format!("must be at most {TASKS}")));
    }
    let plan = plan.map(|plan| json("input.plan", plan, input::CONTENT)).transpose()?;
    let tasks: Vec<TaskDraft> = tasks.into_iter().enumerate().map(task).collect::<Result<_>>()?;
    let size: usize = tasks.iter().map(|task| task.payload.as_ref().map_or(0, |json| json.get().len())).sum();
    if size + plan.as_ref().map_or(0, |json| json.get().len()) > PLAN {
        return Err(Error::validation("input.tasks", format!("must be at most {PLAN} bytes as a whole")));
    }
    acyclic(&tasks)?;
    Ok(PlanDraft { plan, tasks })
}

fn json(field: &'static str, text: String, most: usize) -> Result<Box<RawValue>> {
    let text = input::content(field, text, most)?;
    RawValue::from_string(text).map_err(|_| Error::validation(field, "must be JSON"))
}

/// The place of a task in the input.
fn at(position: usize) -> String {
    format!("input.tasks[{position}]")
}

fn task((position, new): (usize, PlannedTaskInput)) -> Result<TaskDraft> {
    let checked = || {
        if !(0..=RETRIES).contains(&new.max_retries) {
            return Err(Error::validation("maxRetries", format!("must be between 0 and {RETRIES}")));
        }
        Ok(TaskDraft {
            key: word("key", &new.key)?,
            kind: word("type", &new.kind)?,
            payload: new.payload.map(|payload| json("payload", payload, input::JSON)).transpose()?,
            priority: priority("priority", new.priority)?,
            max_retries: new.max_retries,
            depends_on: new.depends_on,
        })
    };
    checked().map_err(|error| error.within(&at(position)))
}

/// A name of a task or of a kind of work.
pub(super) fn word(field: &'static str, text: &str) -> Result<String> {
    let text = input::line(field, text, KEY)?;
    if text.is_empty() {
        return Err(Error::validation(field, "must not be empty"));
    }
    Ok(text)
}

/// Every key is one task's, every dependency is a task of the plan, and no task waits for itself, however long the way.
fn acyclic(tasks: &[TaskDraft]) -> Result<()> {
    let refuse = |position: usize, field: &str, message: &str| {
        Err(Error::validation(format!("{}.{field}", at(position)), message.to_owned()))
    };
    let mut positions = HashMap::new();
    for (position, task) in tasks.iter().enumerate() {
        if positions.insert(task.key.as_str(), position).is_some() {
            return refuse(position, "key", "must be another than the keys before");
        }
    }
    let mut edges = 0;
    let mut needs: Vec<Vec<usize>> = Vec::with_capacity(tasks.len());
    for (position, task) in tasks.iter().enumerate() {
        let mut seen = HashSet::new();
        let mut needed = Vec::new();
        for key in &task.depends_on {
            let Some(other) = positions.get(key.as_str()) else {
                return refuse(position, "dependsOn", "must name tasks of this plan");
            };
            if !seen.insert(*other) {
                return refuse(position, "dependsOn", "must name each task once");
            }
            needed.push(*other);
        }
        edges += needed.len();
        needs.push(needed);
    }
    if edges > EDGES {
        return Err(Error::validation("input.tasks", format!("must have at most {EDGES} dependencies")));
    }
    match cycle(&needs) {
        Some(position) => refuse(position, "dependsOn", "must not lead back to the task itself"),
        None => Ok(()),
    }
}

/// The first task that waits for itself. `needs` has for each task those that it waits for.
fn cycle(needs: &[Vec<usize>]) -> Option<usize> {
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (task, needed) in needs.iter().enumerate() {
        for other in needed {
            dependents[*other].push(task);
        }
    }
    let mut ready: Vec<usize> = (0..needs.len()).filter(|task| waiting[*task] == 0).collect();
    while let Some(done) = ready.pop() {
        for task in &dependents[done] {
            waiting[*task] -= 1;
            if waiting[*task] == 0 {
                ready.push(*task);
            }
        }
    }
    // What is left waits for a cycle or is part of one. Going from needing to needed, one comes round to a cycle.
    let mut task = (0..needs.len()).find(|task| waiting[*task] > 0)?;
    let mut passed = HashSet::new();
    while passed.insert(task) {
        task = needs[task].iter().copied().find(|other| waiting[*other] > 0)?;
    }
    // Round once more, for the first of the cycle's tasks.
    let mut first = task;
    let mut next = needs[task].iter().copied().find(|other| waiting[*other] > 0)?;
    while next != task {
        first = first.min(next);
        next = needs[next].iter().copied().find(|other| waiting[*other] > 0)?;
    }
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_found_wherever_it_is() {
        assert_eq!(cycle(&[]), None);
        assert_eq!(cycle(&[vec![], vec![0], vec![0], vec![1, 2]]), None);
        assert_eq!(cycle(&[vec![0]]), Some(0));
        // 3 waits for the cycle of 1 and 2, 4 for nothing.
        assert_eq!(cycle(&[vec![3], vec![2], vec![1], vec![2], vec![]]), Some(1));
        let long: Vec<Vec<usize>> = (0..1_000).map(|task| vec![(task + 1) % 1_000]).collect();
        assert_eq!(cycle(&long), Some(0));
    }
}

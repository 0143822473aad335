//! A planner: turns goals into tasks. A real one asks a model; this one fills in a template.
//!
//! Its key needs the scopes `READ` and `PLANS_WRITE`. See `examples/README.md`.

use std::{process::ExitCode, time::Duration};

use palisade_examples::{
    client::{Client, Code, Error},
    interrupts,
    operations::{
        PendingGoals, ProposePlan, StartPlanning,
        pending_goals::{self, PendingGoalsGoalsNodes as Goal},
        propose_plan::{self, PlannedTaskInput, ProposePlanInput},
        start_planning,
    },
    say,
};
use serde_json::json;

/// Between two looks at what waits.
const PAUSE: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("planner: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let client = Client::with_key()?;
    let mut interrupted = interrupts()?;
    say("planner: looks for goals that wait");
    loop {
        match client.send::<PendingGoals>(pending_goals::Variables).await {
            Ok(page) => {
                for goal in page.goals.nodes {
                    plan(&client, &goal).await?;
                }
            }
            Err(error) => say_or_fail(error)?,
        }
        // Stopped between two goals and never within one: a goal that was taken is planned.
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = interrupted.recv() => return Ok(()),
        }
    }
}

/// Takes a goal and plans it.
async fn plan(client: &Client, goal: &Goal) -> Result<(), Error> {
    let id = &goal.id;
    // Of several planners that look at the same list, one gets the goal.
    match client.send::<StartPlanning>(start_planning::Variables { goal_id: id.clone() }).await {
        Ok(_) => {}
        Err(error) => return told(id, error),
    }
    let input = ProposePlanInput {
        goal_id: id.clone(),
        plan: Some(
            json!({ "summary": "Read two sources, compare them, draft, publish once somebody agrees, report." }),
        ),
        tasks: tasks(goal.goal_text.as_deref().unwrap_or_default(), goal.priority),
    };
    match client.send::<ProposePlan>(propose_plan::Variables { input }).await {
        // `AWAITING_APPROVAL` where the agent asks for approval of its plans, else `RUNNING`.
        Ok(answer) => say(format_args!("planner: {id} is {:?}", answer.propose_plan.goal.status)),
        Err(error) => return told(id, error),
    }
    Ok(())
}

/// A conflict is the ordinary case: another planner was first, or somebody called the goal off meanwhile.
fn told(id: &str, error: Error) -> Result<(), Error> {
    match error.code() {
        Some(Code::Conflict | Code::NotFound) => {
            say(format_args!("planner: {id} is somebody else's, or gone"));
            Ok(())
        }
        _ => say_or_fail(error),
    }
}

/// What waiting may cure is waited for; with a key that does not count, or a request that is wrong, it is over.
fn say_or_fail(error: Error) -> Result<(), Error> {
    match &error {
        Error::Unreachable(_) => {}
        Error::Api { code: Code::Unavailable | Code::RateLimited | Code::BudgetExhausted, .. } => {}
        _ => return Err(error),
    }
    say(format_args!("planner: {error}; goes on"));
    Ok(())
}

/// The template: eight tasks, of which the first two can run at once and the others wait for those they build on.
fn tasks(goal: &str, priority: i64) -> Vec<PlannedTaskInput> {
    let (first, second) = subjects(goal);
    let task = |key: &str, kind: &str, payload: serde_json::Value, depends_on: &[&str]| PlannedTaskInput {
        key: key.to_owned(),
        type_: kind.to_owned(),
        payload: Some(payload),
        priority,
        max_retries: 3,
        depends_on: depends_on.iter().map(|key| (*key).to_owned()).collect(),
    };
    vec![
        task("read-1", "example.read", json!({ "about": first }), &[]),
        task("read-2", "example.read", json!({ "about": second }), &[]),
        task("analyse-1", "example.analyse", json!({ "about": first }), &["read-1"]),
        task("analyse-2", "example.analyse", json!({ "about": second }), &["read-2"]),
        task("compare", "example.analyse", json!({ "about": [first, second] }), &["analyse-1", "analyse-2"]),
        task("draft", "example.draft", json!({ "goal": goal }), &["compare"]),
        // The worker asks people before it runs this one.
        task("publish", "shell.risky", json!({ "command": "publish draft.md" }), &["draft"]),
        task("report", "example.report", json!({ "to": "whoever asked" }), &["publish"]),
    ]
}

/// What a goal is about: its two longest words, in the order in which they stand.
fn subjects(goal: &str) -> (&str, &str) {
    let words = || goal.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    // Of equal ones `max_by_key` takes the last.
    let longest =
        |not: usize| words().enumerate().filter(|(at, _)| *at != not).max_by_key(|(_, word)| word.chars().count());
    let Some((first, word)) = longest(usize::MAX) else { return ("the goal", "its background") };
    match longest(first) {
        Some((second, other)) if second < first => (other, word),
        Some((_, other)) => (word, other),
        None => (word, "its background"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_eight_tasks_each_of_which_depends_on_earlier_ones_only() {
        let tasks = tasks("Reconcile the invoices of November", 5);
        assert_eq!(tasks.len(), 8);
        for (position, task) in tasks.iter().enumerate() {
            let earlier: Vec<&str> = tasks.iter().take(position).map(|task| task.key.as_str()).collect();
            assert!(task.depends_on.iter().all(|key| earlier.contains(&key.as_str())), "{}", task.key);
        }
    }

    #[test]
    fn subjects_are_the_longest_words_in_their_order() {
        assert_eq!(subjects("Reconcile the invoices"), ("Reconcile", "invoices"));
        assert_eq!(subjects("Tax?"), ("Tax", "its background"));
        assert_eq!(subjects(" … "), ("the goal", "its background"));
    }
}

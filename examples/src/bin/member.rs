//! People: a member who gives agents goals, and colleagues who approve what comes of them. For demos: they agree to anything.
//!
//! They sign in with their own accounts, as in a browser. See `examples/README.md`.

use std::{
    collections::HashMap,
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use palisade_examples::{
    client::{Client, Code, Error},
    interrupts,
    operations::*,
    say, setting,
};
use tokio::time::{MissedTickBehavior, interval};

use goal_status_of::GoalStatus;

/// No more goals than this at once: where nobody plans or works, they would pile up.
const AT_ONCE: usize = 4;
const GOALS: [&str; 4] = [
    "Compare this month's figures with the last and explain what changed.",
    "Collect what customers reported since Monday and group it by cause.",
    "Prepare the summary for the weekly meeting, with the open questions first.",
    "Check the supplier's terms against ours and list every deviation.",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("member: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Somebody with an account.
struct Person {
    email: String,
    client: Client,
}

impl Person {
    async fn sign_in(email: String) -> Result<Self, Error> {
        let client = Client::anonymous()?;
        let input = login::LoginInput {
            email: email.clone(),
            password: setting("EXAMPLE_PASSWORD", None)?,
            organization_id: None,
        };
        let token = client.send::<Login>(login::Variables { input }).await?.login.access_token;
        Ok(Self { email, client: client.bearing(token) })
    }

    /// The token has run out, or somebody ended the session: signs in anew. Anything else is only told.
    async fn after(&mut self, error: Error) -> Result<(), Error> {
        say(format_args!("member: {}: {error}", self.email));
        if error.code() == Some(Code::Unauthenticated) {
            *self = Self::sign_in(self.email.clone()).await?;
        }
        Ok(())
    }
}

async fn run() -> Result<(), Error> {
    let mut interrupted = interrupts()?;
    let every = setting("EXAMPLE_EVERY", Some("20"))?;
    let every = every.parse().map_err(|_| Error::Setting("EXAMPLE_EVERY is a number of seconds".to_owned()))?;
    let mut member = Person::sign_in(setting("EXAMPLE_MEMBER", None)?).await?;
    let mut approvers = Vec::new();
    for email in setting("EXAMPLE_APPROVERS", None)?.split(',') {
        approvers.push(Person::sign_in(email.to_owned()).await?);
    }
    let agents = agents(&member).await?;

    // Part of the goals' names: those of an earlier run are other goals.
    #[expect(clippy::disallowed_methods, reason = "the server's rule: it has a clock of its own")]
    let run = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut open: HashMap<String, Instant> = HashMap::new();
    let mut submitted = 0;
    let (mut submissions, mut looks) = (interval(Duration::from_secs(every)), interval(Duration::from_secs(3)));
    submissions.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let outcome = tokio::select! {
            _ = submissions.tick(), if open.len() < AT_ONCE => {
                let name = format!("{run}-{submitted}");
                let texts = GOALS.iter().cycle().skip(submitted);
                let agent = agents.iter().cycle().nth(submitted);
                submitted += 1;
                match agent.zip(texts.take(1).next()) {
                    Some((agent, text)) => submit(&member, agent, text, name, &mut open).await,
                    None => Ok(()),
                }
            }
            _ = looks.tick() => {
                for approver in &mut approvers {
                    if let Err(error) = approve(approver, &open).await {
                        approver.after(error).await?;
                    }
                }
                look(&member, &mut open).await
            }
            _ = interrupted.recv() => return Ok(()),
        };
        if let Err(error) = outcome {
            member.after(error).await?;
        }
    }
}

/// The agents in `EXAMPLE_AGENTS`, by name, among those that the member sees.
async fn agents(member: &Person) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    for name in setting("EXAMPLE_AGENTS", None)?.split(',') {
        let found = member.client.send::<AgentsNamed>(agents_named::Variables { name: name.to_owned() }).await?;
        let agent = found.agents.nodes.into_iter().find(|agent| agent.name == name);
        let missing = || Error::Setting(format!("{} sees no agent of the name {name}", member.email));
        ids.push(agent.ok_or_else(missing)?.id);
    }
    Ok(ids)
}

/// Gives an agent a goal. Under a name of its own, so that a request that is sent again submits it once.
async fn submit(
    member: &Person,
    agent: &str,
    text: &str,
    name: String,
    open: &mut HashMap<String, Instant>,
) -> Result<(), Error> {
    let input = submit_goal::SubmitGoalInput {
        agent_id: agent.to_owned(),
        goal_text: text.to_owned(),
        priority: 10,
        documents: Vec::new(),
        idempotency_key: Some(name),
    };
    let id = member.client.send::<SubmitGoal>(submit_goal::Variables { input }).await?.submit_goal.goal.id;
    say(format_args!("member: {} submits {id}", member.email));
    open.insert(id, Instant::now());
    Ok(())
}

/// Approves what waits for this person and came of the goals submitted here. Other people's requests are left to people.
async fn approve(approver: &Person, open: &HashMap<String, Instant>) -> Result<(), Error> {
    let waiting = approver.client.send::<AwaitingMe>(awaiting_me::Variables).await?.approval_requests.nodes;
    for request in waiting.into_iter().filter(|request| open.contains_key(&request.goal.id)) {
        let input = decide_approval::DecideApprovalInput {
            id: request.id.clone(),
            decision: decide_approval::Decided::Approve,
            comment: Some("Looks good.".to_owned()),
        };
        match approver.client.send::<DecideApproval>(decide_approval::Variables { input }).await {
            Ok(_) => say(format_args!("member: {} approves {} ({:?})", approver.email, request.id, request.type_)),
            // A colleague was quicker.
            Err(error) if error.code() == Some(Code::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Looks how the goals are getting on.
async fn look(member: &Person, open: &mut HashMap<String, Instant>) -> Result<(), Error> {
    let ids: Vec<String> = open.keys().cloned().collect();
    for id in ids {
        let goal = member.client.send::<GoalStatusOf>(goal_status_of::Variables { id: id.clone() }).await?.goal;
        let status = goal.map(|goal| goal.status);
        use GoalStatus::{AwaitingApproval, Pending, Planning, Running};
        if matches!(status, Some(Pending | Planning | AwaitingApproval | Running)) {
            continue;
        }
        let seconds = open.remove(&id).map(|since| since.elapsed().as_secs()).unwrap_or_default();
        say(format_args!("member: {id} is over after {seconds} s: {status:?}"));
    }
    Ok(())
}

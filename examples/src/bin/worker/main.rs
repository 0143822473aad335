//! A worker: claims tasks, runs them, says how it went. A real one calls models and runs code; this one sleeps.
//!
//! Its key needs the scope `TASKS_RUN`, and `USAGE_WRITE` to report usage. See `examples/README.md`.

mod work;

use std::{
    collections::HashMap,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use palisade_examples::{
    client::{Client, Code, Error},
    interrupts,
    operations::*,
    say, setting,
};
use tokio::{
    task::{AbortHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};

use claim_tasks::ClaimTasksClaimTasksTasks as Task;

/// Kinds of task that it can run.
const KINDS: &str = "example.read,example.analyse,example.draft,example.report,shell.risky";
/// It runs so many tasks at once.
const AT_ONCE: usize = 4;
/// Three heartbeats fit into a lease.
const HEARTBEAT: Duration = Duration::from_secs(10);
const CLAIM: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("worker: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// What every task that runs has of the worker.
struct Worker {
    client: Client,
    id: String,
    draining: AtomicBool,
}

async fn run() -> Result<(), Error> {
    let client = Client::with_key()?;
    let mut interrupted = interrupts()?;
    let kinds = setting("EXAMPLE_KINDS", Some(KINDS))?;
    let input = register_worker::RegisterWorkerInput {
        hostname: setting("HOSTNAME", Some("example"))?,
        capabilities: kinds.split(',').map(str::to_owned).collect(),
        service_account_id: None,
    };
    let id = client.send::<RegisterWorker>(register_worker::Variables { input }).await?.register_worker.worker.id;
    say(format_args!("worker: is {id} and takes {kinds}"));
    let worker = Arc::new(Worker { client, id, draining: AtomicBool::new(false) });

    let (mut heartbeats, mut claims) = (interval(HEARTBEAT), interval(CLAIM));
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    claims.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tasks = JoinSet::new();
    let mut running: HashMap<String, AbortHandle> = HashMap::new();
    // Tasks run beside this loop; claims and heartbeats are asked one after the other, so that neither sees half of the other.
    loop {
        let draining = worker.draining.load(Ordering::Relaxed);
        if draining && running.is_empty() {
            return Ok(());
        }
        let outcome = tokio::select! {
            _ = heartbeats.tick() => worker.heartbeat(&mut running).await,
            _ = claims.tick(), if !draining && running.len() < AT_ONCE => {
                worker.claim(AT_ONCE - running.len()).await.map(|claimed| {
                    for task in claimed {
                        let (id, worker) = (task.id.clone(), worker.clone());
                        let handle = tasks.spawn(async move { worker.run(task).await });
                        running.insert(id, handle);
                    }
                })
            }
            Some(_) = tasks.join_next() => {
                running.retain(|_, task| !task.is_finished());
                Ok(())
            }
            _ = interrupted.recv() => {
                // The second time it is over, whatever runs; its leases run out, and other workers get the tasks.
                if draining { return Ok(()) }
                worker.drain().await
            }
        };
        match outcome {
            // A key that does not count, or a worker that is gone: no heartbeat will bring it back.
            Err(error) if matches!(error.code(), Some(Code::Unauthenticated | Code::Forbidden | Code::NotFound)) => {
                return Err(error);
            }
            Err(error) => say(format_args!("worker: {error}; goes on")),
            Ok(()) => {}
        }
    }
}

impl Worker {
    /// Keeps the leases, and stops what is not the worker's any more: lost, or called off by somebody.
    async fn heartbeat(&self, running: &mut HashMap<String, AbortHandle>) -> Result<(), Error> {
        let answer = self.client.send::<Heartbeat>(heartbeat::Variables { worker_id: self.id.clone() }).await?;
        let held = answer.heartbeat.held_tasks;
        running.retain(|id, task| {
            let keep = held.iter().any(|held| held.id == *id);
            if !keep {
                task.abort();
            }
            keep
        });
        for task in held {
            // Held, and not known here: the answer to a claim was lost on the way. Its lease would be kept for nothing.
            if task.status == heartbeat::TaskStatus::Running && !running.contains_key(&task.id) {
                let given_back = self.fail(&task.id, task.attempt, "the claim's answer was lost").await;
                say(format_args!("worker: gives {} back: {}", task.id, outcome(&given_back)));
            }
        }
        Ok(())
    }

    async fn claim(&self, limit: usize) -> Result<Vec<Task>, Error> {
        let input = claim_tasks::ClaimTasksInput {
            worker_id: self.id.clone(),
            limit: i64::try_from(limit).unwrap_or(1),
            types: None,
            start: true,
        };
        match self.client.send::<ClaimTasks>(claim_tasks::Variables { input }).await {
            Ok(answer) => Ok(answer.claim_tasks.tasks),
            // Nothing is begun until there is a budget again; what runs may end.
            Err(error) if error.code() == Some(Code::BudgetExhausted) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Takes no more tasks, and ends when those that it runs have.
    async fn drain(&self) -> Result<(), Error> {
        self.draining.store(true, Ordering::Relaxed);
        self.client.send::<DrainWorker>(drain_worker::Variables { id: self.id.clone() }).await?;
        say("worker: drains");
        Ok(())
    }

    async fn fail(&self, task: &str, attempt: i64, why: &str) -> Result<&'static str, Error> {
        let input = fail_task::FailTaskInput {
            task_id: task.to_owned(),
            worker_id: self.id.clone(),
            attempt,
            error: why.to_owned(),
            retryable: true,
        };
        self.client.send::<FailTask>(fail_task::Variables { input }).await.map(|_| "done")
    }
}

fn outcome(result: &Result<&'static str, Error>) -> String {
    match result {
        Ok(what) => (*what).to_owned(),
        Err(error) if error.code() == Some(Code::Conflict) => "the claim is lost".to_owned(),
        Err(error) => error.to_string(),
    }
}

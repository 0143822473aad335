//! Jobs that run beside the server, in every copy of it.
//!
//! Each is safe on any number of processes: its work is claimed in the database, not here. A job that fails is logged and
//! tried again when its time comes. On the way out a job that runs is finished, and none is begun.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::{sync::watch, task::JoinSet};

use crate::{
    clock::Clock,
    error::{Error, Result},
    service::approval::expire_due,
    status::{ChatRules, TaskRules},
    store::{
        db::Database,
        write::{
            chat_end::{chats_expire, chats_forget},
            lease_expiry::expire_leases,
        },
    },
};

/// What jobs work with.
#[derive(Clone, Debug)]
pub struct Work {
    /// The database.
    pub database: Database,
    /// Time and ids.
    pub clock: Clock,
    /// What the settings say of tasks.
    pub tasks: TaskRules,
    /// What the settings say of chats.
    pub chats: ChatRules,
}

/// A run of a job.
type Run<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// A job: its name for the log, the pause between two runs, and what it does.
type Job = (&'static str, Duration, for<'a> fn(&'a Work) -> Run<'a>);

/// All of them.
const JOBS: &[Job] = &[
    ("lost leases", Duration::from_secs(5), |work| {
        Box::pin(async move { expire_leases(&work.database, &work.clock, &work.tasks).await.map(drop) })
    }),
    ("expired approvals", Duration::from_secs(15), |work| {
        Box::pin(async move { expire_due(&work.database, &work.clock, &work.tasks).await.map(drop) })
    }),
    ("expired chats", Duration::from_secs(60), |work| {
        Box::pin(async move { chats_expire(&work.database, &work.clock).await.map(drop) })
    }),
    ("old chat messages", Duration::from_secs(15 * 60), |work| {
        Box::pin(async move { chats_forget(&work.database, &work.clock, work.chats.retention).await.map(drop) })
    }),
];

/// Starts every job. They end once `stopped` says so.
pub fn start(work: &Work, stopped: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut running = JoinSet::new();
    for job in JOBS {
        running.spawn(repeat(*job, work.clone(), stopped.clone()));
    }
    running
}

async fn repeat((name, every, run): Job, work: Work, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            // An error means that nobody can say stop any more, which is the end too.
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        match run(&work).await {
            Ok(()) => {}
            Err(Error::Internal(cause) | Error::Unavailable(cause)) => {
                tracing::error!(job = name, cause, "a job failed")
            }
            Err(error) => tracing::error!(job = name, code = error.code(), "a job failed"),
        }
    }
}

//! What is done for one task.

use std::{sync::atomic::Ordering, time::Duration};

use palisade_examples::{
    client::{Code, Error},
    operations::*,
    say,
};
use serde_json::json;
use tokio::time::sleep;

use super::{Task, Worker, outcome};

/// How long a task takes.
const WORK: Duration = Duration::from_millis(1_200);

impl Worker {
    /// Runs a task that was claimed.
    pub(super) async fn run(&self, task: Task) {
        let done = self.work(&task).await;
        say(format_args!("worker: {} {}, attempt {}: {}", task.type_, task.id, task.attempt, outcome(&done)));
    }

    /// One try. A conflict anywhere in it says that the claim is lost: then nothing of the try counts, and it ends.
    async fn work(&self, task: &Task) -> Result<&'static str, Error> {
        if task.type_ == "shell.risky" && !self.approved(task).await? {
            return Ok("not approved, or not in time");
        }
        sleep(WORK).await;
        // One task in five fails the first time.
        if task.retries == 0 && task.id.bytes().map(u32::from).sum::<u32>() % 5 == 0 {
            self.record(task, false).await?;
            self.fail(&task.id, task.attempt, "the source did not answer").await?;
            return Ok("failed; tried again later");
        }
        self.record(task, true).await?;
        if task.type_ == "example.report" {
            self.put_report(task).await?;
        }
        self.report_usage(task).await?;
        let input = complete_task::CompleteTaskInput {
            task_id: task.id.clone(),
            worker_id: self.id.clone(),
            attempt: task.attempt,
            result: Some(json!({ "words": 120, "of": task.payload })),
        };
        self.client.send::<CompleteTask>(complete_task::Variables { input }).await?;
        Ok("completed")
    }

    /// Asks people about a risky step, and waits for their answer. The claim is kept meanwhile.
    async fn approved(&self, task: &Task) -> Result<bool, Error> {
        let input = request_approval::RequestApprovalInput {
            task_id: task.id.clone(),
            worker_id: self.id.clone(),
            attempt: task.attempt,
            // What is approved, to the letter: exactly this may be run afterwards.
            payload: task.payload.clone().unwrap_or_else(|| json!({})),
            reason: Some("It changes what others see.".to_owned()),
            expires_in_seconds: Some(3_600),
        };
        let answer = self.client.send::<RequestApproval>(request_approval::Variables { input }).await?;
        let id = answer.request_approval.approval_request.id;
        say(format_args!("worker: asks with {id} about {}", task.id));
        // Who drains does not wait for people: approved later, the task is somebody else's once its lease has run out.
        while !self.draining.load(Ordering::Relaxed) {
            sleep(Duration::from_secs(2)).await;
            let answer = self.client.send::<ApprovalOf>(approval_of::Variables { id: id.clone() }).await?;
            match answer.approval_request.map(|request| request.status) {
                Some(approval_of::ApprovalStatus::Pending) => {}
                Some(approval_of::ApprovalStatus::Approved) => return Ok(true),
                _ => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Records what ran. Under its own name, so that a request that is sent again records it once.
    async fn record(&self, task: &Task, well: bool) -> Result<(), Error> {
        use record_execution::ExecutionStatus::{Failed, Succeeded};
        let input = record_execution::RecordExecutionInput {
            task_id: task.id.clone(),
            worker_id: self.id.clone(),
            attempt: task.attempt,
            status: if well { Succeeded } else { Failed },
            code: Some(format!("run(\"{}\")", task.type_)),
            code_output: Some(if well { "120 words\n" } else { "TimeoutError: no answer in 30 s\n" }.to_owned()),
            shell_output: None,
            file_contents: None,
            exit_code: Some(i64::from(!well)),
            started_at: None,
            ended_at: None,
            idempotency_key: Some(format!("{}/{}", task.id, task.attempt)),
        };
        self.client.send::<RecordExecution>(record_execution::Variables { input }).await?;
        Ok(())
    }

    /// Puts a file into the goal's workspace.
    async fn put_report(&self, task: &Task) -> Result<(), Error> {
        let input = put_file::PutWorkspaceFileInput {
            goal_id: task.goal.id.clone(),
            path: "reports/report.md".to_owned(),
            contents: format!("# Report\n\nWritten by the example worker in {}.\n", task.id),
            encoding: put_file::FileEncoding::Text,
            expected_sha256: None,
        };
        match self.client.send::<PutFile>(put_file::Variables { input }).await {
            // The quota is used up. That is no reason to do all the work again.
            Err(error) if error.code() == Some(Code::Conflict) => say(format_args!("worker: no report: {error}")),
            answer => drop(answer?),
        }
        Ok(())
    }

    /// Reports what the models cost, if the key may. The id makes sure that it counts once.
    async fn report_usage(&self, task: &Task) -> Result<(), Error> {
        let call = record_usage::UsageInput {
            request_id: format!("example/{}/{}", task.id, task.attempt),
            model: "example-small".to_owned(),
            tokens_in: "900".to_owned(),
            tokens_out: "160".to_owned(),
            cost_usd: "0.0001".to_owned(),
            agent_id: task.agent.id.clone(),
            goal_id: None,
            task_id: Some(task.id.clone()),
            chat_session_id: None,
            at: None,
        };
        match self.client.send::<RecordUsage>(record_usage::Variables { input: vec![call] }).await {
            Err(error) if error.code() == Some(Code::Forbidden) => Ok(()),
            answer => answer.map(drop),
        }
    }
}

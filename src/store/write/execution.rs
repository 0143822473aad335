//! What workers report of their runs.

use chrono::{DateTime, Utc};
use entity::{
    confidential::{Confidential, JsonText},
    enums::ExecutionStatus,
    execution::{self, Column, Entity},
    ids::{ExecutionId, OrgId, WorkerId},
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, QueryTrait, TryGetable,
    sea_query::{Expr, ExprTrait, Func, LockType, OnConflict, Query},
};
use serde_json::json;

use super::{
    claim::{Claim, lock_running},
    goal::digest,
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{Permit, RunTasks},
    store::{Store, audit::record::Record, db::Tx},
};

/// A run that is to be recorded.
#[derive(Clone, Debug)]
pub struct ExecutionDraft {
    /// How it went.
    pub status: ExecutionStatus,
    /// What the process answered.
    pub exit_code: Option<i32>,
    /// What was run.
    pub code: Confidential<String>,
    /// What it printed.
    pub code_output: Confidential<String>,
    /// What the shell printed.
    pub shell_output: Confidential<String>,
    /// Files that it made, as JSON text.
    pub file_contents: Confidential<JsonText>,
    /// The reporter's own name for it.
    pub idempotency_key: Option<String>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A run that was recorded under the same key.
struct Earlier {
    id: ExecutionId,
    status: ExecutionStatus,
    same: bool,
}

impl Store {
    /// Records a run of a task that the worker holds. With a key, the same run is recorded once, and one that was recorded
    /// as running is ended.
    pub async fn execution_record(
        &self,
        clock: &Clock,
        permit: &Permit<RunTasks>,
        claim: Claim,
        draft: ExecutionDraft,
    ) -> Result<ExecutionId> {
        let (org_id, worker_id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let now = clock.now();
        let key = draft.idempotency_key.as_deref().map(digest);
        // Asked before the claim's state: a retry finds its record, also when the task has ended meanwhile.
        if let Some(key) = &key
            && let Some(earlier) = earlier(&tx, org_id, worker_id, claim, key, &draft).await?
        {
            if earlier.same {
                return Ok(earlier.id);
            }
            if earlier.status != ExecutionStatus::Running || draft.status == ExecutionStatus::Running {
                return Err(TAKEN);
            }
            lock_running(&tx, org_id, worker_id, claim, now).await?;
            end(&tx, org_id, earlier.id, &draft, now).await?;
            self.finish(tx, clock, org_id, [audit_record("execution.ended", earlier.id, claim, draft.status)]).await?;
            return Ok(earlier.id);
        }
        // Holding the task makes two reports of one run wait for each other.
        lock_running(&tx, org_id, worker_id, claim, now).await?;
        let id: ExecutionId = clock.id();
        let status = draft.status;
        let ended = (status != ExecutionStatus::Running).then(|| draft.ended_at.unwrap_or(now));
        let row = execution::ActiveModel {
            org_id: Set(org_id),
            id: Set(id),
            task_id: Set(claim.task_id),
            worker_id: Set(Some(worker_id)),
            attempt: Set(claim.attempt),
            status: Set(status),
            exit_code: Set(draft.exit_code),
            code: Set(draft.code.clone()),
            code_output: Set(draft.code_output.clone()),
            shell_output: Set(draft.shell_output.clone()),
            file_contents: Set(draft.file_contents.clone()),
            idempotency_key: Set(key.clone()),
            started_at: Set(draft.started_at.unwrap_or_else(|| ended.unwrap_or(now))),
            ended_at: Set(ended),
        };
        let mut insert = Entity::insert(row).into_query();
        let unique = [Column::OrgId, Column::TaskId, Column::IdempotencyKey];
        insert.on_conflict(OnConflict::columns(unique).do_nothing().to_owned());
        if tx.execute(&insert).await?.rows_affected() == 0 {
            let key = key.ok_or_else(|| Error::internal("only a key can be taken"))?;
            return match earlier(&tx, org_id, worker_id, claim, &key, &draft).await? {
                Some(earlier) if earlier.same => Ok(earlier.id),
                _ => Err(TAKEN),
            };
        }
        self.finish(tx, clock, org_id, [audit_record("execution.recorded", id, claim, status)]).await?;
        Ok(id)
    }
}

const TAKEN: Error = Error::Conflict("Something else was recorded with this idempotency key.");

fn audit_record(kind: &'static str, id: ExecutionId, claim: Claim, status: ExecutionStatus) -> Record {
    let payload = json!({ "taskId": claim.task_id.to_string(), "attempt": claim.attempt, "status": status.as_str() });
    Record::about(kind, id).with(payload)
}

/// The run with this key, and whether it is the same. Content is compared in the database, which is where it may be read.
async fn earlier(
    tx: &Tx,
    org_id: OrgId,
    worker_id: WorkerId,
    claim: Claim,
    key: &str,
    draft: &ExecutionDraft,
) -> Result<Option<Earlier>> {
    let text = |column: Column, value: Expr| {
        let or_none = |expr: Expr| Expr::from(Func::coalesce([expr, Expr::val("")]));
        or_none(Expr::col(column)).eq(or_none(value))
    };
    let same = Expr::col(Column::Attempt)
        .eq(claim.attempt)
        .and(Expr::col(Column::WorkerId).eq(worker_id))
        .and(Expr::col(Column::Status).eq(draft.status.as_str()))
        .and(Func::coalesce([Expr::col(Column::ExitCode), Expr::val(i32::MIN)]).eq(draft.exit_code.unwrap_or(i32::MIN)))
        .and(text(Column::Code, Expr::val(draft.code.clone())))
        .and(text(Column::CodeOutput, Expr::val(draft.code_output.clone())))
        .and(text(Column::ShellOutput, Expr::val(draft.shell_output.clone())))
        .and(text(Column::FileContents, Expr::val(draft.file_contents.clone())));
    let mut select = Query::select();
    select
        .columns([Column::Id, Column::Status])
        .expr(same)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::TaskId).eq(claim.task_id))
        .and_where(Expr::col(Column::IdempotencyKey).eq(key))
        .lock(LockType::Update);
    let Some(row) = tx.query_one(&select).await? else { return Ok(None) };
    Ok(Some(Earlier {
        id: ExecutionId::try_get_by_index(&row, 0)?,
        status: ExecutionStatus::try_get_by_index(&row, 1)?,
        same: bool::try_get_by_index(&row, 2)?,
    }))
}

/// Ends a run that was recorded while it ran. What is not said anew stays.
async fn end(tx: &Tx, org_id: OrgId, id: ExecutionId, draft: &ExecutionDraft, now: DateTime<Utc>) -> Result<()> {
    let kept = |column: Column, value: Expr| Expr::from(Func::coalesce([value, Expr::col(column)]));
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Status, draft.status.as_str())
        .value(Column::EndedAt, draft.ended_at.unwrap_or(now))
        .value(Column::ExitCode, draft.exit_code)
        .value(Column::Code, kept(Column::Code, Expr::val(draft.code.clone())))
        .value(Column::CodeOutput, kept(Column::CodeOutput, Expr::val(draft.code_output.clone())))
        .value(Column::ShellOutput, kept(Column::ShellOutput, Expr::val(draft.shell_output.clone())))
        .value(Column::FileContents, kept(Column::FileContents, Expr::val(draft.file_contents.clone())))
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id));
    tx.execute(&update).await?;
    Ok(())
}

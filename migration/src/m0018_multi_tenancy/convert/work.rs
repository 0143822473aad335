//! Workers, tasks, their dependencies, and approvals.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::ids::{ApprovalRequestId, TaskDependencyId, TaskId, TypedId as _, WorkerId};
use sea_orm::{ConnectionTrait as _, DbErr};
use uuid::Uuid;

use super::{
    Conversion,
    pages::{Batch, Old as _, Pages, row},
    words::{self, APPROVAL_STATUS, APPROVAL_TYPE, TASK_STATUS, WORKER_STATUS},
};

const TASK: &[&str] = &[
    "org_id",
    "id",
    "goal_id",
    "agent_id",
    "type",
    "status",
    "priority",
    "retries",
    "max_retries",
    "payload",
    "result",
    "error",
    "worker_id",
    "created_at",
    "updated_at",
    "started_at",
    "finished_at",
];
const APPROVAL: &[&str] = &[
    "org_id",
    "id",
    "type",
    "status",
    "agent_id",
    "goal_id",
    "task_id",
    "requested_by",
    "payload",
    "reason",
    "required_approvals",
    "created_at",
    "expires_at",
    "decided_at",
];

impl Conversion<'_> {
    pub(super) async fn workers(&mut self) -> Result<(), DbErr> {
        let columns = &["org_id", "id", "hostname", "status", "capabilities", "last_heartbeat_at", "created_at"];
        let mut workers = Batch::new("workers", columns);
        let mut pages = Pages::new("SELECT l.* FROM old_workers l");
        loop {
            let rows = pages.next(self.db).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let id = row.id()?;
                let host = words::name(row.text("hostname")?, "(unnamed worker)");
                let status =
                    self.word(WORKER_STATUS, "workers", "status", WorkerId::from_uuid(id), row.text("status")?);
                let (beat, created) = (row.time("last_heartbeat_at")?, row.time("created_at")?);
                let (beat, created) = (beat.or(created).unwrap_or(self.now), created.or(beat).unwrap_or(self.now));
                let capabilities = words::list(row.text("capabilities")?);
                workers.push(self.db, row![self.org, id, host, status, capabilities, beat, created]).await?;
            }
        }
        for id in self.missing("workers", &[("tasks", "worker_id")]).await? {
            let row = row![self.org, id, "(removed worker)", "OFFLINE", "[]", self.now, self.now];
            workers.push(self.db, row).await?;
        }
        workers.flush(self.db).await
    }

    pub(super) async fn tasks(&mut self) -> Result<(), DbErr> {
        let mut tasks = Batch::new("tasks", TASK);
        let mut pages =
            Pages::new("SELECT l.*, g.agent_id AS agent_id FROM old_tasks l LEFT JOIN old_goals g ON g.id = l.goal_id");
        loop {
            let rows = pages.next(self.db).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let id = row.id()?;
                let (created, updated) = (row.time("created_at")?, row.time("updated_at")?);
                let new = row![
                    self.org,
                    id,
                    row.reference("goal_id")?.unwrap_or(self.no_goal),
                    row.reference("agent_id")?.unwrap_or(self.no_agent),
                    row.text("type")?.unwrap_or_default(),
                    self.word(TASK_STATUS, "tasks", "status", TaskId::from_uuid(id), row.text("status")?),
                    row.int("priority")?.unwrap_or(0),
                    row.int("retries")?.unwrap_or(0),
                    row.int("max_retries")?.unwrap_or(0),
                    words::json(row.text("payload")?),
                    words::json(row.text("result")?),
                    row.text("error")?,
                    row.reference("worker_id")?,
                    created.or(updated).unwrap_or(self.now),
                    updated.or(created).unwrap_or(self.now),
                    row.time("started_at")?,
                    row.time("finished_at")?,
                ];
                tasks.push(self.db, new).await?;
            }
        }
        self.removed_tasks(&mut tasks).await?;
        tasks.flush(self.db).await
    }

    /// Tasks that only an approval still names; of several approvals, the first says which goal was theirs.
    async fn removed_tasks(&self, tasks: &mut Batch) -> Result<(), DbErr> {
        let sql = "SELECT a.task_id AS id, a.goal_id AS goal_id, g.agent_id AS agent_id FROM old_approval_requests a
                   LEFT JOIN old_goals g ON g.id = a.goal_id
                   WHERE a.task_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM old_tasks t WHERE t.id = a.task_id)
                   ORDER BY a.id";
        let mut made = std::collections::HashSet::new();
        for row in self.db.query_all_raw(self.statement(sql)).await? {
            let id = row.id()?;
            if made.insert(id) {
                let goal = row.reference("goal_id")?.unwrap_or(self.no_goal);
                let agent = row.reference("agent_id")?.unwrap_or(self.no_agent);
                let (none, never) = (None::<String>, None::<DateTime<Utc>>);
                let (now, worker) = (self.now, None::<Uuid>);
                let new = row![
                    self.org,
                    id,
                    goal,
                    agent,
                    "(removed task)",
                    "CANCELLED",
                    0,
                    0,
                    0,
                    none.clone(),
                    none.clone(),
                    none,
                    worker,
                    now,
                    now,
                    never,
                    now,
                ];
                tasks.push(self.db, new).await?;
            }
        }
        Ok(())
    }

    /// An edge belongs to the goal of the task that waits.
    pub(super) async fn dependencies(&mut self) -> Result<(), DbErr> {
        let columns = &["org_id", "id", "goal_id", "task_id", "depends_on_id"];
        let mut edges = Batch::new("task_dependencies", columns);
        // Pairs that are there more than once: the first row of each stays.
        let sql = "SELECT task_id, depends_on_id FROM old_task_dependencies
                   GROUP BY task_id, depends_on_id HAVING count(*) > 1";
        let mut twice = HashMap::new();
        for row in self.db.query_all_raw(self.statement(sql)).await? {
            twice.insert((row.reference("task_id")?, row.reference("depends_on_id")?), None);
        }
        let mut pages = Pages::new(
            "SELECT l.*, t.goal_id AS goal_id FROM old_task_dependencies l JOIN old_tasks t ON t.id = l.task_id",
        );
        loop {
            let rows = pages.next(self.db).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let (id, task, on) = (row.id()?, row.reference("task_id")?, row.reference("depends_on_id")?);
                let label = TaskDependencyId::from_uuid(id);
                match twice.get_mut(&(task, on)) {
                    Some(Some(first)) => {
                        let first = *first;
                        self.lose("task_dependencies", "id", label, label.to_string(), first);
                        continue;
                    }
                    Some(first) => *first = Some(label),
                    None => {}
                }
                let goal = row.reference("goal_id")?.unwrap_or(self.no_goal);
                edges.push(self.db, row![self.org, id, goal, task, on]).await?;
            }
        }
        edges.flush(self.db).await
    }

    pub(super) async fn approvals(&mut self) -> Result<(), DbErr> {
        let mut approvals = Batch::new("approval_requests", APPROVAL);
        let mut pages = Pages::new(
            "SELECT l.*, g.agent_id AS agent_id FROM old_approval_requests l
             LEFT JOIN old_goals g ON g.id = l.goal_id",
        );
        loop {
            let rows = pages.next(self.db).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let id = row.id()?;
                let label = ApprovalRequestId::from_uuid(id);
                let (task, decided) = (row.reference("task_id")?, row.time("decided_at")?);
                let kind = match row.text("type")?.filter(|text| !text.trim().is_empty()) {
                    None if task.is_some() => "RISKY_TASK",
                    text => self.word(APPROVAL_TYPE, "approval_requests", "type", label, text),
                };
                let new = row![
                    self.org,
                    id,
                    kind,
                    self.word(APPROVAL_STATUS, "approval_requests", "status", label, row.text("status")?),
                    row.reference("agent_id")?.unwrap_or(self.no_agent),
                    row.reference("goal_id")?.unwrap_or(self.no_goal),
                    task,
                    self.user(row.reference("requested_by")?),
                    words::json(row.text("payload")?),
                    row.text("reason")?,
                    1,
                    row.time("created_at")?.or(decided).unwrap_or(self.now),
                    row.time("expires_at")?,
                    decided,
                ];
                approvals.push(self.db, new).await?;
            }
        }
        approvals.flush(self.db).await
    }
}

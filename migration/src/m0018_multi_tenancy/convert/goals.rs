//! Goals, and the placeholders of those that tasks, approvals and usage still name.

use chrono::{DateTime, Utc};
use entity::{
    fold,
    ids::{GoalId, TypedId as _},
};
use sea_orm::DbErr;
use uuid::Uuid;

use super::{
    Conversion,
    pages::{Batch, Old as _, Pages, row},
    words::{self, GOAL_STATUS},
};

/// Where references to goals are.
pub(super) const REFERENCES: &[(&str, &str)] =
    &[("tasks", "goal_id"), ("approval_requests", "goal_id"), ("llm_usage", "goal_id")];

struct Goal {
    id: Uuid,
    agent: Option<Uuid>,
    submitter: Option<Uuid>,
    status: &'static str,
    priority: i32,
    text: String,
    plan: Option<String>,
    created: DateTime<Utc>,
    updated: DateTime<Utc>,
    completed: Option<DateTime<Utc>>,
}

impl Conversion<'_> {
    pub(super) async fn goals(&mut self) -> Result<(), DbErr> {
        let mut goals = Batch::new(
            "goals",
            &[
                "org_id",
                "id",
                "agent_id",
                "submitted_by",
                "status",
                "priority",
                "goal_text",
                "goal_text_folded",
                "plan",
                "created_at",
                "updated_at",
                "completed_at",
            ],
        );
        let mut pages = Pages::new("SELECT l.* FROM old_goals l");
        loop {
            let rows = pages.next(self.db).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let id = row.id()?;
                let (created, updated) = (row.time("created_at")?, row.time("updated_at")?);
                let goal = Goal {
                    id,
                    agent: row.reference("agent_id")?,
                    submitter: self.user(row.reference("submitted_by")?),
                    status: self.word(GOAL_STATUS, "goals", "status", GoalId::from_uuid(id), row.text("status")?),
                    priority: row.int("priority")?.unwrap_or(0),
                    text: row.text("goal_text")?.unwrap_or_default(),
                    plan: words::json(row.text("plan")?),
                    created: created.or(updated).unwrap_or(self.now),
                    updated: updated.or(created).unwrap_or(self.now),
                    completed: row.time("completed_at")?,
                };
                self.goal(&mut goals, goal).await?;
            }
        }
        for id in self.missing("goals", REFERENCES).await? {
            self.removed_goal(&mut goals, id, "(removed goal)").await?;
        }
        if self.any("tasks", "goal_id IS NULL").await? || self.any("approval_requests", "goal_id IS NULL").await? {
            self.removed_goal(&mut goals, self.no_goal, "(no goal)").await?;
        }
        goals.flush(self.db).await
    }

    async fn removed_goal(&self, goals: &mut Batch, id: Uuid, text: &str) -> Result<(), DbErr> {
        let goal = Goal {
            id,
            agent: None,
            submitter: None,
            status: "CANCELLED",
            priority: 0,
            text: text.to_owned(),
            plan: None,
            created: self.now,
            updated: self.now,
            completed: Some(self.now),
        };
        self.goal(goals, goal).await
    }

    async fn goal(&self, goals: &mut Batch, goal: Goal) -> Result<(), DbErr> {
        let Goal { id, agent, submitter, status, priority, text, plan, created, updated, completed } = goal;
        let (agent, folded) = (agent.unwrap_or(self.no_agent), fold(&text));
        let row =
            row![self.org, id, agent, submitter, status, priority, text, folded, plan, created, updated, completed,];
        goals.push(self.db, row).await
    }
}

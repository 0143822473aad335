//! Agents: all of them become the platform's, and are installed in `default`.

use chrono::{DateTime, Utc};
use entity::{
    fold,
    ids::{AgentId, TypedId as _, UserId},
};
use sea_orm::DbErr;
use uuid::Uuid;

use super::{
    Conversion,
    pages::{Batch, Old as _, Pages, row},
    words::{self, AGENT_STATUS},
};

/// The platform's row and the installed one.
struct Agents {
    global: Batch,
    installed: Batch,
}

struct Agent {
    id: Uuid,
    name: String,
    description: String,
    status: &'static str,
    chat_capable: bool,
    prompt: Option<String>,
    config: Option<String>,
    plan_approval: bool,
    created: DateTime<Utc>,
    updated: DateTime<Utc>,
}

impl Conversion<'_> {
    pub(super) async fn agents(&mut self) -> Result<(), DbErr> {
        let mut agents = Agents {
            global: Batch::new(
                "global_agents",
                &[
                    "id",
                    "name",
                    "name_folded",
                    "description",
                    "status",
                    "chat_capable",
                    "system_prompt",
                    "config",
                    "required_approvals",
                    "require_plan_approval",
                    "created_at",
                    "updated_at",
                ],
            ),
            installed: Batch::new(
                "agents",
                &[
                    "org_id",
                    "id",
                    "name",
                    "name_folded",
                    "description",
                    "status",
                    "visibility",
                    "chat_capable",
                    "required_approvals",
                    "require_plan_approval",
                    "created_at",
                    "updated_at",
                ],
            ),
        };
        let mut pages = Pages::new("SELECT l.* FROM old_agents l");
        loop {
            let rows = pages.next(self.db).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let id = row.id()?;
                let label = AgentId::from_uuid(id);
                // A global agent has no owner; who had it is for the organisation's admins to know.
                if let Some(owner) = self.user(row.reference("owner_id")?) {
                    self.lose("agents", "owner_id", label, UserId::from_uuid(owner).to_string(), "");
                }
                let (created, updated) = (row.time("created_at")?, row.time("updated_at")?);
                let agent = Agent {
                    id,
                    name: words::name(row.text("name")?, "(unnamed agent)"),
                    description: row.text("description")?.unwrap_or_default(),
                    status: self.word(AGENT_STATUS, "agents", "status", label, row.text("status")?),
                    chat_capable: row.flag("chat_capable")?.unwrap_or(false),
                    prompt: row.text("system_prompt")?,
                    config: words::json(row.text("config")?),
                    plan_approval: row.flag("requires_approval")?.unwrap_or(false),
                    created: created.or(updated).unwrap_or(self.now),
                    updated: updated.or(created).unwrap_or(self.now),
                };
                self.agent(&mut agents, agent).await?;
            }
        }
        let sources = &[("goals", "agent_id"), ("chat_sessions", "agent_id"), ("llm_usage", "agent_id")];
        for id in self.missing("agents", sources).await? {
            self.placeholder(&mut agents, id, "(removed agent)").await?;
        }
        if self.needs_no_agent().await? {
            self.placeholder(&mut agents, self.no_agent, "(no agent)").await?;
        }
        agents.global.flush(self.db).await?;
        agents.installed.flush(self.db).await
    }

    /// Whether some goal or chat, old or a placeholder, will have no agent.
    async fn needs_no_agent(&self) -> Result<bool, DbErr> {
        Ok(self.any("goals", "agent_id IS NULL").await?
            || self.any("chat_sessions", "agent_id IS NULL").await?
            || self.any("tasks", "goal_id IS NULL").await?
            || self.any("approval_requests", "goal_id IS NULL").await?
            || self.any("chat_messages", "session_id IS NULL").await?
            || !self.missing("goals", super::goals::REFERENCES).await?.is_empty()
            || !self.missing("chat_sessions", super::chats::REFERENCES).await?.is_empty())
    }

    async fn placeholder(&self, agents: &mut Agents, id: Uuid, name: &str) -> Result<(), DbErr> {
        let agent = Agent {
            id,
            name: name.to_owned(),
            description: String::new(),
            status: "ARCHIVED",
            chat_capable: false,
            prompt: None,
            config: None,
            plan_approval: false,
            created: self.now,
            updated: self.now,
        };
        self.agent(agents, agent).await
    }

    async fn agent(&self, agents: &mut Agents, agent: Agent) -> Result<(), DbErr> {
        let Agent { id, name, description, status, chat_capable, prompt, config, plan_approval, created, updated } =
            agent;
        let folded = fold(&name);
        let global = row![
            id,
            name,
            folded,
            description,
            status,
            chat_capable,
            prompt,
            config,
            1,
            plan_approval,
            created,
            updated,
        ];
        agents.global.push(self.db, global).await?;
        // Only the organisation's own settings: name and text are the platform's, and it has not stopped anything.
        let installed =
            row![self.org, id, "", "", "", "ACTIVE", "GLOBAL", chat_capable, 1, plan_approval, created, updated,];
        agents.installed.push(self.db, installed).await
    }
}

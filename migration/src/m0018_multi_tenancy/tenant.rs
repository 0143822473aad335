//! The organisations' tables. Every key starts with `org_id`, so that a reference across organisations cannot be stored.

use sea_orm_migration::{SchemaManager, prelude::DbErr};

use crate::schema::Draft;

pub(super) const AGENT_STATUS: &[&str] = &["ACTIVE", "STOPPED", "ERROR", "ARCHIVED"];
pub(super) const DOCUMENT_TYPE: &[&str] = &["RULE", "SKILL", "CONTEXT_DOC", "REFERENCE"];
const ROLE: &[&str] = &["ADMIN", "MEMBER"];

/// Makes them, parents first.
pub(super) async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    members(manager).await?;
    agents(manager).await?;
    work(manager).await?;
    chats(manager).await?;
    log(manager).await
}

async fn members(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    Draft::tenant("org_memberships")
        .uuid("user_id")
        .word("role", ROLE)
        // The default is what operators get: their grants leave the column out.
        .word("status", &["ACTIVE", "PENDING", "LEFT"])
        .default("PENDING")
        .word_null("pending_role", ROLE)
        .uuid_null("requested_by")
        .time_null("last_used_at")
        .times()
        // An account is a super-admin's or a member's, never both. Only a foreign key holds between two tables without a
        // trigger: a membership that could grant something refers to its account as one that is no super-admin's.
        .generated_bool("user_is_super_admin", "CASE WHEN status = 'LEFT' THEN NULL ELSE FALSE END")
        .unique(&["user_id"])
        .index(&["status", "id"])
        // For `identity`, which alone looks for a user's memberships across organisations.
        .index_across(&["user_id"])
        .refers_global("user_id", "users")
        .refers_global("requested_by", "users")
        .foreign(&["user_id", "user_is_super_admin"], "users", &["id", "is_super_admin"])
        .create(manager)
        .await?;
    Draft::tenant("invitations")
        .text("email")
        .word("role", ROLE)
        .word("status", &["PENDING", "ACCEPTED", "REVOKED"])
        .bool("first_admin")
        .text("token_hash")
        .uuid_null("invited_by")
        .time("expires_at")
        .time("created_at")
        .time_null("accepted_at")
        .unique(&["token_hash"])
        .index(&["status", "id"])
        .index(&["email"])
        .refers_global("invited_by", "users")
        .create(manager)
        .await?;
    Draft::tenant("teams")
        .text("name")
        .text("name_folded")
        .text("slug")
        .text("description")
        .times()
        .unique(&["slug"])
        .index(&["name_folded", "id"])
        .create(manager)
        .await?;
    Draft::tenant("team_memberships")
        .uuid("team_id")
        .uuid("user_id")
        .word("role", ROLE)
        .time("created_at")
        .unique(&["team_id", "user_id"])
        .index(&["user_id", "team_id"])
        .index_across(&["user_id"])
        .refers("team_id", "teams")
        .member("user_id")
        .create(manager)
        .await
}

async fn agents(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // A row with visibility GLOBAL has the id of a row in `global_agents`. There is no foreign key for it: it would have
    // to hold for some rows only. The store installs such rows from the platform's row, in one transaction.
    Draft::tenant("agents")
        .text("name")
        .text("name_folded")
        .text("description")
        .word("status", AGENT_STATUS)
        .word("visibility", &["GLOBAL", "PUBLIC", "TEAM", "PRIVATE"])
        .bool("chat_capable")
        .uuid_null("owner_id")
        .uuid_null("team_id")
        .text_null("system_prompt")
        .text_null("config")
        .int("required_approvals")
        .bool("require_plan_approval")
        .times()
        .check("required_approvals", "required_approvals >= 1")
        .check("team", "(visibility = 'TEAM') = (team_id IS NOT NULL)")
        .check("installed", "visibility <> 'GLOBAL' OR (system_prompt IS NULL AND config IS NULL AND owner_id IS NULL)")
        .index(&["name_folded", "id"])
        .index(&["visibility", "id"])
        .index(&["status", "id"])
        .index(&["owner_id", "id"])
        .index(&["team_id", "id"])
        .member("owner_id")
        .refers("team_id", "teams")
        .create(manager)
        .await?;
    Draft::tenant("agent_collaborators")
        .uuid("agent_id")
        .uuid_null("user_id")
        .uuid_null("team_id")
        .word("permission", &["USE", "EDIT", "ADMIN"])
        .time("created_at")
        .check("one", "(user_id IS NULL) <> (team_id IS NULL)")
        .unique(&["agent_id", "user_id"])
        .unique(&["agent_id", "team_id"])
        .index(&["user_id", "agent_id"])
        .index(&["team_id", "agent_id"])
        .refers("agent_id", "agents")
        .refers("team_id", "teams")
        .member("user_id")
        .create(manager)
        .await?;
    Draft::tenant("agent_admins")
        .uuid("agent_id")
        .uuid("user_id")
        .time("created_at")
        .unique(&["agent_id", "user_id"])
        .index(&["user_id", "agent_id"])
        .refers("agent_id", "agents")
        .member("user_id")
        .create(manager)
        .await
}

async fn work(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    Draft::tenant("workers")
        .text("hostname")
        .word("status", &["ACTIVE", "DRAINING", "OFFLINE"])
        .text("capabilities")
        .time("last_heartbeat_at")
        .time("created_at")
        .index(&["status", "id"])
        .create(manager)
        .await?;
    Draft::tenant("goals")
        .uuid("agent_id")
        .uuid_null("submitted_by")
        .word(
            "status",
            &["PENDING", "PLANNING", "AWAITING_APPROVAL", "RUNNING", "COMPLETED", "FAILED", "REJECTED", "CANCELLED"],
        )
        .int("priority")
        .text("goal_text")
        .text("goal_text_folded")
        .text_null("plan")
        .text_null("idempotency_key")
        .times()
        .time_null("completed_at")
        .unique(&["submitted_by", "idempotency_key"])
        .index(&["agent_id", "id"])
        .index(&["status", "id"])
        .index(&["submitted_by", "id"])
        .refers("agent_id", "agents")
        .member("submitted_by")
        .create(manager)
        .await?;
    Draft::tenant("agent_documents")
        .uuid("agent_id")
        .uuid_null("goal_id")
        .word("type", DOCUMENT_TYPE)
        .text("name")
        .int("priority")
        .text_null("content")
        .text_null("uri")
        .times()
        .index(&["agent_id", "id"])
        .index(&["goal_id", "id"])
        .refers("agent_id", "agents")
        .refers("goal_id", "goals")
        .create(manager)
        .await?;
    Draft::tenant("tasks")
        .uuid("goal_id")
        .uuid("agent_id")
        .text("type")
        .word(
            "status",
            &[
                "CREATED",
                "PENDING",
                "QUEUED",
                "SCHEDULED",
                "RUNNING",
                "AWAITING_APPROVAL",
                "COMPLETED",
                "FAILED",
                "DEAD_LETTER",
                "CANCELLED",
            ],
        )
        .int("priority")
        .int("retries")
        .int("max_retries")
        .text_null("payload")
        .text_null("result")
        .text_null("error")
        .uuid_null("worker_id")
        .times()
        .time_null("started_at")
        .time_null("finished_at")
        .index(&["goal_id", "id"])
        .index(&["agent_id", "id"])
        .index(&["status", "id"])
        .index(&["worker_id", "id"])
        .refers("goal_id", "goals")
        .refers("agent_id", "agents")
        .refers("worker_id", "workers")
        .create(manager)
        .await?;
    Draft::tenant("task_dependencies")
        .uuid("goal_id")
        .uuid("task_id")
        .uuid("depends_on_id")
        .unique(&["task_id", "depends_on_id"])
        .index(&["depends_on_id"])
        .index(&["goal_id", "id"])
        .refers("goal_id", "goals")
        .refers("task_id", "tasks")
        .refers("depends_on_id", "tasks")
        .create(manager)
        .await?;
    Draft::tenant("approval_requests")
        .word("type", &["PLAN", "RISKY_TASK"])
        .word("status", &["PENDING", "APPROVED", "REJECTED", "CANCELLED", "EXPIRED"])
        .uuid("agent_id")
        .uuid("goal_id")
        .uuid_null("task_id")
        .uuid_null("requested_by")
        .text_null("payload")
        .text_null("reason")
        .int("required_approvals")
        .time("created_at")
        .time_null("expires_at")
        .time_null("decided_at")
        .check("required_approvals", "required_approvals >= 1")
        .index(&["status", "id"])
        .index(&["agent_id", "id"])
        .index(&["goal_id", "id"])
        .index(&["task_id"])
        .refers("agent_id", "agents")
        .refers("goal_id", "goals")
        .refers("task_id", "tasks")
        .refers_global("requested_by", "users")
        .create(manager)
        .await?;
    Draft::tenant("llm_usage")
        .uuid_null("agent_id")
        .uuid_null("goal_id")
        .uuid_null("user_id")
        .text("model")
        .text("request_id")
        .bigint("tokens_in")
        .bigint("tokens_out")
        .bigint("cost_nanos")
        .time("created_at")
        .unique(&["request_id"])
        .index(&["created_at"])
        .index(&["user_id", "created_at"])
        .index(&["agent_id", "created_at"])
        .index(&["goal_id"])
        .refers("agent_id", "agents")
        .refers("goal_id", "goals")
        .member("user_id")
        .create(manager)
        .await
}

async fn chats(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    Draft::tenant("chat_sessions")
        .uuid("agent_id")
        .uuid_null("user_id")
        .word("status", &["OPEN", "CLOSED", "EXPIRED"])
        .text_null("title")
        .int("message_count")
        .times()
        .time_null("expires_at")
        .index(&["user_id", "id"])
        .index(&["agent_id", "id"])
        .refers("agent_id", "agents")
        .member("user_id")
        .create(manager)
        .await?;
    Draft::tenant("chat_messages")
        .uuid("session_id")
        .word("role", &["USER", "ASSISTANT", "SYSTEM", "TOOL"])
        .text("content")
        .text_null("tool_calls")
        .text_null("tool_results")
        .int_null("tokens_in")
        .int_null("tokens_out")
        .time("created_at")
        .index(&["session_id", "id"])
        .refers("session_id", "chat_sessions")
        .create(manager)
        .await
}

async fn log(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    Draft::tenant("events")
        .bigint("sequence")
        .text("type")
        .uuid_null("actor_user_id")
        .text_null("subject_id")
        .text_null("payload")
        .text("payload_salt")
        .text("hash")
        .time("created_at")
        .unique(&["sequence"])
        .refers_global("actor_user_id", "users")
        .create(manager)
        .await?;
    Draft::tenant_keyed("event_heads").bigint("sequence").text("hash").key(&["org_id"]).create(manager).await
}

//! The platform's own tables: accounts, organisations, global agents, sessions, mail.

use sea_orm_migration::{SchemaManager, prelude::DbErr};

use super::tenant::{AGENT_STATUS, DOCUMENT_TYPE};
use crate::schema::Draft;

/// Makes them. Only `organizations` is named by tenant tables through `org_id`, and `users` through actors.
pub(super) async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    accounts(manager).await?;
    global_agents(manager).await?;
    sign_in(manager).await?;
    housekeeping(manager).await
}

async fn accounts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    Draft::platform("users")
        .text("email")
        .text("name")
        .text("name_folded")
        .word("status", &["ACTIVE", "SUSPENDED", "DEACTIVATED"])
        .bool("is_super_admin")
        .default(false)
        .text_null("password_hash")
        .time_null("last_login_at")
        .times()
        .unique(&["email"])
        // What `org_memberships.user_is_super_admin` refers to.
        .unique(&["id", "is_super_admin"])
        .index(&["name_folded", "id"])
        .create(manager)
        .await?;
    Draft::platform("user_identities")
        .uuid("user_id")
        .text("issuer")
        .text("subject")
        .time("created_at")
        .unique(&["issuer", "subject"])
        .index(&["user_id"])
        .refers_global("user_id", "users")
        .create(manager)
        .await?;
    Draft::platform("organizations")
        .text("name")
        .text("name_folded")
        .text("slug")
        .word("status", &["ACTIVE", "SUSPENDED", "ARCHIVED"])
        .text_null("config")
        .times()
        .unique(&["slug"])
        .index(&["name_folded", "id"])
        .create(manager)
        .await
}

async fn global_agents(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    Draft::platform("global_agents")
        .text("name")
        .text("name_folded")
        .text("description")
        .word("status", AGENT_STATUS)
        .bool("chat_capable")
        .text_null("system_prompt")
        .text_null("config")
        .int("required_approvals")
        .bool("require_plan_approval")
        .times()
        .check("required_approvals", "required_approvals >= 1")
        .index(&["name_folded", "id"])
        .create(manager)
        .await?;
    Draft::platform("global_agent_documents")
        .uuid("agent_id")
        .word("type", DOCUMENT_TYPE)
        .text("name")
        .int("priority")
        .text_null("content")
        .text_null("uri")
        .times()
        .index(&["agent_id", "id"])
        .refers_global("agent_id", "global_agents")
        .create(manager)
        .await
}

async fn sign_in(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    Draft::platform("sessions")
        .uuid("user_id")
        .uuid_null("org_id")
        .time("created_at")
        .time("last_used_at")
        .time("expires_at")
        .time_null("revoked_at")
        .index(&["user_id"])
        .index(&["expires_at"])
        .refers_global("user_id", "users")
        .refers_global("org_id", "organizations")
        .create(manager)
        .await?;
    Draft::platform("refresh_tokens")
        .uuid("session_id")
        .text("token_hash")
        .time("expires_at")
        .time_null("spent_at")
        .time("created_at")
        .unique(&["token_hash"])
        .index(&["session_id"])
        .refers_global("session_id", "sessions")
        .create(manager)
        .await?;
    Draft::platform("one_time_tokens")
        .uuid("user_id")
        .word("purpose", &["SET_PASSWORD"])
        .text("token_hash")
        .time("expires_at")
        .time_null("used_at")
        .time("created_at")
        .unique(&["token_hash"])
        .index(&["user_id"])
        .refers_global("user_id", "users")
        .create(manager)
        .await?;
    Draft::platform("signing_keys")
        .text("public_key")
        .text("sealed_private_key")
        .time("created_at")
        .time_null("retired_at")
        .create(manager)
        .await?;
    Draft::keyed("login_throttles")
        .text("key")
        .int("failures")
        .time("window_started_at")
        .key(&["key"])
        .create(manager)
        .await
}

async fn housekeeping(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    Draft::platform("mail_outbox")
        .text("recipient")
        .text("subject")
        .text("body")
        .int("attempts")
        .time("created_at")
        .time_null("sent_at")
        .index(&["sent_at", "id"])
        .create(manager)
        .await?;
    Draft::platform("platform_events")
        .text("type")
        .uuid_null("actor_user_id")
        .text_null("subject_id")
        .time("created_at")
        .refers_global("actor_user_id", "users")
        .create(manager)
        .await?;
    Draft::keyed("platform_settings").text("key").text("value").key(&["key"]).create(manager).await
}

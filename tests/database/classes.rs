//! Who may what, read from the entities' classes: a page that a reviewer can hold against DOMAIN's promises, written without
//! the generator. [`super::catalogue`] asks PostgreSQL whether it is so.

use entity::table::{Class, Table, TableClass};

use super::{IDENTITY, OPERATOR, SYSTEM, TENANT};

/// Only added to.
pub const LOG: [&str; 2] = ["events", "approval_decisions"];
/// Never deleted from, by anyone.
pub const KEPT: [&str; 4] = ["events", "approval_decisions", "event_heads", "org_memberships"];
/// Tenant tables in which an operator writes: who belongs to an organisation, and its log.
pub const OPERATOR_WRITES: [&str; 7] =
    ["org_memberships", "invitations", "teams", "team_memberships", "agent_collaborators", "events", "event_heads"];
/// Tenant tables that sign-in reads, of all organisations.
pub const IDENTITY_READS: [&str; 6] = [
    "org_memberships",
    "team_memberships",
    "invitations",
    "service_accounts",
    "service_account_agents",
    "organization_issuers",
];

/// Whether a role reads a column; nothing where either is right by this page.
pub fn reads(role: &str, table: &Table, column: &str, class: Class) -> Option<bool> {
    let tenant = table.class == TableClass::Tenant;
    Some(match (role, class) {
        // Content: whoever works inside the organisation. Of a platform table, the organisation's settings are its own, and
        // a global agent's prompt is what its users' jobs run.
        (TENANT, Class::Confidential) => true,
        (SYSTEM, Class::Confidential) => tenant || table.name.starts_with("global_agent"),
        (_, Class::Confidential) => false,
        // Secrets: sign-in; and what is to be mailed, whoever mails it.
        (IDENTITY, Class::Secret) => table.name != "mail_outbox",
        (SYSTEM, Class::Secret) => table.name == "mail_outbox",
        (_, Class::Secret) => false,
        (TENANT | SYSTEM, Class::Metadata) if tenant => true,
        // Of a chat an operator sees the session.
        (OPERATOR, Class::Metadata) if tenant => table.name != "chat_messages",
        (IDENTITY, Class::Metadata) if tenant => IDENTITY_READS.contains(&table.name),
        // Sign-in's own tables are nobody else's, but for what ends sessions and changes accounts.
        (TENANT, Class::Metadata)
            if ["sessions", "refresh_tokens", "one_time_tokens", "signing_keys", "login_throttles"]
                .contains(&table.name) =>
        {
            false
        }
        (OPERATOR, Class::Metadata) if ["refresh_tokens", "signing_keys", "mail_outbox"].contains(&table.name) => false,
        (TENANT, Class::Metadata) if table.name == "users" && column == "last_login_at" => false,
        _ => return None,
    })
}

/// Whether a role may give a column of a tenant table a value in a new row.
pub fn inserts(role: &str, table: &Table, column: &str) -> bool {
    match role {
        TENANT | SYSTEM => true,
        // A membership that an operator gives is pending: the default.
        OPERATOR if table.name == "org_memberships" => !["status", "last_used_at"].contains(&column),
        OPERATOR => ["invitations", "teams", "events", "event_heads"].contains(&table.name),
        _ => false,
    }
}

/// Whether a role may change a column of a tenant table.
pub fn updates(role: &str, table: &Table, column: &str, class: Class) -> bool {
    let key = ["org_id", "id"].contains(&column);
    match role {
        // An admin rotates a key whose hash it cannot read.
        TENANT if table.name == "service_accounts" && class == Class::Secret => true,
        TENANT | SYSTEM => !LOG.contains(&table.name) && !key && class != Class::Secret,
        OPERATOR => match table.name {
            "org_memberships" => {
                ["pending_role", "requested_by", "request_id", "requested_at", "updated_at"].contains(&column)
            }
            "invitations" => column == "status",
            "teams" | "event_heads" => !key,
            _ => false,
        },
        IDENTITY => table.name == "org_memberships" && column == "last_used_at",
        _ => false,
    }
}

/// Whether a role may delete rows of a tenant table.
pub fn deletes(role: &str, table: &Table) -> bool {
    match role {
        TENANT | SYSTEM => !KEPT.contains(&table.name),
        OPERATOR => ["teams", "team_memberships", "agent_collaborators"].contains(&table.name),
        _ => false,
    }
}

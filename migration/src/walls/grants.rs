//! Which columns each role may read and write: the rules, and the grants that follow from them.
//!
//! Read, insert and update are granted **by column**, even where a rule says all of them, so that a new column is nobody's
//! until its class says whose. Nothing is granted to PUBLIC, and nothing may be passed on.

use std::collections::{BTreeMap, BTreeSet};

use entity::table::{Class, Table, TableClass};

use super::{HISTORY, all_tables, policies::ORGANIZATIONS, roles::Role};

/// What a role may do with a table's columns.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Privilege {
    /// Read them. Needed for RETURNING and for a WHERE, too.
    Select,
    /// Give them a value in a new row.
    Insert,
    /// Change them.
    Update,
    /// Remove whole rows.
    Delete,
}

impl Privilege {
    /// The SQL word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

#[derive(Clone, Copy)]
enum Tables {
    /// Every tenant table but these.
    TenantBut(&'static [&'static str]),
    /// Every table but these.
    AllBut(&'static [&'static str]),
    /// These.
    These(&'static [&'static str]),
}

#[derive(Clone, Copy)]
enum Columns {
    /// Secret ones, too.
    All,
    /// Metadata.
    Metadata,
    /// Metadata and confidential: content, but no secrets.
    Content,
    /// What may change: content but the key.
    Changeable,
    /// These.
    These(&'static [&'static str]),
    /// All but these.
    But(&'static [&'static str]),
}

struct Rule(&'static [Role], Privilege, Tables, Columns);

use Columns::{All, But, Changeable, Content, Metadata};
use Privilege::{Delete, Insert, Select, Update};
use Role::{Identity, Operator, System, Tenant};
use Tables::{AllBut, TenantBut};

const fn these(tables: &'static [&'static str]) -> Tables {
    Tables::These(tables)
}

const fn only(columns: &'static [&'static str]) -> Columns {
    Columns::These(columns)
}

/// The log, and what people decided: only added to, by everyone.
const LOG: &[&str] = &["events", "approval_decisions"];
/// Rows that stay: what is only added to, the log's head, and memberships, whose end is a status.
const KEPT: &[&str] = &["events", "approval_decisions", "event_heads", "org_memberships"];
/// Sign-in's own tables, what is to be mailed, and what was said in chats.
const NOT_OPERATORS: &[&str] = &[
    "sessions",
    "refresh_tokens",
    "one_time_tokens",
    "email_changes",
    "signing_keys",
    "mail_outbox",
    "login_throttles",
    "user_identities",
    "platform_settings",
    // Of a chat an operator sees the session.
    "chat_messages",
];
const IDENTITYS_OWN: &[&str] = &[
    "sessions",
    "refresh_tokens",
    "one_time_tokens",
    "email_changes",
    "login_throttles",
    "user_identities",
    "platform_settings",
    "signing_keys",
];
const GLOBAL_AGENTS: &[&str] = &["global_agents", "global_agent_documents"];

/// The rules. Row-level security narrows each further to the rows of an organisation, as `policies` says.
const RULES: &[Rule] = &[
    // Inside one organisation: members' requests, and jobs that have entered it.
    Rule(&[Tenant, System], Select, TenantBut(&[]), Content),
    Rule(&[Tenant, System], Insert, TenantBut(&[]), All),
    Rule(&[Tenant, System], Update, TenantBut(LOG), Changeable),
    Rule(&[Tenant, System], Delete, TenantBut(KEPT), All),
    // A key is rotated by an admin of its organisation, who reads no hash.
    Rule(&[Tenant], Update, these(&["service_accounts"]), only(&["key_hash", "previous_key_hash"])),
    // Platform tables, as members see them.
    Rule(
        &[Tenant],
        Select,
        these(&["users"]),
        only(&["id", "email", "name", "name_folded", "status", "is_super_admin", "created_at"]),
    ),
    Rule(&[Tenant], Select, these(&[ORGANIZATIONS]), Content),
    Rule(&[Tenant], Update, these(&[ORGANIZATIONS]), only(&["config", "updated_at"])),
    Rule(&[Tenant, System], Select, these(GLOBAL_AGENTS), Content),
    // An invitation goes out by mail; who causes one cannot read it back.
    Rule(&[Tenant, Operator, Identity], Insert, these(&["mail_outbox"]), All),
    // Operators see metadata, of all organisations.
    Rule(&[Operator], Select, AllBut(NOT_OPERATORS), Metadata),
    // Accounts: never an address that exists, never a password.
    Rule(
        &[Operator],
        Insert,
        these(&["users"]),
        only(&["id", "email", "name", "name_folded", "status", "created_at", "updated_at"]),
    ),
    Rule(
        &[Operator],
        Update,
        these(&["users"]),
        only(&["name", "name_folded", "status", "is_super_admin", "updated_at"]),
    ),
    Rule(&[Operator], Insert, these(&["one_time_tokens"]), All),
    // Suspending an account ends its sessions.
    Rule(&[Operator, System], Select, these(&["sessions"]), only(&["id", "user_id", "revoked_at"])),
    Rule(&[Operator, System], Update, these(&["sessions"]), only(&["revoked_at"])),
    // Organisations: never their settings.
    Rule(&[Operator], Insert, these(&[ORGANIZATIONS]), Metadata),
    Rule(&[Operator], Update, these(&[ORGANIZATIONS]), only(&["name", "name_folded", "slug", "status", "updated_at"])),
    // Global agents: content is written, never read back.
    Rule(&[Operator], Insert, these(GLOBAL_AGENTS), All),
    Rule(&[Operator], Update, these(GLOBAL_AGENTS), But(&["id"])),
    Rule(&[Operator], Delete, these(&["global_agent_documents"]), All),
    // Who belongs to an organisation. Not `status`: its default is PENDING, and only the organisation's admins confirm.
    Rule(
        &[Operator],
        Insert,
        these(&["org_memberships"]),
        only(&[
            "org_id",
            "id",
            "user_id",
            "role",
            "pending_role",
            "requested_by",
            "request_id",
            "requested_at",
            "created_at",
            "updated_at",
        ]),
    ),
    Rule(
        &[Operator],
        Update,
        these(&["org_memberships"]),
        only(&["pending_role", "requested_by", "request_id", "requested_at", "updated_at"]),
    ),
    Rule(&[Operator], Insert, these(&["invitations"]), All),
    Rule(&[Operator], Update, these(&["invitations"]), only(&["status"])),
    Rule(&[Operator], Insert, these(&["teams"]), All),
    Rule(&[Operator], Update, these(&["teams"]), Changeable),
    // Deleting a team ends its memberships and collaborations.
    Rule(&[Operator], Delete, these(&["teams", "team_memberships", "agent_collaborators"]), All),
    // What an operator does shows in the organisation's log, and in the platform's.
    Rule(&[Operator], Insert, these(&["events", "event_heads"]), All),
    Rule(&[Operator], Update, these(&["event_heads"]), Changeable),
    Rule(&[Operator, System], Insert, these(&["platform_events"]), All),
    // Sign-in: the only reader of secrets, and of memberships across organisations.
    Rule(&[Identity], Select, these(&["users"]), All),
    Rule(&[Identity], Update, these(&["users"]), only(&["password_hash", "last_login_at", "updated_at"])),
    Rule(
        &[Identity],
        Select,
        these(&[ORGANIZATIONS, "org_memberships", "team_memberships", "organization_issuers"]),
        Metadata,
    ),
    Rule(&[Identity], Update, these(&["org_memberships"]), only(&["last_used_at"])),
    Rule(&[Identity], Select, these(&["invitations", "service_accounts"]), All),
    Rule(&[Identity], Select, these(&["service_account_agents"]), Metadata),
    Rule(&[Identity], Select, these(IDENTITYS_OWN), All),
    Rule(&[Identity], Insert, these(IDENTITYS_OWN), All),
    Rule(&[Identity], Update, these(IDENTITYS_OWN), All),
    Rule(&[Identity], Delete, these(IDENTITYS_OWN), All),
    // Jobs outside an organisation: accepting an invitation makes an account; mails are sent and then emptied.
    Rule(&[System], Select, these(&["users", ORGANIZATIONS, HISTORY]), Metadata),
    Rule(
        &[System],
        Insert,
        these(&["users"]),
        only(&["id", "email", "name", "name_folded", "status", "password_hash", "created_at", "updated_at"]),
    ),
    // A member changes its own name and address; the change goes into its organisations' logs, which sign-in's role does
    // not write.
    Rule(&[System], Update, these(&["users"]), only(&["name", "name_folded", "email", "updated_at"])),
    Rule(&[System], Select, these(&["email_changes"]), Metadata),
    Rule(&[System], Insert, these(&["email_changes"]), All),
    Rule(&[System], Update, these(&["email_changes"]), only(&["old_opened_at", "new_opened_at", "ended_at"])),
    // An external subject is linked, or let go, in one transaction with the record of it.
    Rule(&[System], Select, these(&["user_identities"]), Metadata),
    Rule(&[System], Insert, these(&["user_identities"]), All),
    Rule(&[System], Delete, these(&["user_identities"]), All),
    Rule(&[System], Select, these(&["one_time_tokens"]), Metadata),
    Rule(&[System], Insert, these(&["one_time_tokens"]), All),
    Rule(&[System], Update, these(&["one_time_tokens"]), only(&["used_at"])),
    Rule(&[System], Select, these(&["mail_outbox"]), All),
    Rule(&[System], Insert, these(&["mail_outbox"]), All),
    Rule(
        &[System],
        Update,
        these(&["mail_outbox"]),
        only(&["subject", "body", "template", "attempts", "next_attempt_at", "sent_at", "failed_at"]),
    ),
    // Mails are not kept for ever, and one that is for nobody not at all.
    Rule(&[System], Delete, these(&["mail_outbox"]), All),
];

impl Tables {
    fn hold(self, table: &Table) -> bool {
        match self {
            Self::TenantBut(not) => table.class == TableClass::Tenant && !not.contains(&table.name),
            Self::AllBut(not) => !not.contains(&table.name),
            Self::These(names) => names.contains(&table.name),
        }
    }
}

impl Columns {
    fn hold(self, name: &str, class: Class) -> bool {
        match self {
            Self::All => true,
            Self::Metadata => class == Class::Metadata,
            Self::Content => class != Class::Secret,
            Self::Changeable => class != Class::Secret && !["org_id", "id"].contains(&name),
            Self::These(names) => names.contains(&name),
            Self::But(names) => !names.contains(&name),
        }
    }
}

/// What one role may do with one table.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Grant {
    /// The table.
    pub table: String,
    /// Name of the role.
    pub role: String,
    /// What it may do.
    pub privilege: Privilege,
    /// With which columns; empty for DELETE, which has none.
    pub columns: BTreeSet<String>,
}

/// Exactly the grants that should exist, in order of table, role and privilege.
pub fn expected_grants() -> Vec<Grant> {
    let mut grants = BTreeMap::<_, BTreeSet<String>>::new();
    for table in all_tables() {
        for Rule(roles, privilege, tables, columns) in RULES.iter().filter(|rule| rule.2.hold(&table)) {
            debug_assert!(tables.hold(&table));
            for role in *roles {
                let entry = grants.entry((table.name, role.name(), *privilege)).or_default();
                if *privilege != Delete {
                    let held = table.columns.iter().filter(|(name, class)| columns.hold(name, *class));
                    entry.extend(held.map(|(name, _)| (*name).to_owned()));
                }
            }
        }
    }
    let grant = |((table, role, privilege), columns): ((&str, &str, Privilege), _)| Grant {
        table: table.to_owned(),
        role: role.to_owned(),
        privilege,
        columns,
    };
    grants.into_iter().map(grant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_a_rule_is_a_table_or_column_that_exists() {
        let tables = all_tables();
        let find = |name: &str| tables.iter().find(|table| table.name == name);
        for Rule(_, _, which, columns) in RULES {
            let (Tables::TenantBut(names) | Tables::AllBut(names) | Tables::These(names)) = which;
            for name in *names {
                let table = find(name).unwrap_or_else(|| panic!("no table {name}"));
                if let (Tables::These(_), Columns::These(columns) | Columns::But(columns)) = (which, columns) {
                    for column in *columns {
                        assert!(table.columns.iter().any(|(known, _)| known == column), "no column {name}.{column}");
                    }
                }
            }
        }
    }

    #[test]
    fn operators_read_no_content_and_only_identity_and_the_mailer_read_secrets() {
        for grant in expected_grants().iter().filter(|grant| grant.privilege == Select) {
            let table = all_tables().into_iter().find(|table| table.name == grant.table).unwrap();
            let reads = |class| table.columns_of(class).any(|column| grant.columns.contains(column));
            assert!(grant.role != Operator.name() || !reads(Class::Confidential), "{grant:?}");
            let mailer = grant.role == System.name() && grant.table == "mail_outbox";
            assert!(grant.role == Identity.name() || mailer || !reads(Class::Secret), "{grant:?}");
        }
    }

    #[test]
    fn nobody_changes_or_removes_events_and_decisions() {
        let added_to = |grant: &&Grant| LOG.contains(&grant.table.as_str());
        assert!(expected_grants().iter().filter(added_to).all(|grant| [Select, Insert].contains(&grant.privilege)));
    }

    #[test]
    fn operators_write_neither_addresses_nor_the_status_of_a_membership_nor_existing_secrets() {
        let grants = expected_grants();
        let columns = |table: &str, privilege| {
            let found =
                grants.iter().find(|g| g.table == table && g.role == Operator.name() && g.privilege == privilege);
            found.map(|grant| grant.columns.clone()).unwrap_or_default()
        };
        assert!(!columns("users", Update).contains("email"));
        assert!(!columns("org_memberships", Insert).contains("status"));
        assert!(!columns("org_memberships", Update).contains("status"));
        for table in all_tables() {
            let updated = columns(table.name, Update);
            assert!(table.columns_of(Class::Secret).all(|secret| !updated.contains(secret)), "{}", table.name);
        }
    }
}

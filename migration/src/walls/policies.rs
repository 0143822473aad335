//! Row-level security: which rows each role sees. Policies read no table, and there is one shape for an organisation's rows.

use entity::table::TableClass;

use super::roles::Role;

/// The rows of the organisation that the transaction named.
const OWN_ROWS: &str = "org_id = palisade_org()";
/// On `organizations` itself.
const OWN_ORGANIZATION: &str = "id = palisade_org()";
const ALL_ROWS: &str = "true";

/// The one platform table with row-level security: a tenant sees its own organisation's row.
pub const ORGANIZATIONS: &str = "organizations";

/// Tenant tables that operators write, having entered the organisation: who belongs to it, its teams and its log.
pub const OPERATOR_WRITES: &[&str] =
    &["org_memberships", "invitations", "teams", "team_memberships", "agent_collaborators", "events", "event_heads"];

/// Tenant tables that sign-in reads across organisations.
pub const IDENTITY_READS: &[&str] = &[
    "org_memberships",
    "team_memberships",
    "invitations",
    "service_accounts",
    "service_account_agents",
    "organization_issuers",
];

/// What a policy is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PolicyCommand {
    /// Every statement.
    All,
    /// Reading.
    Select,
    /// Changing.
    Update,
}

impl PolicyCommand {
    /// The SQL word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Select => "SELECT",
            Self::Update => "UPDATE",
        }
    }
}

/// A policy that should exist. All are permissive.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The table.
    pub table: &'static str,
    /// Its name, unique on the table.
    pub name: &'static str,
    /// What it is for.
    pub command: PolicyCommand,
    /// Whom it is for.
    pub roles: Vec<Role>,
    /// The rows that are seen.
    pub using: &'static str,
    /// The rows that may be written, where that is not the policy's default.
    pub check: Option<&'static str>,
}

/// Tables with row-level security enabled and forced.
pub fn secured_tables() -> Vec<&'static str> {
    let tenant = entity::tables().into_iter().filter(|table| table.class == TableClass::Tenant);
    tenant.map(|table| table.name).chain([ORGANIZATIONS]).collect()
}

/// Exactly the policies that should exist.
pub fn expected_policies() -> Vec<Policy> {
    use PolicyCommand::{All, Select, Update};
    let mut policies = vec![
        Policy {
            table: ORGANIZATIONS,
            name: "own_row",
            command: All,
            roles: vec![Role::Tenant],
            using: OWN_ORGANIZATION,
            check: Some(OWN_ORGANIZATION),
        },
        Policy {
            table: ORGANIZATIONS,
            name: "others",
            command: All,
            roles: vec![Role::Operator, Role::Identity, Role::System],
            using: ALL_ROWS,
            check: Some(ALL_ROWS),
        },
        // Sign-in notes when a membership was last used; its grant is for that column alone.
        Policy {
            table: "org_memberships",
            name: "identity_touches",
            command: Update,
            roles: vec![Role::Identity],
            using: ALL_ROWS,
            check: Some(ALL_ROWS),
        },
    ];
    for table in entity::tables().into_iter().filter(|table| table.class == TableClass::Tenant) {
        let mut roles = vec![Role::Tenant, Role::System];
        if OPERATOR_WRITES.contains(&table.name) {
            roles.push(Role::Operator);
        }
        policies.push(Policy {
            table: table.name,
            name: "tenant_rows",
            command: All,
            roles,
            using: OWN_ROWS,
            check: Some(OWN_ROWS),
        });
        let mut reads = |name, role| {
            policies.push(Policy {
                table: table.name,
                name,
                command: Select,
                roles: vec![role],
                using: ALL_ROWS,
                check: None,
            });
        };
        reads("operator_reads", Role::Operator);
        if IDENTITY_READS.contains(&table.name) {
            reads("identity_reads", Role::Identity);
        }
    }
    policies
}

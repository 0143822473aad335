//! Walls 4 and 5 on PostgreSQL: row-level security and grants, generated from the classes of the entities' columns.
//!
//! [`apply()`] makes them so, [`check()`] compares the live catalogue with what they should be. What a role may do is data:
//! the rules of [`grants`] and the policies of [`policies`], which a security review reads; nothing else grants anything.
//! `tests/golden/tables.txt` shows the outcome, a line a column.
//!
//! | role | is | sees |
//! |---|---|---|
//! | `palisade_owner` | owner of every table; the migrator's login does `SET ROLE` | nothing through row-level security, which is FORCEd on it, too |
//! | `palisade_tenant` | requests of an organisation's members | the rows of the organisation that the transaction named |
//! | `palisade_operator` | requests of super-admins | all rows, metadata columns |
//! | `palisade_identity` | sign-in | accounts, sessions, secrets; memberships across organisations; no content |
//! | `palisade_system` | background jobs | one organisation at a time, like a tenant; the mail outbox |
//!
//! None of them may sign in. A login is a member of the roles that it needs, and **every connection names its role when
//! it starts** (`options=-c role=palisade_tenant`): that is `SET ROLE` before the first statement, and what `RESET ROLE`
//! and `DISCARD ALL` go back to. The server's settings name one login, a member of all four; `NOINHERIT` keeps it from
//! holding all privileges at once before the switch. (A statement smuggled into a request could switch roles; statements
//! are bound, and only `store` builds them.)
//!
//! ```sql
//! CREATE ROLE palisade_app LOGIN NOINHERIT
//!     IN ROLE palisade_tenant, palisade_operator, palisade_identity, palisade_system;
//! ```
//!
//! The organisation is set by `SET LOCAL palisade.org_id` and read back by `palisade_org()`, which is null without one: no
//! row is anybody's then.

mod apply;
mod catalogue;
mod check;
pub mod grants;
pub mod policies;
pub mod roles;

pub use apply::{apply, force, lift};
pub(crate) use check::schema_stands;
pub use check::{Finding, check};
pub use grants::{Grant, Privilege, expected_grants};
pub use policies::{Policy, expected_policies};
pub use roles::{OWNER, Role};

use entity::table::{Audience, Class, Table, TableClass};

/// Name of the setting that holds the organisation of a transaction.
pub const ORG_SETTING: &str = "palisade.org_id";

/// The body of `palisade_org()`: one STABLE expression, so that the planner inlines it. The store's own predicate does not
/// call it: it binds the organisation as a value, so that the two walls do not lean on one setting.
pub(crate) const ORG_FUNCTION_BODY: &str = "SELECT nullif(current_setting('palisade.org_id', true), '')::uuid";

/// The migrations' own table: system and operators may ask how far the schema is.
pub(crate) const HISTORY: &str = "seaql_migrations";

/// Every table that may exist: the entities', and the migrations' own.
pub(crate) fn all_tables() -> Vec<Table> {
    let history = Table {
        name: HISTORY,
        class: TableClass::Platform,
        audience: Audience::Members,
        columns: vec![("version", Class::Metadata), ("applied_at", Class::Metadata)],
    };
    entity::tables().into_iter().chain([history]).collect()
}

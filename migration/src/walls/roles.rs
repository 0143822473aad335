//! The database roles. They belong to the whole cluster, so several databases may make them at the same instant.

use std::fmt;

use sea_orm::{ConnectionTrait, DbErr};

/// Owns every table and the one function; never signs in.
pub const OWNER: &str = "palisade_owner";

/// A role that the server works as. The owner is none of them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Requests of an organisation's members and service accounts.
    Tenant,
    /// Requests of super-admins.
    Operator,
    /// Sign-in.
    Identity,
    /// Background jobs.
    System,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tenant, Self::Operator, Self::Identity, Self::System];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "palisade_tenant",
            Self::Operator => "palisade_operator",
            Self::Identity => "palisade_identity",
            Self::System => "palisade_system",
        }
    }

    /// The value of the connection parameter `options` that makes a session work as this role from its start.
    pub fn connection_options(self) -> String {
        format!("-c role={}", self.name())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The owner's and all roles' names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [OWNER].into_iter().chain(Role::ALL.into_iter().map(Role::name))
}

/// SQL that makes the roles that are missing, takes from the others what they should not have, and lets whoever runs it
/// become the owner. For whoever may create roles, when the migrator's login may not.
///
/// Roles are the cluster's, and an advisory lock is a database's: two migrations may still race here. Creating loses
/// such a race as one of two errors, which mean the same; altering is done only where there is something to alter.
pub fn sql() -> String {
    let list = names().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    format!(
        "DO $roles$
DECLARE wanted text; found record;
BEGIN
  FOREACH wanted IN ARRAY ARRAY[{list}] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
      END;
    END IF;
  END LOOP;
  FOR found IN SELECT rolname, rolsuper FROM pg_roles WHERE rolname IN ({list})
      AND (rolsuper OR rolcanlogin OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication) LOOP
    IF found.rolsuper THEN
      EXECUTE format('ALTER ROLE %I NOSUPERUSER', found.rolname);
    END IF;
    EXECUTE format('ALTER ROLE %I NOLOGIN NOBYPASSRLS NOCREATEROLE NOCREATEDB', found.rolname);
  END LOOP;
  FOR found IN SELECT m.rolname AS member, r.rolname AS role FROM pg_auth_members a
      JOIN pg_roles m ON m.oid = a.member JOIN pg_roles r ON r.oid = a.roleid WHERE m.rolname IN ({list}) LOOP
    EXECUTE format('REVOKE %I FROM %I', found.role, found.member);
  END LOOP;
  IF NOT pg_has_role(current_user, '{OWNER}', 'MEMBER') THEN
    EXECUTE format('GRANT {OWNER} TO %I', current_user);
  END IF;
END
$roles$;"
    )
}

/// Runs [`sql`], in a transaction of its own: a role made inside a long one would make every other database wait for it.
pub(crate) async fn ensure(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    db.execute_unprepared(&sql()).await.map(drop)
}

//! What sign-in reads and writes.
//!
//! Every function runs inside a transaction that its caller began: on [`Role::Identity`](super::db::Role), which alone
//! sees secrets and a user's memberships across organisations, except where a function names another role. Nothing is
//! decided here; `identity` decides.
//!
//! **Locks** are taken in one order, so that no two transactions wait for each other: a user's row, then a session's,
//! then its refresh tokens'.

pub mod account;
pub mod email_change;
pub mod external;
pub mod invitation;
pub mod key;
pub mod mail;
pub mod one_time;
pub mod service_account;
pub mod session;
pub mod setup;
pub mod throttle;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use entity::{
    enums::{MembershipStatus, OrgRole, OrganizationStatus, TeamRole, UserStatus},
    ids::{OrgId, SessionId, TeamId, TypedId, UserId},
};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::db::Tx;
use crate::{auth::SessionStatus, error::Result};

/// One statement, the same text on both databases.
fn sql(tx: &Tx, text: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(tx.get_database_backend(), text, values)
}

#[derive(FromQueryResult)]
struct SessionStatusRow {
    session_id: SessionId,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
    user_id: UserId,
    email: String,
    status: UserStatus,
    is_super_admin: bool,
    org_id: Option<OrgId>,
    org_status: Option<OrganizationStatus>,
    role: Option<OrgRole>,
    membership_status: Option<MembershipStatus>,
    team_id: Option<TeamId>,
    team_role: Option<TeamRole>,
}

/// The session, its user and their place in its organisation: one row a team, one query a request. What is looked for is
/// appended.
const STANDING: &str = "SELECT s.id AS session_id, s.expires_at, s.revoked_at, s.org_id, \
     u.id AS user_id, u.email, u.status, u.is_super_admin, \
     o.status AS org_status, m.role, m.status AS membership_status, t.team_id, t.role AS team_role \
     FROM sessions s JOIN users u ON u.id = s.user_id \
     LEFT JOIN organizations o ON o.id = s.org_id \
     LEFT JOIN org_memberships m ON m.org_id = s.org_id AND m.user_id = s.user_id \
     LEFT JOIN team_memberships t ON t.org_id = s.org_id AND t.user_id = s.user_id \
     WHERE ";

/// What the rows say about a session now.
pub async fn session_status_lookup(tx: &Tx, session: SessionId) -> Result<Option<SessionStatus>> {
    let text = format!("{STANDING} s.id = $1");
    let rows = SessionStatusRow::find_by_statement(sql(tx, &text, [session.into()])).all(tx).await?;
    Ok(statuses(rows).remove(&session))
}

/// The same for many sessions in one query. Sessions that are gone are missing.
pub async fn session_status_list(tx: &Tx, sessions: &[SessionId]) -> Result<HashMap<SessionId, SessionStatus>> {
    if sessions.is_empty() {
        return Ok(HashMap::new());
    }
    let (condition, list) = one_of(tx, "s.id", sessions);
    let rows = SessionStatusRow::find_by_statement(sql(tx, &format!("{STANDING} {condition}"), [list])).all(tx);
    Ok(statuses(rows.await?))
}

#[derive(FromQueryResult)]
struct PlaceRow {
    org_status: OrganizationStatus,
    role: Option<OrgRole>,
    membership_status: Option<MembershipStatus>,
    team_id: Option<TeamId>,
    team_role: Option<TeamRole>,
}

/// A user's place in an organisation, without any session.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Whether the organisation is served.
    pub org_status: Option<OrganizationStatus>,
    /// The membership in it, if there is one.
    pub membership: Option<(OrgRole, MembershipStatus)>,
    /// Its teams.
    pub teams: BTreeMap<TeamId, TeamRole>,
}

/// What [`session_status_lookup`] reads of an organisation, for a user who has no session there.
const PLACE: &str = "SELECT o.status AS org_status, m.role, m.status AS membership_status, t.team_id, t.role AS team_role \
     FROM organizations o \
     LEFT JOIN org_memberships m ON m.org_id = o.id AND m.user_id = $1 \
     LEFT JOIN team_memberships t ON t.org_id = o.id AND t.user_id = $1 \
     WHERE o.id = $2";

/// The user's place in the organisation.
pub async fn place_lookup(tx: &Tx, user: UserId, org: OrgId) -> Result<Place> {
    let mut place = Place::default();
    for row in PlaceRow::find_by_statement(sql(tx, PLACE, [user.into(), org.into()])).all(tx).await? {
        place.org_status = Some(row.org_status);
        place.membership = row.role.zip(row.membership_status);
        place.teams.extend(row.team_id.zip(row.team_role));
    }
    Ok(place)
}

/// `column` is one of `ids`, bound as one value: one statement text whatever their number.
fn one_of<I: TypedId>(tx: &Tx, column: &str, ids: &[I]) -> (String, Value) {
    let (condition, list) = match tx.get_database_backend() {
        sea_orm::DbBackend::Sqlite => {
            let list: Vec<String> = ids.iter().map(|id| format!("\"{}\"", id.uuid().simple())).collect();
            (format!("{column} IN (SELECT unhex(value) FROM json_each($1))"), format!("[{}]", list.join(",")))
        }
        _ => {
            let list: Vec<String> = ids.iter().map(|id| id.uuid().to_string()).collect();
            (format!("{column} = ANY(CAST($1 AS uuid[]))"), format!("{{{}}}", list.join(",")))
        }
    };
    (condition, list.into())
}

fn statuses(rows: Vec<SessionStatusRow>) -> HashMap<SessionId, SessionStatus> {
    let mut statuses = HashMap::new();
    for row in rows {
        let team = row.team_id.zip(row.team_role);
        let status = statuses.entry(row.session_id).or_insert_with(|| SessionStatus {
            session_id: row.session_id,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            user_id: row.user_id,
            email: row.email,
            status: row.status,
            is_super_admin: row.is_super_admin,
            org_id: row.org_id,
            org_status: row.org_status,
            membership: row.role.zip(row.membership_status),
            teams: BTreeMap::new(),
        });
        status.teams.extend(team);
    }
    statuses
}

/// An organisation that a user may switch to.
#[derive(Clone, Debug, FromQueryResult)]
pub struct MembershipRow {
    /// The organisation.
    pub org_id: OrgId,
    /// Its name.
    pub name: String,
    /// Its handle.
    pub slug: String,
    /// The role in it.
    pub role: OrgRole,
    /// When the user first joined it.
    pub created_at: DateTime<Utc>,
}

/// Active memberships of served organisations, the last used one first.
const MEMBERSHIPS: &str = "SELECT m.org_id, o.name, o.slug, m.role, m.created_at \
     FROM org_memberships m JOIN organizations o ON o.id = m.org_id \
     WHERE m.user_id = $1 AND m.status = 'ACTIVE' AND o.status = 'ACTIVE' \
     ORDER BY m.last_used_at DESC NULLS LAST, m.org_id";

/// Every organisation that the user may sign in to, the last used one first.
pub async fn membership_list(tx: &Tx, user: UserId) -> Result<Vec<MembershipRow>> {
    Ok(MembershipRow::find_by_statement(sql(tx, MEMBERSHIPS, [user.into()])).all(tx).await?)
}

/// Notes that a membership is used now.
pub async fn membership_touch(tx: &Tx, org: OrgId, user: UserId, now: DateTime<Utc>) -> Result<()> {
    let text = "UPDATE org_memberships SET last_used_at = $3 WHERE org_id = $1 AND user_id = $2";
    tx.execute_raw(sql(tx, text, [org.into(), user.into(), now.into()])).await?;
    Ok(())
}

/// Waits for every other transaction that holds the lock of this name, until the end of this one. SQLite has one writer
/// at a time anyway.
pub async fn exclusive(tx: &Tx, lock: Lock) -> Result<()> {
    if tx.get_database_backend() == sea_orm::DbBackend::Postgres {
        tx.execute_raw(sql(tx, "SELECT pg_advisory_xact_lock($1)", [(lock as i64).into()])).await?;
    }
    Ok(())
}

/// What only one transaction in the whole database may be doing. Numbers that nobody else is likely to take.
#[derive(Clone, Copy, Debug)]
#[repr(i64)]
pub enum Lock {
    /// Making or retiring signing keys.
    SigningKeys = 0x7061_6c69_0001,
    /// Making a super-admin from the command line.
    SuperAdmins = 0x7061_6c69_0002,
}

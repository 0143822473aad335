//! External subjects and their links to accounts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{
    enums::{MembershipStatus, OrgRole, OrganizationStatus, TeamRole, UserStatus},
    ids::{OrgId, TeamId, UserId, UserIdentityId},
    organization_issuer, user_identity,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::sql;
use crate::{
    auth::external::{ExternalStatus, Place},
    error::Result,
    store::db::Tx,
};

#[derive(FromQueryResult)]
struct StandingRow {
    identity_id: UserIdentityId,
    user_id: UserId,
    status: UserStatus,
    is_super_admin: bool,
    org_id: Option<OrgId>,
    slug: Option<String>,
    org_status: Option<OrganizationStatus>,
    role: Option<OrgRole>,
    membership_status: Option<MembershipStatus>,
    team_id: Option<TeamId>,
    team_role: Option<TeamRole>,
}

/// The link, its account, and its memberships of organisations that let the issuer in: a row for each team of each.
const STANDING: &str = "SELECT i.id AS identity_id, u.id AS user_id, u.status, u.is_super_admin, \
     m.org_id, o.slug, o.status AS org_status, m.role, m.status AS membership_status, t.team_id, t.role AS team_role \
     FROM user_identities i JOIN users u ON u.id = i.user_id \
     LEFT JOIN org_memberships m ON m.user_id = u.id AND EXISTS \
     (SELECT 1 FROM organization_issuers e WHERE e.org_id = m.org_id AND e.issuer = i.issuer) \
     LEFT JOIN organizations o ON o.id = m.org_id \
     LEFT JOIN team_memberships t ON t.org_id = m.org_id AND t.user_id = m.user_id \
     WHERE i.issuer = $1 AND i.subject = $2 ORDER BY m.org_id";

/// What the rows say about an external subject now; `None` where nobody linked it. On `Role::Identity`.
pub async fn external_status_lookup(tx: &Tx, issuer: &str, subject: &str) -> Result<Option<ExternalStatus>> {
    let values = [issuer.into(), subject.into()];
    let rows = StandingRow::find_by_statement(sql(tx, STANDING, values)).all(tx).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut standing = ExternalStatus {
        identity_id: first.identity_id,
        user_id: first.user_id,
        status: first.status,
        is_super_admin: first.is_super_admin,
        places: Vec::new(),
    };
    for row in rows {
        let (Some(org_id), Some(slug), Some(org_status), Some(role), Some(status)) =
            (row.org_id, row.slug, row.org_status, row.role, row.membership_status)
        else {
            continue;
        };
        if standing.places.last().is_none_or(|place| place.org_id != org_id) {
            standing.places.push(Place { org_id, slug, org_status, role, status, teams: BTreeMap::new() });
        }
        if let (Some(place), Some(team), Some(role)) = (standing.places.last_mut(), row.team_id, row.team_role) {
            place.teams.insert(team, role);
        }
    }
    Ok(Some(standing))
}

#[derive(FromQueryResult)]
struct OrgRow {
    id: OrgId,
}

/// The served organisation of that id or handle, if its admins let the issuer in. On `Role::Identity`.
pub async fn issuer_organization(tx: &Tx, issuer: &str, named: &str) -> Result<Option<OrgId>> {
    let text = "SELECT o.id FROM organizations o JOIN organization_issuers e ON e.org_id = o.id \
         WHERE e.issuer = $1 AND o.status = 'ACTIVE' AND ";
    let id: Option<OrgId> = named.parse().ok();
    let statement = match id {
        Some(id) => sql(tx, &format!("{text} o.id = $2"), [issuer.into(), id.into()]),
        None => sql(tx, &format!("{text} o.slug = $2"), [issuer.into(), named.into()]),
    };
    Ok(OrgRow::find_by_statement(statement).one(tx).await?.map(|row| row.id))
}

/// Whether the organisation lets the issuer in. On `Role::System`, inside the organisation.
pub async fn issuer_is_enabled(tx: &Tx, org: OrgId, issuer: &str) -> Result<bool> {
    let found: Option<OrgId> = organization_issuer::Entity::find()
        .select_only()
        .column(organization_issuer::Column::OrgId)
        .filter(organization_issuer::Column::OrgId.eq(org))
        .filter(organization_issuer::Column::Issuer.eq(issuer))
        .lock_shared()
        .into_tuple()
        .one(tx)
        .await?;
    Ok(found.is_some())
}

/// A link.
#[derive(Clone, Debug, FromQueryResult)]
pub struct IdentityRow {
    /// Its id.
    pub id: UserIdentityId,
    /// The account.
    pub user_id: UserId,
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// When it was linked.
    pub created_at: DateTime<Utc>,
}

fn identities() -> sea_orm::Select<user_identity::Entity> {
    use user_identity::Column::{CreatedAt, Id, Issuer, Subject, UserId};
    user_identity::Entity::find().select_only().columns([Id, UserId, Issuer, Subject, CreatedAt])
}

/// The links of an account, oldest first.
pub async fn identity_list(tx: &Tx, user: UserId) -> Result<Vec<IdentityRow>> {
    let own = identities().filter(user_identity::Column::UserId.eq(user));
    Ok(own.order_by_asc(user_identity::Column::Id).into_model().all(tx).await?)
}

/// How many links an account has.
pub async fn identity_count(tx: &Tx, user: UserId) -> Result<u64> {
    Ok(user_identity::Entity::find().filter(user_identity::Column::UserId.eq(user)).count(tx).await?)
}

/// The link of a subject.
pub async fn identity_lookup(tx: &Tx, issuer: &str, subject: &str) -> Result<Option<IdentityRow>> {
    Ok(identities()
        .filter(user_identity::Column::Issuer.eq(issuer))
        .filter(user_identity::Column::Subject.eq(subject))
        .into_model()
        .one(tx)
        .await?)
}

/// Links a subject. On `Role::System`, like what follows.
pub async fn identity_create(tx: &Tx, row: IdentityRow) -> Result<()> {
    let row = user_identity::ActiveModel {
        id: Set(row.id),
        user_id: Set(row.user_id),
        issuer: Set(row.issuer),
        subject: Set(row.subject),
        created_at: Set(row.created_at),
    };
    user_identity::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Lets a subject go; `false` where the account has no such link.
pub async fn identity_delete(tx: &Tx, user: UserId, id: UserIdentityId) -> Result<bool> {
    let done = user_identity::Entity::delete_many()
        .filter(user_identity::Column::Id.eq(id))
        .filter(user_identity::Column::UserId.eq(user))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

//! What is known of a service account when its key is presented.

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use chrono::{DateTime, Utc};
use entity::{
    confidential::{JsonText, Secret},
    enums::{MembershipStatus, OrgRole, OrganizationStatus, ServiceScope, UserStatus},
    ids::{AgentId, OrgId, ServiceAccountId},
};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{one_of, sql};
use crate::{
    auth::{ServiceKeyStatus, service_key::Maker},
    error::{Error, Result},
    store::db::Tx,
    viewer::AgentAccess,
};

#[derive(FromQueryResult)]
struct KeyRow {
    org_id: OrgId,
    id: ServiceAccountId,
    scopes: JsonText,
    all_agents: bool,
    key_hash: Secret,
    previous_key_hash: Option<Secret>,
    previous_key_expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    org_status: OrganizationStatus,
    maker_status: UserStatus,
    is_super_admin: bool,
    role: Option<OrgRole>,
    membership_status: Option<MembershipStatus>,
    agent_id: Option<AgentId>,
}

/// The account, its organisation, its maker and their place there: one row an agent, one query a request. What is looked
/// for is appended.
const KEY: &str = "SELECT a.org_id, a.id, a.scopes, a.all_agents, a.key_hash, a.previous_key_hash, a.previous_key_expires_at, \
     a.last_used_at, a.revoked_at, o.status AS org_status, \
     u.status AS maker_status, u.is_super_admin, m.role, m.status AS membership_status, g.agent_id \
     FROM service_accounts a JOIN organizations o ON o.id = a.org_id JOIN users u ON u.id = a.created_by \
     LEFT JOIN org_memberships m ON m.org_id = a.org_id AND m.user_id = a.created_by \
     LEFT JOIN service_account_agents g ON g.org_id = a.org_id AND g.service_account_id = a.id \
     WHERE ";

/// What the rows say about a service account now.
pub async fn key_lookup(tx: &Tx, org_id: OrgId, id: ServiceAccountId) -> Result<Option<ServiceKeyStatus>> {
    let text = format!("{KEY} a.org_id = $1 AND a.id = $2");
    let rows = KeyRow::find_by_statement(sql(tx, &text, [org_id.into(), id.into()])).all(tx).await?;
    Ok(standings(rows)?.remove(&(org_id, id)))
}

/// The same for many service accounts in one query. Those that are gone are missing.
pub async fn key_list(
    tx: &Tx,
    ids: &[ServiceAccountId],
) -> Result<HashMap<(OrgId, ServiceAccountId), ServiceKeyStatus>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let (condition, list) = one_of(tx, "a.id", ids);
    let rows = KeyRow::find_by_statement(sql(tx, &format!("{KEY} {condition}"), [list])).all(tx).await?;
    standings(rows)
}

#[derive(FromQueryResult)]
struct NamedRow {
    id: ServiceAccountId,
    name: String,
}

/// The service accounts of the organisation of that handle, with their names.
pub async fn key_names(tx: &Tx, slug: &str) -> Result<Vec<(ServiceAccountId, String)>> {
    let text = "SELECT a.id, a.name FROM service_accounts a JOIN organizations o ON o.id = a.org_id WHERE o.slug = $1";
    let rows = NamedRow::find_by_statement(sql(tx, text, [slug.into()])).all(tx).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

fn standings(rows: Vec<KeyRow>) -> Result<HashMap<(OrgId, ServiceAccountId), ServiceKeyStatus>> {
    let mut standings = HashMap::new();
    for row in rows {
        let key = (row.org_id, row.id);
        let agent = row.agent_id;
        if let Entry::Vacant(free) = standings.entry(key) {
            free.insert(standing(row)?);
        }
        if let (Some(ServiceKeyStatus { agents: AgentAccess::Named(agents), .. }), Some(agent)) =
            (standings.get_mut(&key), agent)
        {
            agents.insert(agent);
        }
    }
    Ok(standings)
}

fn standing(row: KeyRow) -> Result<ServiceKeyStatus> {
    Ok(ServiceKeyStatus {
        org_id: row.org_id,
        id: row.id,
        scopes: scopes(&row.scopes)?.into_iter().collect(),
        agents: if row.all_agents { AgentAccess::All } else { AgentAccess::Named(BTreeSet::new()) },
        key_hash: row.key_hash,
        previous: row.previous_key_hash.zip(row.previous_key_expires_at),
        last_used_at: row.last_used_at,
        revoked_at: row.revoked_at,
        org_status: row.org_status,
        maker: Maker {
            status: row.maker_status,
            is_super_admin: row.is_super_admin,
            membership: row.role.zip(row.membership_status),
        },
    })
}

/// Reads stored scopes. A word that is none is a fault of ours, and grants nothing.
pub fn scopes(stored: &JsonText) -> Result<Vec<ServiceScope>> {
    let words: Vec<String> =
        serde_json::from_str(stored.as_str()).map_err(|_| Error::internal("scopes that are no list"))?;
    Ok(ServiceScope::ALL.iter().copied().filter(|scope| words.iter().any(|word| word == scope.as_str())).collect())
}

/// Notes that a key was used, unless that was noted after `before`. On `Role::System`, inside the organisation.
pub async fn key_touch(
    tx: &Tx,
    org_id: OrgId,
    id: ServiceAccountId,
    now: DateTime<Utc>,
    before: DateTime<Utc>,
) -> Result<()> {
    let text = "UPDATE service_accounts SET last_used_at = $3 \
                WHERE org_id = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at < $4)";
    tx.execute_raw(sql(tx, text, [org_id.into(), id.into(), now.into(), before.into()])).await?;
    Ok(())
}

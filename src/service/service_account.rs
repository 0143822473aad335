//! Service accounts: the keys of planners and workers.
//!
//! A key is shown once, to who made or rotated it. It never reaches further than its maker: the agents that it names are
//! in the maker's sight, and it works while its maker is an active admin.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use entity::{
    confidential::Secret,
    enums::ServiceScope,
    ids::{AgentId, OrgId, ServiceAccountId},
};

use super::{Context, input};
use crate::{
    auth::service_key,
    error::{Error, Result},
    policy::{
        OrgFacts, ServiceAccountFacts,
        permit::{CreateServiceAccount, ManageServiceAccount, Permit, permit},
    },
    store::{
        list::row::Row,
        read::{agent::AgentRow, service_account::ServiceAccountRow},
        write::service_account::ServiceAccountDraft,
    },
};

/// Most agents that a service account names.
pub const AGENTS: usize = 100;
/// Longest time that a key works after its rotation.
pub const OVERLAP: TimeDelta = TimeDelta::days(7);

/// A service account to be made.
#[derive(Clone, Debug)]
pub struct CreateServiceAccountInput {
    /// Its name, for people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<ServiceScope>,
    /// The agents that it sees; all of them without a list.
    pub agents: Option<Vec<AgentId>>,
}

/// A service account's key, for whoever asked for it and nobody else.
pub struct IssuedKey {
    /// The service account.
    pub id: ServiceAccountId,
    /// The key.
    pub key: String,
}

impl std::fmt::Debug for IssuedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IssuedKey({})", self.id)
    }
}

/// Makes a service account of the viewer's organisation.
pub async fn create(cx: Context<'_>, new: CreateServiceAccountInput) -> Result<IssuedKey> {
    let name = input::name("input.name", &new.name)?;
    let scopes: BTreeSet<ServiceScope> = new.scopes.into_iter().collect();
    if scopes.is_empty() {
        return Err(Error::validation("input.scopes", "must name at least one"));
    }
    let agents: Option<BTreeSet<AgentId>> = new.agents.map(|agents| agents.into_iter().collect());
    match &agents {
        Some(agents) if agents.is_empty() => {
            return Err(Error::validation("input.agentIds", "must name at least one, or be absent for all"));
        }
        Some(agents) if agents.len() > AGENTS => {
            return Err(Error::validation("input.agentIds", format!("must be at most {AGENTS}")));
        }
        _ => {}
    }
    let org = cx.organization("input", None)?;
    let permit = permit::<CreateServiceAccount>(cx.viewer, &org)?;
    let agents = match agents {
        None => None,
        Some(named) => {
            let named: Vec<AgentId> = named.into_iter().collect();
            let mut rows = cx.store.agent_by_ids(&named, AgentRow::keys()).await?;
            if rows.len() != named.len() {
                return Err(Error::NotFound);
            }
            rows.sort_unstable_by_key(|row| row.id);
            Some(rows.iter().map(AgentRow::key).collect())
        }
    };
    let id = cx.clock.id();
    let fresh = service_key::fresh(org.org_id, id);
    let scopes = scopes.into_iter().collect();
    let draft = ServiceAccountDraft { id, name, scopes, agents, key_hash: Secret::new(fresh.hash) };
    cx.store.service_account_create(cx.clock, &permit, draft).await?;
    Ok(IssuedKey { id, key: fresh.text })
}

/// Gives a service account another key. The one before works for `overlap_hours` longer; for none, it ends at once.
pub async fn rotate(cx: Context<'_>, id: ServiceAccountId, overlap_hours: i32) -> Result<IssuedKey> {
    let overlap =
        TimeDelta::try_hours(overlap_hours.into()).filter(|overlap| (TimeDelta::zero()..=OVERLAP).contains(overlap));
    let overlap = overlap
        .ok_or_else(|| Error::validation("overlapHours", format!("must be between 0 and {}", OVERLAP.num_hours())))?;
    let (org_id, permit) = manage(cx, id).await?;
    let fresh = service_key::fresh(org_id, id);
    cx.store.service_account_rotate(cx.clock, &permit, Secret::new(fresh.hash), overlap).await?;
    Ok(IssuedKey { id, key: fresh.text })
}

/// Takes a service account back, for good: its next request is refused.
pub async fn revoke(cx: Context<'_>, id: ServiceAccountId) -> Result<ServiceAccountId> {
    let (_, permit) = manage(cx, id).await?;
    cx.store.service_account_revoke(cx.clock, &permit).await?;
    Ok(id)
}

async fn manage(cx: Context<'_>, id: ServiceAccountId) -> Result<(OrgId, Permit<ManageServiceAccount>)> {
    let row = cx.store.service_account_by_ids(&[id], ServiceAccountRow::keys()).await?.pop().ok_or(Error::NotFound)?;
    let facts = ServiceAccountFacts { org: OrgFacts { org_id: row.org_id }, id };
    Ok((row.org_id, permit::<ManageServiceAccount>(cx.viewer, &facts)?))
}

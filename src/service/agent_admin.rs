//! Who decides an agent's approvals. On a global agent, each organisation appoints its own.

use entity::ids::{AgentId, UserId};

use super::Context;
use crate::{
    error::Result,
    policy::permit::{GovernAgent, permit},
};

/// Appoints an active member of the organisation; anybody else is not found.
pub async fn add(cx: Context<'_>, agent_id: AgentId, user_id: UserId) -> Result<AgentId> {
    let permit = permit::<GovernAgent>(cx.viewer, &cx.store.agent_facts(agent_id).await?)?;
    cx.store.agent_admin_add(cx.clock, &permit, user_id).await?;
    Ok(agent_id)
}

/// Dismisses an agent admin.
pub async fn remove(cx: Context<'_>, agent_id: AgentId, user_id: UserId) -> Result<AgentId> {
    let permit = permit::<GovernAgent>(cx.viewer, &cx.store.agent_facts(agent_id).await?)?;
    cx.store.agent_admin_remove(cx.clock, &permit, user_id).await?;
    Ok(agent_id)
}

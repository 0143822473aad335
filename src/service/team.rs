//! Teams: created, renamed and deleted by the organisation's admins and by super-admins; their members are the
//! organisation's own matter.

use entity::{
    enums::TeamRole,
    ids::{OrgId, TeamId, TeamMembershipId, UserId},
};

use super::{Context, input};
use crate::{
    error::{Error, Result},
    policy::permit::{CreateTeam, ManageTeam, ManageTeamMembers, permit},
    store::{
        list::row::Row as _,
        read::organization::OrganizationRow,
        write::team::{TeamChange, TeamDraft},
    },
};

/// What a new team is to be.
#[derive(Clone, Debug)]
pub struct CreateTeamInput {
    /// Whose it is: a super-admin names an organisation, a member need not.
    pub organization_id: Option<OrgId>,
    /// Display name.
    pub name: String,
    /// Handle, unique in the organisation.
    pub slug: String,
    /// What the team is for.
    pub description: Option<String>,
}

/// What is to change of a team.
#[derive(Clone, Debug)]
pub struct UpdateTeamInput {
    /// The team.
    pub id: TeamId,
    /// Display name.
    pub name: Option<String>,
    /// Handle, unique in the organisation.
    pub slug: Option<String>,
    /// What the team is for.
    pub description: Option<String>,
}

/// A member's place in a team.
#[derive(Clone, Copy, Debug)]
pub struct TeamMemberInput {
    /// The team.
    pub team_id: TeamId,
    /// The member.
    pub user_id: UserId,
    /// The role in the team.
    pub role: TeamRole,
}

fn description(text: &str) -> Result<String> {
    input::paragraph("input.description", text, input::DESCRIPTION)
}

/// Creates a team.
pub async fn create(cx: Context<'_>, new: CreateTeamInput) -> Result<TeamId> {
    let draft = TeamDraft {
        name: input::name("input.name", &new.name)?,
        slug: input::slug("input.slug", &new.slug)?,
        description: description(new.description.as_deref().unwrap_or_default())?,
    };
    let facts = cx.organization("input.organizationId", new.organization_id)?;
    let permit = permit::<CreateTeam>(cx.viewer, &facts)?;
    // A super-admin may do so anywhere: is there such an organisation?
    let found = cx.store.organization_by_ids(&[facts.org_id], OrganizationRow::keys()).await?;
    found.first().ok_or(Error::NotFound)?;
    cx.store.team_create(cx.clock, &permit, draft).await
}

/// Renames or describes a team.
pub async fn update(cx: Context<'_>, change: UpdateTeamInput) -> Result<TeamId> {
    let allowed = TeamChange {
        name: change.name.map(|name| input::name("input.name", &name)).transpose()?,
        slug: change.slug.map(|slug| input::slug("input.slug", &slug)).transpose()?,
        description: change.description.map(|text| description(&text)).transpose()?,
    };
    let permit = permit::<ManageTeam>(cx.viewer, &cx.store.team_facts(change.id).await?)?;
    cx.store.team_update(cx.clock, &permit, allowed).await?;
    Ok(change.id)
}

/// Deletes a team that owns no agent; its memberships and collaborations end.
pub async fn delete(cx: Context<'_>, id: TeamId) -> Result<TeamId> {
    let permit = permit::<ManageTeam>(cx.viewer, &cx.store.team_facts(id).await?)?;
    cx.store.team_delete(cx.clock, &permit).await?;
    Ok(id)
}

/// Adds an active member of the organisation to a team. Anybody else is not found, whether there is such a user or not.
pub async fn add_member(cx: Context<'_>, member: TeamMemberInput) -> Result<TeamMembershipId> {
    let permit = permit::<ManageTeamMembers>(cx.viewer, &cx.store.team_facts(member.team_id).await?)?;
    cx.store.team_member_add(cx.clock, &permit, member.user_id, member.role).await
}

/// Changes a member's role in a team.
pub async fn update_member_role(cx: Context<'_>, member: TeamMemberInput) -> Result<()> {
    let permit = permit::<ManageTeamMembers>(cx.viewer, &cx.store.team_facts(member.team_id).await?)?;
    cx.store.team_member_update(cx.clock, &permit, member.user_id, member.role).await
}

/// Ends a membership of a team.
pub async fn remove_member(cx: Context<'_>, team_id: TeamId, user_id: UserId) -> Result<TeamId> {
    let permit = permit::<ManageTeamMembers>(cx.viewer, &cx.store.team_facts(team_id).await?)?;
    cx.store.team_member_remove(cx.clock, &permit, user_id).await?;
    Ok(team_id)
}

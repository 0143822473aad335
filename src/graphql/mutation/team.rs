//! Teams and their members.

use async_graphql::{Context, ID, InputObject, Object};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::{gid, parse_id, parse_optional_id},
        enums::TeamRole,
        guard::{Requires, requires},
        types::{
            organization::DeletePayload,
            work_payload::{TeamMembershipPayload, TeamPayload},
        },
    },
    policy::Permission,
    service::team as cases,
};

/// A team to be created.
#[derive(InputObject)]
pub struct CreateTeamInput {
    /// In which organisation; the viewer's own without it. A super-admin names one.
    pub organization_id: Option<ID>,
    /// Display name.
    pub name: String,
    /// Handle, unique in the organisation: lower-case letters, digits and hyphens.
    pub slug: String,
    /// What the team is for.
    pub description: Option<String>,
}

/// What is to change of a team; what is not given stays.
#[derive(InputObject)]
pub struct UpdateTeamInput {
    /// The team.
    pub id: ID,
    /// Display name.
    pub name: Option<String>,
    /// Handle, unique in the organisation: lower-case letters, digits and hyphens.
    pub slug: Option<String>,
    /// What the team is for.
    pub description: Option<String>,
}

/// A member's place in a team.
#[derive(InputObject)]
pub struct TeamMemberInput {
    /// The team.
    pub team_id: ID,
    /// An active member of the team's organisation.
    pub user_id: ID,
    /// What the member may do in the team.
    pub role: TeamRole,
}

impl TeamMemberInput {
    fn parse(&self) -> Result<cases::TeamMemberInput> {
        Ok(cases::TeamMemberInput {
            team_id: parse_id("input.teamId", &self.team_id)?,
            user_id: parse_id("input.userId", &self.user_id)?,
            role: self.role.into(),
        })
    }
}

#[derive(Default)]
pub struct TeamMutation;

#[Object]
impl TeamMutation {
    /// Creates a team.
    #[graphql(guard = "Requires(Permission::TeamManage)", directive = requires::apply(Permission::TeamManage.into()))]
    async fn create_team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The team.")] input: CreateTeamInput,
    ) -> Result<TeamPayload> {
        let new = cases::CreateTeamInput {
            organization_id: parse_optional_id("input.organizationId", input.organization_id.as_ref())?,
            name: input.name,
            slug: input.slug,
            description: input.description,
        };
        cases::create(begin(ctx).await, new).await.map(TeamPayload)
    }

    /// Renames or describes a team.
    #[graphql(guard = "Requires(Permission::TeamManage)", directive = requires::apply(Permission::TeamManage.into()))]
    async fn update_team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateTeamInput,
    ) -> Result<TeamPayload> {
        let change = cases::UpdateTeamInput {
            id: parse_id("input.id", &input.id)?,
            name: input.name,
            slug: input.slug,
            description: input.description,
        };
        cases::update(begin(ctx).await, change).await.map(TeamPayload)
    }

    /// Deletes a team, with its memberships and collaborations. A team that owns agents is a conflict, archived ones count.
    #[graphql(guard = "Requires(Permission::TeamManage)", directive = requires::apply(Permission::TeamManage.into()))]
    async fn delete_team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The team's id.")] id: ID,
    ) -> Result<DeletePayload> {
        let deleted = cases::delete(begin(ctx).await, parse_id("id", &id)?).await?;
        Ok(DeletePayload { deleted_id: gid(deleted) })
    }

    /// Adds an active member of the organisation to a team.
    #[graphql(
        guard = "Requires(Permission::TeamMemberManage)",
        directive = requires::apply(Permission::TeamMemberManage.into())
    )]
    async fn add_team_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who joins.")] input: TeamMemberInput,
    ) -> Result<TeamMembershipPayload> {
        let member = input.parse()?;
        cases::add_member(begin(ctx).await, member).await?;
        Ok(TeamMembershipPayload { team_id: member.team_id, user_id: member.user_id })
    }

    /// Changes a member's role in a team.
    #[graphql(
        guard = "Requires(Permission::TeamMemberManage)",
        directive = requires::apply(Permission::TeamMemberManage.into())
    )]
    async fn update_team_member_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who gets which role.")] input: TeamMemberInput,
    ) -> Result<TeamMembershipPayload> {
        let member = input.parse()?;
        cases::update_member_role(begin(ctx).await, member).await?;
        Ok(TeamMembershipPayload { team_id: member.team_id, user_id: member.user_id })
    }

    /// Takes a member out of a team.
    #[graphql(
        guard = "Requires(Permission::TeamMemberManage)",
        directive = requires::apply(Permission::TeamMemberManage.into())
    )]
    async fn remove_team_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The team's id.")] team_id: ID,
        #[graphql(desc = "The member's id.")] user_id: ID,
    ) -> Result<TeamPayload> {
        let (team_id, user_id) = (parse_id("teamId", &team_id)?, parse_id("userId", &user_id)?);
        cases::remove_member(begin(ctx).await, team_id, user_id).await.map(TeamPayload)
    }
}

//! The batches: one per kind of nested field.

use std::collections::HashMap;

use entity::{
    agent, agent_collaborator, agent_document,
    enums::{DocumentType, GoalStatus, TaskStatus},
    goal,
    ids::{AgentId, GoalId, OrgId, TaskId, TeamId, UserId, WorkerId},
    invitation, org_membership, organization, organization_issuer, task, team, team_membership, user, worker,
};

use super::load::{Answers, Batch};
use crate::{
    policy::{AgentKey, TeamKey},
    store::{
        Store,
        agent::{AgentQuery, AgentRow, CollaboratorRow, Standing},
        document::DocumentRow,
        goal::{GoalQuery, GoalRow},
        invitation::{InvitationFilter, InvitationRow},
        issuer::OrganizationIssuerRow,
        membership::{MemberFilter, MembershipRow},
        organization::{OrganizationCount, OrganizationRow},
        page::{Page, PageRequest},
        row::Columns,
        task::{DependencyRow, Direction, TaskQuery, TaskRow},
        team::{TeamMembershipRow, TeamRow},
        user::UserRow,
        worker::WorkerRow,
    },
};

macro_rules! batches {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty),* $(,)? } ($key:ty => $value:ty)
        |$this:ident, $store:ident, $keys:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Eq, Hash, PartialEq)]
            pub struct $name {
                $(#[doc = concat!("What keys of one batch share: ", stringify!($field), ".")] pub $field: $ty,)*
            }

            impl Batch for $name {
                type Key = $key;
                type Value = $value;

                fn load<'a>(&'a self, $store: &'a Store, $keys: &'a [$key]) -> Answers<'a, $key, $value> {
                    let $this = self;
                    Box::pin(async move { $body })
                }
            }
        )*
    };
}

/// Rows by their key.
fn by<K: Eq + std::hash::Hash, V>(rows: Vec<V>, key: impl Fn(&V) -> K) -> crate::error::Result<HashMap<K, V>> {
    Ok(rows.into_iter().map(|row| (key(&row), row)).collect())
}

/// Rows grouped by what they belong to, in their order.
fn grouped<K: Eq + std::hash::Hash, V>(
    rows: impl IntoIterator<Item = (K, V)>,
) -> crate::error::Result<HashMap<K, Vec<V>>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in rows {
        groups.entry(key).or_default().push(value);
    }
    Ok(groups)
}

/// Pages in the order of their parents.
fn zip<K: Copy + Eq + std::hash::Hash, V>(keys: &[K], pages: Vec<V>) -> crate::error::Result<HashMap<K, V>> {
    Ok(keys.iter().copied().zip(pages).collect())
}

batches! {
    /// Users by id.
    UserById { columns: Columns<user::Entity> } (UserId => UserRow)
        |this, store, keys| by(store.user_by_ids(keys, this.columns).await?, |row| row.id);
    /// Names of whoever acted, operators included, for the audit log.
    ActorName {} (UserId => String)
        |_this, store, keys| store.user_names_on_history(keys).await;
    /// Organisations by id.
    OrganizationById { columns: Columns<organization::Entity> } (OrgId => OrganizationRow)
        |this, store, keys| by(store.organization_by_ids(keys, this.columns).await?, |row| row.id);
    /// Teams by id.
    TeamById { columns: Columns<team::Entity> } (TeamId => TeamRow)
        |this, store, keys| by(store.team_by_ids(keys, this.columns).await?, |row| row.id);
    /// Agents by id.
    AgentById { columns: Columns<agent::Entity> } (AgentId => AgentRow)
        |this, store, keys| by(store.agent_by_ids(keys, this.columns).await?, |row| row.id);
    /// Goals by id.
    GoalById { columns: Columns<goal::Entity> } (GoalId => GoalRow)
        |this, store, keys| by(store.goal_by_ids(keys, this.columns).await?, |row| row.id);
    /// Tasks by id.
    TaskById { columns: Columns<task::Entity> } (TaskId => TaskRow)
        |this, store, keys| by(store.task_by_ids(keys, this.columns).await?, |row| row.id);
    /// Workers by id.
    WorkerById { columns: Columns<worker::Entity> } (WorkerId => WorkerRow)
        |this, store, keys| by(store.worker_by_ids(keys, this.columns).await?, |row| row.id);

    /// Memberships of users, as far as the viewer sees them.
    MembershipsOf { columns: Columns<org_membership::Entity> } (UserId => Vec<MembershipRow>)
        |this, store, keys| {
            let rows = store.memberships_of(keys, this.columns).await?;
            grouped(rows.into_iter().map(|row| (row.user_id, row)))
        };
    /// Members of organisations.
    Members { filter: MemberFilter, columns: Columns<org_membership::Entity>, page: PageRequest }
        (OrgId => Page<MembershipRow>)
        |this, store, keys| zip(keys, store.member_list(keys, &this.filter, this.columns, &this.page).await?);
    /// External issuers that organisations let in.
    IssuersOfOrganizations { columns: Columns<organization_issuer::Entity> } (OrgId => Vec<OrganizationIssuerRow>)
        |this, store, keys| {
            let rows = store.issuers_of_organizations(keys, this.columns).await?;
            grouped(rows.into_iter().map(|row| (row.org_id, row)))
        };
    /// How many members organisations have.
    MemberCount { filter: MemberFilter } (OrgId => i64)
        |this, store, keys| store.member_counts(keys, &this.filter).await;
    /// Invitations of organisations.
    Invitations { filter: InvitationFilter, columns: Columns<invitation::Entity>, page: PageRequest }
        (OrgId => Page<InvitationRow>)
        |this, store, keys| {
            zip(keys, store.invitations_of_organizations(keys, &this.filter, this.columns, &this.page).await?)
        };
    /// How many invitations organisations have.
    InvitationCount { filter: InvitationFilter } (OrgId => i64)
        |this, store, keys| store.invitation_counts_of_organizations(keys, &this.filter).await;
    /// Teams of organisations.
    TeamsOfOrganizations { columns: Columns<team::Entity>, page: PageRequest } (OrgId => Page<TeamRow>)
        |this, store, keys| zip(keys, store.teams_of_organizations(keys, this.columns, &this.page).await?);
    /// How many teams organisations have.
    TeamCount {} (OrgId => i64)
        |_this, store, keys| store.team_counts(keys).await;
    /// Own agents of organisations.
    AgentsOfOrganizations { query: AgentQuery, columns: Columns<agent::Entity>, page: PageRequest }
        (OrgId => Page<AgentRow>)
        |this, store, keys| {
            zip(keys, store.agents_of_organizations(keys, &this.query, this.columns, &this.page).await?)
        };
    /// How many own agents organisations have.
    AgentCountOfOrganizations { query: AgentQuery } (OrgId => i64)
        |this, store, keys| store.agent_counts_of_organizations(keys, &this.query).await;
    /// Counts of organisations.
    CountOfOrganizations { of: OrganizationCount } (OrgId => i64)
        |this, store, keys| store.organization_counts(this.of, keys).await;
    /// Goals of organisations by state.
    GoalStatesOfOrganizations {} (OrgId => Vec<(GoalStatus, i64)>)
        |_this, store, keys| {
            let counts = store.organization_goal_counts(keys).await?;
            grouped(counts.into_iter().map(|(id, state, count)| (id, (state, count))))
        };
    /// Tasks of organisations by state.
    TaskStatesOfOrganizations {} (OrgId => Vec<(TaskStatus, i64)>)
        |_this, store, keys| {
            let counts = store.organization_task_counts(keys).await?;
            grouped(counts.into_iter().map(|(id, state, count)| (id, (state, count))))
        };
    /// Members of teams.
    TeamMembers { columns: Columns<team_membership::Entity>, page: PageRequest } (TeamKey => Page<TeamMembershipRow>)
        |this, store, keys| zip(keys, store.team_member_list(keys, this.columns, &this.page).await?);
    /// How many members teams have.
    TeamMemberCount {} (TeamId => i64)
        |_this, store, keys| store.team_member_counts(keys).await;
    /// Teams of users.
    TeamMembershipsOf { columns: Columns<team_membership::Entity> } (UserId => Vec<TeamMembershipRow>)
        |this, store, keys| {
            let rows = store.team_memberships_of(keys, this.columns).await?;
            grouped(rows.into_iter().map(|row| (row.user_id, row)))
        };
    /// Agents of teams.
    AgentsOfTeams { query: AgentQuery, columns: Columns<agent::Entity>, page: PageRequest } (TeamKey => Page<AgentRow>)
        |this, store, keys| zip(keys, store.agents_of_teams(keys, &this.query, this.columns, &this.page).await?);
    /// How many agents teams have.
    AgentCountOfTeams { query: AgentQuery } (TeamId => i64)
        |this, store, keys| store.agent_counts_of_teams(keys, &this.query).await;

    /// How the viewer stands to agents.
    AgentStanding {} (AgentId => Standing)
        |_this, store, keys| store.agent_standings(keys).await;
    /// Collaborators of agents.
    Collaborators { columns: Columns<agent_collaborator::Entity> } (AgentId => Vec<CollaboratorRow>)
        |this, store, keys| {
            let rows = store.agent_collaborators(keys, this.columns).await?;
            grouped(rows.into_iter().map(|row| (row.agent_id, row)))
        };
    /// Agent admins of agents.
    AgentAdmins {} (AgentId => Vec<UserId>)
        |_this, store, keys| grouped(store.agent_admins(keys).await?);
    /// Documents of an organisation's agents.
    Documents { kinds: Option<Vec<DocumentType>>, columns: Columns<agent_document::Entity>, page: PageRequest }
        (AgentKey => Page<DocumentRow>)
        |this, store, keys| {
            zip(keys, store.agent_documents(keys, this.kinds.as_deref(), this.columns, &this.page).await?)
        };
    /// Documents of global agents.
    GlobalDocuments { kinds: Option<Vec<DocumentType>>, columns: Columns<agent_document::Entity>, page: PageRequest }
        (AgentId => Page<DocumentRow>)
        |this, store, keys| {
            zip(keys, store.global_agent_documents(keys, this.kinds.as_deref(), this.columns, &this.page).await?)
        };
    /// How many documents agents have.
    DocumentCount { kinds: Option<Vec<DocumentType>> } (AgentId => i64)
        |this, store, keys| store.document_counts(keys, this.kinds.as_deref()).await;

    /// Goals of agents.
    GoalsOfAgents { query: GoalQuery, columns: Columns<goal::Entity>, page: PageRequest }
        (AgentKey => Page<GoalRow>)
        |this, store, keys| store.goals_of_agents(keys, &this.query, this.columns, &this.page).await;
    /// How many goals agents have.
    GoalCountOfAgents { query: GoalQuery } (AgentId => i64)
        |this, store, keys| store.goal_counts_of_agents(keys, &this.query).await;
    /// Goals of agents by state.
    GoalStatesOfAgents {} (AgentId => Vec<(GoalStatus, i64)>)
        |_this, store, keys| {
            let counts = store.goal_states_of_agents(keys).await?;
            grouped(counts.into_iter().map(|(id, state, count)| (id, (state, count))))
        };
    /// Tasks of goals.
    TasksOfGoals { query: TaskQuery, columns: Columns<task::Entity>, page: PageRequest }
        ((OrgId, GoalId) => Page<TaskRow>)
        |this, store, keys| zip(keys, store.tasks_of_goals(keys, &this.query, this.columns, &this.page).await?);
    /// How many tasks goals have.
    TaskCountOfGoals { query: TaskQuery } (GoalId => i64)
        |this, store, keys| store.task_counts_of_goals(keys, &this.query).await;
    /// Tasks of goals by state.
    TaskStatesOfGoals {} (GoalId => Vec<(TaskStatus, i64)>)
        |_this, store, keys| {
            let counts = store.task_states_of_goals(keys).await?;
            grouped(counts.into_iter().map(|(id, state, count)| (id, (state, count))))
        };
    /// Edges of goals' graphs.
    Graph {} (GoalId => Vec<DependencyRow>)
        |_this, store, keys| {
            let rows = store.dependencies_of_goals(keys).await?;
            grouped(rows.into_iter().map(|row| (row.goal_id, row)))
        };
    /// The other ends of edges at tasks.
    TaskEdges { direction: Direction } (TaskId => Vec<TaskId>)
        |this, store, keys| {
            let rows = store.dependencies_of_tasks(keys, this.direction).await?;
            grouped(rows.into_iter().map(|row| match this.direction {
                Direction::DependsOn => (row.task_id, row.depends_on_id),
                Direction::Dependents => (row.depends_on_id, row.task_id),
            }))
        };
    /// How many tasks workers run now.
    ActiveTasks {} (WorkerId => i64)
        |_this, store, keys| store.worker_active_tasks(keys).await;
}

//! The batches: one per kind of nested field.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::{
    agent, agent_collaborator, agent_document, approval_decision, approval_request, chat_message, chat_session,
    enums::{Decided, DocumentType, GoalStatus, TaskStatus},
    execution, goal,
    ids::{
        AgentId, ApprovalRequestId, ChatMessageId, ChatSessionId, ExecutionId, GoalId, OrgId, ServiceAccountId, TaskId,
        TeamId, UserId, WorkerId,
    },
    invitation, org_membership, organization, organization_issuer, service_account, task, team, team_membership, user,
    worker, workspace_file,
};

use super::loader::{Answers, Batch};
use crate::{
    policy::{AgentKey, TeamKey},
    store::{
        Store,
        list::{
            page::{Page, PageRequest},
            row::Columns,
        },
        read::{
            agent::{AgentQuery, AgentRelation, AgentRow, CollaboratorRow},
            approval::{ApprovalRow, DecisionRow, Routing},
            budget::BudgetRow,
            chat::{ChatMessageRow, ChatSessionRow},
            document::DocumentRow,
            execution::ExecutionRow,
            goal::{GoalQuery, GoalRow},
            invitation::{InvitationFilter, InvitationRow},
            issuer::OrganizationIssuerRow,
            membership::{MemberFilter, MembershipRow},
            organization::{OrganizationCount, OrganizationRow},
            service_account::ServiceAccountRow,
            task::{DependencyRow, Direction, TaskQuery, TaskRow},
            team::{TeamMembershipRow, TeamRow},
            usage::{Days, UsageTotals},
            user::UserRow,
            worker::WorkerRow,
            workspace::WorkspaceFileRow,
        },
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
    /// Approval requests by id.
    ApprovalById { columns: Columns<approval_request::Entity> } (ApprovalRequestId => ApprovalRow)
        |this, store, keys| by(store.approval_by_ids(keys, this.columns).await?, |row| row.id);
    /// Chats by id.
    ChatById { columns: Columns<chat_session::Entity> } (ChatSessionId => ChatSessionRow)
        |this, store, keys| by(store.chat_by_ids(keys, this.columns).await?, |row| row.id);
    /// Messages by id.
    MessageById { columns: Columns<chat_message::Entity> } (ChatMessageId => ChatMessageRow)
        |this, store, keys| by(store.chat_message_by_ids(keys, this.columns).await?, |row| row.id);
    /// Messages of chats.
    MessagesOfChats { columns: Columns<chat_message::Entity>, page: PageRequest }
        ((OrgId, ChatSessionId) => Page<ChatMessageRow>)
        |this, store, keys| zip(keys, store.messages_of_chats(keys, this.columns, &this.page).await?);
    /// How many messages chats keep.
    MessageCountOfChats {} (ChatSessionId => i64)
        |_this, store, keys| store.message_counts_of_chats(keys).await;
    /// Workers by id.
    WorkerById { columns: Columns<worker::Entity> } (WorkerId => WorkerRow)
        |this, store, keys| by(store.worker_by_ids(keys, this.columns).await?, |row| row.id);
    /// Service accounts by id.
    ServiceAccountById { columns: Columns<service_account::Entity> } (ServiceAccountId => ServiceAccountRow)
        |this, store, keys| by(store.service_account_by_ids(keys, this.columns).await?, |row| row.id);

    /// Service accounts of organisations.
    ServiceAccounts { columns: Columns<service_account::Entity>, page: PageRequest }
        (OrgId => Page<ServiceAccountRow>)
        |this, store, keys| {
            zip(keys, store.service_accounts_of_organizations(keys, this.columns, &this.page).await?)
        };
    /// How many service accounts organisations have.
    ServiceAccountCount {} (OrgId => i64)
        |_this, store, keys| store.service_account_counts_of_organizations(keys).await;
    /// The agents that service accounts were made for.
    AgentsOfServiceAccounts {} (ServiceAccountId => Vec<AgentId>)
        |_this, store, keys| grouped(store.service_account_agents(keys).await?);
    /// Whether people are active admins of organisations.
    ActiveAdmin {} ((OrgId, UserId) => ())
        |_this, store, keys| Ok(store.active_admins(keys).await?.into_iter().map(|admin| (admin, ())).collect());

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
    /// Budgets of organisations, with what is spent in the month and on the day of `today`.
    BudgetOf { today: NaiveDate } (OrgId => BudgetRow)
        |this, store, keys| store.budgets_of(keys, this.today).await;
    /// Usage of organisations.
    UsageOfOrganizations { days: Days } (OrgId => UsageTotals)
        |this, store, keys| store.usage_of_organizations(keys, this.days).await;
    /// Usage of agents.
    UsageOfAgents { days: Days } (AgentId => UsageTotals)
        |this, store, keys| store.usage_of_agents(keys, this.days).await;
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
    AgentRelationKey {} (AgentId => AgentRelation)
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
    /// The latest approval requests of goals.
    ApprovalsOfGoals { columns: Columns<approval_request::Entity>, page: PageRequest }
        ((OrgId, GoalId) => Page<ApprovalRow>)
        |this, store, keys| zip(keys, store.approvals_of_goals(keys, this.columns, &this.page).await?);
    /// Decisions about approval requests.
    DecisionsOfApprovals { columns: Columns<approval_decision::Entity> } (ApprovalRequestId => Vec<DecisionRow>)
        |this, store, keys| {
            let rows = store.decisions_of_approvals(keys, this.columns).await?;
            grouped(rows.into_iter().map(|row| (row.request_id, row)))
        };
    /// What the viewer decided about approval requests.
    OwnDecision {} (ApprovalRequestId => Decided)
        |_this, store, keys| store.own_decisions(keys).await;
    /// To whom approval requests are routed.
    Approvers {} (Routing => Vec<UserId>)
        |_this, store, keys| store.approvers(keys).await;
    /// Whether the viewer's organisation has one admin and no other.
    OneAdmin {} (OrgId => bool)
        |_this, store, keys| {
            let one = store.has_one_admin().await?;
            Ok(keys.iter().map(|org_id| (*org_id, one)).collect())
        };
    /// Files of goals.
    FilesOfGoals { columns: Columns<workspace_file::Entity>, page: PageRequest }
        ((OrgId, GoalId) => Page<WorkspaceFileRow>)
        |this, store, keys| zip(keys, store.files_of_goals(keys, this.columns, &this.page).await?);
    /// How many files goals have.
    FileCountOfGoals {} (GoalId => i64)
        |_this, store, keys| store.file_counts_of_goals(keys).await;
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
    /// Runs by id.
    ExecutionById { columns: Columns<execution::Entity> } (ExecutionId => ExecutionRow)
        |this, store, keys| by(store.execution_by_ids(keys, this.columns).await?, |row| row.id);
    /// Runs of tasks.
    Executions { columns: Columns<execution::Entity>, page: PageRequest } ((OrgId, TaskId) => Page<ExecutionRow>)
        |this, store, keys| zip(keys, store.executions_of_tasks(keys, this.columns, &this.page).await?);
    /// How many runs tasks had.
    ExecutionCount {} (TaskId => i64)
        |_this, store, keys| store.execution_counts_of_tasks(keys).await;
    /// How many tasks workers run now.
    ActiveTasks {} (WorkerId => i64)
        |_this, store, keys| store.worker_active_tasks(keys).await;
}

//! Agents of both kinds: an organisation's own, and the platform's global ones.
//!
//! A global agent's row is the platform's. What an organisation installed for it (its own approval rules, stopped) is
//! joined to it, and can only make it stricter.

use std::collections::HashMap;

use entity::{
    agent, agent_admin, agent_collaborator,
    confidential::JsonText,
    enums::{AgentStatus, AgentVisibility, CollaboratorPermission},
    global_agent,
    ids::{AgentCollaboratorId, AgentId, OrgId, TeamId, TypedId, UserId},
};
use sea_orm::{
    ConnectionTrait, IdenStatic, QueryResult, TryGetable,
    sea_query::{
        Alias, CaseStatement, Cond, Expr, ExprTrait, IntoColumnRef, JoinType, Query, SelectStatement, UnionType,
    },
};

use crate::store::{
    List, OrgRow, Store, any_of, contains,
    list::{
        page::{self, Branch, Page, PageRequest, Sort, SortKind},
        row::{Columns, Row, row},
    },
    scope::{Scope, collaborates},
    uuids,
};
use crate::{
    error::{Error, Result},
    policy::{AgentFacts, AgentKey},
};

row! {
    /// An agent, with the columns that were asked for.
    AgentRow of agent {
        key #[doc = "The organisation; none for a global agent."] org_id: Option<OrgId> = OrgId,
        key #[doc = "The agent."] id: AgentId = Id,
        key #[doc = "Who sees it."] visibility: AgentVisibility = Visibility,
        key #[doc = "Its owner."] owner_id: Option<UserId> = OwnerId,
        key #[doc = "Its team."] team_id: Option<TeamId> = TeamId,
        lazy #[doc = "Whether it takes goals."] status: AgentStatus = Status,
        lazy #[doc = "Display name."] name: String = Name,
        lazy #[doc = "What it is for."] description: String = Description,
        lazy #[doc = "Whether one can chat with it."] chat_capable: bool = ChatCapable,
        lazy #[doc = "How many deciders an approval takes."] required_approvals: i32 = RequiredApprovals,
        lazy #[doc = "Whether plans wait for approval."] require_plan_approval: bool = RequirePlanApproval,
        lazy #[doc = "When it was created."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        lazy #[doc = "When it last changed."] updated_at: chrono::DateTime<chrono::Utc> = UpdatedAt,
        sealed #[doc = "What it is told."] system_prompt: String = SystemPrompt,
        sealed #[doc = "Its settings."] config: JsonText = Config,
    }
}

impl OrgRow for AgentRow {
    fn org_id(&self) -> Option<OrgId> {
        self.org_id
    }
}

impl AgentRow {
    /// Names it.
    pub const fn key(&self) -> AgentKey {
        AgentKey { org_id: self.org_id, id: self.id }
    }

    /// What rules look at, given how the viewer stands to it.
    pub const fn facts(&self, relation: AgentRelation) -> AgentFacts {
        AgentFacts {
            key: self.key(),
            visibility: self.visibility,
            owner_id: self.owner_id,
            team_id: self.team_id,
            share: relation.share,
            is_agent_admin: relation.is_agent_admin,
        }
    }
}

/// How the viewer stands to an agent, beyond owner and team.
#[derive(Clone, Copy, Debug, Default)]
pub struct AgentRelation {
    /// The strongest collaboration that reaches it.
    pub share: Option<CollaboratorPermission>,
    /// Whether it decides the agent's approvals.
    pub is_agent_admin: bool,
}

row! {
    /// A collaboration.
    CollaboratorRow of agent_collaborator {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The grant."] id: AgentCollaboratorId = Id,
        key #[doc = "The agent."] agent_id: AgentId = AgentId,
        key #[doc = "The user, if it is one."] user_id: Option<UserId> = UserId,
        key #[doc = "The team, if it is one."] team_id: Option<TeamId> = TeamId,
        key #[doc = "What it allows."] permission: CollaboratorPermission = Permission,
        lazy #[doc = "When it was granted."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
    }
}

impl OrgRow for CollaboratorRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

/// Which agents.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct AgentFilter {
    /// With one of these visibilities.
    pub visibility: Option<Vec<AgentVisibility>>,
    /// In one of these states.
    pub status: Option<Vec<AgentStatus>>,
    /// With this text in the name.
    pub search: Option<String>,
    /// Of this organisation, without the global ones.
    pub organization_id: Option<OrgId>,
    /// Of this team.
    pub team_id: Option<TeamId>,
    /// Owned by this user.
    pub owner_id: Option<UserId>,
    /// That one can chat with, or not.
    pub chat_capable: Option<bool>,
}

/// By what agents can be ordered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AgentSort {
    /// Display name.
    Name,
    /// Order of creation.
    Created,
    /// Last change.
    Updated,
}

/// A list of agents: which, in what order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct AgentQuery {
    /// Which agents.
    pub filter: AgentFilter,
    /// By what they are ordered.
    pub sort: AgentSort,
    /// Largest first.
    pub descending: bool,
}

impl AgentQuery {
    fn order(&self) -> Sort {
        let kind = match self.sort {
            AgentSort::Name => SortKind::Text,
            AgentSort::Created => SortKind::Id,
            AgentSort::Updated => SortKind::Time,
        };
        Sort { kind, descending: self.descending }
    }

    fn sort_column(&self) -> Option<&'static str> {
        match self.sort {
            AgentSort::Name => Some("name_folded"),
            AgentSort::Created => None,
            AgentSort::Updated => Some("updated_at"),
        }
    }

    /// Conditions that both kinds of agent share, over the table `table`.
    fn shared(&self, table: &'static str) -> Vec<Expr> {
        let col = |name: &'static str| column(table, name);
        let filter = &self.filter;
        [
            filter.status.as_ref().map(|s| {
                let words: Vec<_> = s.iter().map(|state| state.as_str()).collect();
                if table == GLOBAL { installed_status().is_in(words) } else { col("status").is_in(words) }
            }),
            filter.search.as_ref().map(|text| contains(col("name_folded"), text)),
            filter.chat_capable.map(|capable| col("chat_capable").eq(capable)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The list of an organisation's own agents.
    fn own(&self, columns: Columns<agent::Entity>) -> List<AgentRow> {
        use agent::Column;
        let col = |column| Expr::col((agent::Entity, column));
        let filter = &self.filter;
        let visibility = match &filter.visibility {
            Some(wanted) => col(Column::Visibility).is_in(wanted.iter().map(|v| v.as_str())),
            None => col(Column::Visibility).ne(AgentVisibility::Global.as_str()),
        };
        let mut list = List::new(columns)
            // Installed rows are not agents of their own: the platform's row stands for them.
            .only(Some(col(Column::Visibility).ne(AgentVisibility::Global.as_str())))
            .only(Some(visibility))
            .only(filter.organization_id.map(|org_id| col(Column::OrgId).eq(org_id)))
            .only(filter.team_id.map(|team_id| col(Column::TeamId).eq(team_id)))
            .only(filter.owner_id.map(|owner_id| col(Column::OwnerId).eq(owner_id)))
            .sorted(self.order(), self.sort_column().map(|name| column(OWN, name)));
        for condition in self.shared(OWN) {
            list = list.only(Some(condition));
        }
        list
    }

    /// Whether any global agent can be in the list.
    fn has_global(&self) -> bool {
        let filter = &self.filter;
        filter.organization_id.is_none()
            && filter.team_id.is_none()
            && filter.owner_id.is_none()
            && filter.visibility.as_ref().is_none_or(|wanted| wanted.contains(&AgentVisibility::Global))
    }
}

const OWN: &str = "agents";
const GLOBAL: &str = "global_agents";
/// The viewer's organisation's installed row of a global agent.
const INSTALLED: &str = "installed";

pub(in crate::store) fn column(table: &'static str, name: &'static str) -> Expr {
    Expr::col((Alias::new(table), Alias::new(name)).into_column_ref())
}

/// An organisation may stop a global agent for itself; nothing that it installed revives one.
fn installed_status() -> Expr {
    let stopped = Cond::all()
        .add(column(INSTALLED, "status").eq(AgentStatus::Stopped.as_str()))
        .add(column(GLOBAL, "status").eq(AgentStatus::Active.as_str()));
    CaseStatement::new().case(stopped, AgentStatus::Stopped.as_str()).finally(column(GLOBAL, "status")).into()
}

/// What a column of `agents` is for a global agent.
pub(in crate::store) fn global_column(name: &'static str) -> Expr {
    let stricter = |own: Expr, least: Expr| -> Expr {
        CaseStatement::new().case(Cond::all().add(own.clone().gt(least.clone())), own).finally(least).into()
    };
    match name {
        "org_id" | "owner_id" | "team_id" | "goal_id" => Expr::cust("CAST(NULL AS uuid)"),
        "visibility" => Expr::val(AgentVisibility::Global.as_str()).cast_as(Alias::new("text")),
        "status" => installed_status(),
        "required_approvals" => stricter(column(INSTALLED, name), column(GLOBAL, name)),
        "require_plan_approval" => CaseStatement::new()
            .case(Cond::all().add(column(INSTALLED, name)), true)
            .finally(column(GLOBAL, name))
            .into(),
        _ => column(GLOBAL, name),
    }
}

impl Store {
    /// `SELECT … FROM global_agents` with the columns of `agents`: those that the viewer sees.
    fn global_agents(&self, columns: Columns<agent::Entity>) -> Result<SelectStatement> {
        let mut select = self.scope()?.rows::<global_agent::Entity>();
        // Without an organisation there is no installed row: the join finds none.
        let org_id = self.viewer.org_id().map_or(uuid::Uuid::nil(), TypedId::uuid);
        select.join_as(
            JoinType::LeftJoin,
            agent::Entity,
            Alias::new(INSTALLED),
            Cond::all()
                .add(column(INSTALLED, "org_id").eq(org_id))
                .add(column(INSTALLED, "id").equals((Alias::new(GLOBAL), Alias::new("id")))),
        );
        for selected in columns.iter() {
            select.expr_as(global_column(selected.as_str()), Alias::new(selected.as_str()));
        }
        Ok(select)
    }

    fn global_branch(&self, query: &AgentQuery, columns: Columns<agent::Entity>) -> Result<Branch> {
        let mut select = self.global_agents(columns)?;
        for condition in query.shared(GLOBAL) {
            select.and_where(condition);
        }
        Ok(Branch {
            table: GLOBAL,
            select,
            sort: query.sort_column().map(|name| column(GLOBAL, name)),
            id: column(GLOBAL, "id"),
        })
    }

    fn agent_branches(&self, query: &AgentQuery, columns: Columns<agent::Entity>) -> Result<Vec<Branch>> {
        let list = query.own(columns);
        let mut select = self.scope()?.find::<agent::Entity>(columns);
        for condition in list.conditions {
            select.and_where(condition);
        }
        let mut branches = vec![Branch { table: OWN, select, sort: list.sort_by, id: column(OWN, "id") }];
        if query.has_global() {
            branches.push(self.global_branch(query, columns)?);
        }
        Ok(branches)
    }

    /// A page of agents of both kinds.
    pub async fn agent_list(
        &self,
        query: &AgentQuery,
        columns: Columns<agent::Entity>,
        page: &PageRequest,
    ) -> Result<Page<AgentRow>> {
        let columns = self.scope()?.project(columns);
        let branches = self.agent_branches(query, columns)?;
        let tx = self.read().await?;
        let read = |row: &QueryResult| AgentRow::read(row, columns, 0);
        let page = page::fetch(&tx, branches, query.order(), page, columns.len(), read).await?;
        self.checked(page)
    }

    /// How many agents the list has.
    pub async fn agent_count(&self, query: &AgentQuery) -> Result<i64> {
        let branches = self.agent_branches(query, AgentRow::keys())?;
        let selects = branches.into_iter().map(|branch| branch.select).collect();
        page::count(&*self.read().await?, selects).await
    }

    /// Looks agents of both kinds up by id, in one statement.
    pub async fn agent_by_ids(&self, ids: &[AgentId], columns: Columns<agent::Entity>) -> Result<Vec<AgentRow>> {
        let columns = self.scope()?.project(columns);
        let backend = self.db.backend();
        let mut select = self.scope()?.find::<agent::Entity>(columns);
        select.and_where(column(OWN, "visibility").ne(AgentVisibility::Global.as_str())).and_where(any_of(
            column(OWN, "id"),
            &uuids(ids),
            backend,
        ));
        let mut global = self.global_agents(columns)?;
        global.and_where(any_of(column(GLOBAL, "id"), &uuids(ids), backend));
        select.union(UnionType::All, global);
        self.rows(&select, columns).await
    }

    /// An organisation's own agents, a page for each.
    pub async fn agents_of_organizations(
        &self,
        orgs: &[OrgId],
        query: &AgentQuery,
        columns: Columns<agent::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<AgentRow>>> {
        let parents: Vec<_> = orgs.iter().map(|org| (org.uuid(), org.uuid())).collect();
        self.children(&parents, query.own(columns), page, |parent| vec![column(OWN, "org_id").eq(parent.org_id)]).await
    }

    /// How many of the list's own agents each organisation has.
    pub async fn agent_counts_of_organizations(
        &self,
        orgs: &[OrgId],
        query: &AgentQuery,
    ) -> Result<HashMap<OrgId, i64>> {
        self.child_counts(query.own(AgentRow::keys()), "org_id", orgs).await
    }

    /// Teams' agents, a page for each.
    pub async fn agents_of_teams(
        &self,
        teams: &[crate::policy::TeamKey],
        query: &AgentQuery,
        columns: Columns<agent::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<AgentRow>>> {
        let parents: Vec<_> = teams.iter().map(|team| (team.org_id.uuid(), team.id.uuid())).collect();
        self.children(&parents, query.own(columns), page, |parent| {
            vec![column(OWN, "org_id").eq(parent.org_id), column(OWN, "team_id").eq(parent.id)]
        })
        .await
    }

    /// How many of the list's agents each team has.
    pub async fn agent_counts_of_teams(&self, teams: &[TeamId], query: &AgentQuery) -> Result<HashMap<TeamId, i64>> {
        self.child_counts(query.own(AgentRow::keys()), "team_id", teams).await
    }

    /// How the viewer stands to each agent. Org admins' rights and operators' lack of them need no rows.
    pub async fn agent_standings(&self, ids: &[AgentId]) -> Result<HashMap<AgentId, AgentRelation>> {
        let Scope::Tenant(tenant) = self.scope()? else { return Ok(HashMap::new()) };
        let (tx, backend) = (self.read().await?, self.db.backend());
        let mut standings: HashMap<AgentId, AgentRelation> = HashMap::new();
        let mut grants = Query::select();
        grants
            .columns([agent_collaborator::Column::AgentId, agent_collaborator::Column::Permission])
            .from(agent_collaborator::Entity)
            .and_where(Expr::col(agent_collaborator::Column::OrgId).eq(tenant.org_id))
            .and_where(any_of(Expr::col(agent_collaborator::Column::AgentId), &uuids(ids), backend))
            .cond_where(collaborates(tenant));
        for row in tx.query_all(&grants).await? {
            let relation = standings.entry(AgentId::try_get_by_index(&row, 0)?).or_default();
            relation.share = Ord::max(relation.share, Some(CollaboratorPermission::try_get_by_index(&row, 1)?));
        }
        let mut admins = Query::select();
        admins
            .column(agent_admin::Column::AgentId)
            .from(agent_admin::Entity)
            .and_where(Expr::col(agent_admin::Column::OrgId).eq(tenant.org_id))
            .and_where(Expr::col(agent_admin::Column::UserId).eq(tenant.account.user_id))
            .and_where(any_of(Expr::col(agent_admin::Column::AgentId), &uuids(ids), backend));
        for row in tx.query_all(&admins).await? {
            standings.entry(AgentId::try_get_by_index(&row, 0)?).or_default().is_agent_admin = true;
        }
        Ok(standings)
    }

    /// The facts that rules need of one agent, loaded under the viewer's scope; `NOT_FOUND` when it is absent or hidden.
    pub async fn agent_facts(&self, id: AgentId) -> Result<AgentFacts> {
        let row = self.agent_by_ids(&[id], AgentRow::keys()).await?.pop().ok_or(Error::NotFound)?;
        let relation = self.agent_standings(&[id]).await?.get(&id).copied().unwrap_or_default();
        Ok(row.facts(relation))
    }

    /// The collaborators of each agent.
    pub async fn agent_collaborators(
        &self,
        agents: &[AgentId],
        columns: Columns<agent_collaborator::Entity>,
    ) -> Result<Vec<CollaboratorRow>> {
        use agent_collaborator::{Column, Entity};
        let scope = self.scope()?;
        let columns = scope.project(columns);
        let mut select = scope.find::<Entity>(columns);
        select
            .and_where(any_of(Expr::col((Entity, Column::AgentId)), &uuids(agents), self.db.backend()))
            .order_by((Entity, Column::Id), sea_orm::Order::Asc);
        self.rows(&select, columns).await
    }

    /// The agent admins of each agent: the viewer's organisation's, also on a global agent. An operator sees those of an
    /// organisation's own agents; who decides for a global agent somewhere is each organisation's own matter.
    pub async fn agent_admins(&self, agents: &[AgentId]) -> Result<Vec<(AgentId, UserId)>> {
        use agent_admin::{Column, Entity};
        let scope = self.scope()?;
        let mut select = scope.find::<Entity>(Columns::of(&[Column::AgentId, Column::UserId]));
        select
            .and_where(any_of(Expr::col((Entity, Column::AgentId)), &uuids(agents), self.db.backend()))
            .order_by((Entity, Column::Id), sea_orm::Order::Asc);
        let mut admins = Vec::new();
        for row in self.read().await?.query_all(&select).await? {
            admins.push((AgentId::try_get_by_index(&row, 0)?, UserId::try_get_by_index(&row, 1)?));
        }
        Ok(admins)
    }
}

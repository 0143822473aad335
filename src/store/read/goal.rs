//! Goals.

use std::collections::HashMap;

use entity::{
    confidential::JsonText,
    enums::GoalStatus,
    goal,
    ids::{AgentId, GoalId, OrgId, TypedId, UserId},
};
use sea_orm::sea_query::{Expr, ExprTrait};

use crate::store::{
    List, OrgRow, Store, contains,
    list::{
        page::{Page, PageRequest, Sort},
        row::{Columns, Row, row},
    },
    uuids,
};
use crate::{
    error::{Error, Result},
    policy::{AgentKey, GoalFacts},
};

row! {
    /// A goal, with the columns that were asked for.
    GoalRow of goal {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The goal."] id: GoalId = Id,
        key #[doc = "The agent."] agent_id: AgentId = AgentId,
        key #[doc = "Who asked."] submitted_by: Option<UserId> = SubmittedBy,
        key #[doc = "Where it stands."] status: GoalStatus = Status,
        lazy #[doc = "Larger runs first."] priority: i32 = Priority,
        lazy #[doc = "When it was submitted."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        lazy #[doc = "When it last changed."] updated_at: chrono::DateTime<chrono::Utc> = UpdatedAt,
        lazy #[doc = "When it reached a final state."] completed_at: Option<chrono::DateTime<chrono::Utc>> = CompletedAt,
        sealed #[doc = "What was asked."] goal_text: String = GoalText,
        sealed #[doc = "The plan."] plan: JsonText = Plan,
    }
}

impl OrgRow for GoalRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

/// Which goals.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct GoalFilter {
    /// In one of these states.
    pub status: Option<Vec<GoalStatus>>,
    /// Given to this agent.
    pub agent_id: Option<AgentId>,
    /// Asked by this user.
    pub submitted_by: Option<UserId>,
    /// Of this organisation.
    pub organization_id: Option<OrgId>,
    /// With this text in what was asked. Content: refused to an operator before it comes here.
    pub search: Option<String>,
}

/// By what goals can be ordered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum GoalSort {
    /// Order of creation.
    Created,
    /// Last change.
    Updated,
    /// Priority.
    Priority,
}

/// A list of goals: which, in what order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GoalQuery {
    /// Which goals.
    pub filter: GoalFilter,
    /// By what they are ordered.
    pub sort: GoalSort,
    /// Largest first.
    pub descending: bool,
}

impl GoalQuery {
    fn list(&self, columns: Columns<goal::Entity>) -> List<GoalRow> {
        use goal::Column;
        let col = |column| Expr::col((goal::Entity, column));
        let filter = &self.filter;
        let (kind, by) = crate::store::metadata_sort(
            match self.sort {
                GoalSort::Created => None,
                GoalSort::Updated => Some(col(Column::UpdatedAt)),
                GoalSort::Priority => Some(col(Column::Priority)),
            },
            self.sort == GoalSort::Updated,
        );
        List::new(columns)
            .only(filter.organization_id.map(|org_id| col(Column::OrgId).eq(org_id)))
            .only(filter.status.as_ref().map(|s| col(Column::Status).is_in(s.iter().map(|state| state.as_str()))))
            .only(filter.agent_id.map(|id| col(Column::AgentId).eq(id)))
            .only(filter.submitted_by.map(|id| col(Column::SubmittedBy).eq(id)))
            .only(filter.search.as_ref().map(|text| contains(col(Column::GoalTextFolded), text)))
            .sorted(Sort { kind, descending: self.descending }, by)
    }
}

impl Store {
    /// Looks goals up by id.
    pub async fn goal_by_ids(&self, ids: &[GoalId], columns: Columns<goal::Entity>) -> Result<Vec<GoalRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of goals.
    pub async fn goal_list(
        &self,
        query: &GoalQuery,
        columns: Columns<goal::Entity>,
        page: &PageRequest,
    ) -> Result<Page<GoalRow>> {
        self.list(query.list(columns), page).await
    }

    /// How many goals the list has.
    pub async fn goal_count(&self, query: &GoalQuery) -> Result<i64> {
        self.list_count(query.list(GoalRow::keys())).await
    }

    /// A page of goals for each agent: the viewer's organisation's, or for an operator the agent's organisation's. A
    /// global agent's goals are all organisations' for an operator; these take a second statement, since an index that
    /// begins with the organisation does not find them.
    pub async fn goals_of_agents(
        &self,
        agents: &[AgentKey],
        query: &GoalQuery,
        columns: Columns<goal::Entity>,
        page: &PageRequest,
    ) -> Result<HashMap<AgentKey, Page<GoalRow>>> {
        let own = self.scope()?.org_id();
        let (at_home, everywhere): (Vec<AgentKey>, Vec<AgentKey>) =
            agents.iter().partition(|agent| own.or(agent.org_id).is_some());
        let mut pages = HashMap::new();
        for (agents, in_one_org) in [(at_home, true), (everywhere, false)] {
            if agents.is_empty() {
                continue;
            }
            let nil = uuid::Uuid::nil();
            let parents: Vec<_> =
                agents.iter().map(|agent| (own.or(agent.org_id).map_or(nil, TypedId::uuid), agent.id.uuid())).collect();
            let found = self
                .children(&parents, query.list(columns), page, |parent| {
                    let mut on = vec![Expr::col((goal::Entity, goal::Column::AgentId)).eq(parent.id)];
                    if in_one_org {
                        on.push(Expr::col((goal::Entity, goal::Column::OrgId)).eq(parent.org_id));
                    }
                    on
                })
                .await?;
            pages.extend(agents.into_iter().zip(found));
        }
        Ok(pages)
    }

    /// How many goals of the list each agent has.
    pub async fn goal_counts_of_agents(&self, agents: &[AgentId], query: &GoalQuery) -> Result<HashMap<AgentId, i64>> {
        self.child_counts(query.list(GoalRow::keys()), "agent_id", agents).await
    }

    /// Goals per agent and state.
    pub async fn goal_states_of_agents(&self, agents: &[AgentId]) -> Result<Vec<(AgentId, GoalStatus, i64)>> {
        let counted = self.count_states::<goal::Entity, AgentId>("agent_id", agents).await?;
        Ok(crate::store::states(counted, GoalStatus::ALL, GoalStatus::as_str))
    }
}

impl Store {
    /// The facts that rules need of one goal, loaded under the viewer's scope; `NOT_FOUND` when it is absent or hidden.
    pub async fn goal_facts(&self, id: GoalId) -> Result<GoalFacts> {
        let row = self.goal_by_ids(&[id], GoalRow::keys()).await?.pop().ok_or(Error::NotFound)?;
        let agent = self.agent_facts(row.agent_id).await?;
        Ok(GoalFacts { org_id: row.org_id, id: row.id, submitted_by: row.submitted_by, agent })
    }
}

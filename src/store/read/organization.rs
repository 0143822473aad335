//! Organisations: a member's own, or all of them for an operator.

use std::collections::HashMap;

use entity::{
    agent, chat_session,
    confidential::JsonText,
    enums::{AgentVisibility, GoalStatus, OrganizationStatus, TaskStatus},
    goal,
    ids::OrgId,
    org_membership, organization, task, worker,
};
use sea_orm::{
    ConnectionTrait, TryGetable,
    sea_query::{Asterisk, Expr, ExprTrait, Func},
};

use super::user::present_condition;
use crate::error::Result;
use crate::store::{
    List, OrgRow, Store, any_of, contains,
    list::{
        page::{Page, PageRequest, Sort, SortKind},
        row::{Columns, Row, row},
    },
    scope::Visible,
    uuids,
};

row! {
    /// An organisation, with the columns that were asked for.
    OrganizationRow of organization {
        key #[doc = "The organisation."] id: OrgId = Id,
        lazy #[doc = "Display name."] name: String = Name,
        lazy #[doc = "Handle in URLs."] slug: String = Slug,
        lazy #[doc = "Whether it is served."] status: OrganizationStatus = Status,
        lazy #[doc = "When it was created."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        lazy #[doc = "When it last changed."] updated_at: chrono::DateTime<chrono::Utc> = UpdatedAt,
        sealed #[doc = "Its own settings."] config: JsonText = Config,
    }
}

impl OrgRow for OrganizationRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.id)
    }
}

/// Which organisations.
#[derive(Clone, Debug, Default, Hash, PartialEq)]
pub struct OrganizationFilter {
    /// In one of these states.
    pub status: Option<Vec<OrganizationStatus>>,
    /// With this text in the name.
    pub search: Option<String>,
}

/// What is counted of an organisation.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum OrganizationCount {
    /// Its own agents, archived ones too.
    Agents,
    /// Its workers.
    Workers,
    /// Its present members.
    Members,
    /// Its chat sessions.
    ChatSessions,
}

impl Store {
    /// Looks organisations up by id.
    pub async fn organization_by_ids(
        &self,
        ids: &[OrgId],
        columns: Columns<organization::Entity>,
    ) -> Result<Vec<OrganizationRow>> {
        self.by_ids(&uuids(ids), self.organization_columns(columns)).await
    }

    /// Settings are the admins': another member's query does not even select them.
    fn organization_columns(&self, columns: Columns<organization::Entity>) -> Columns<organization::Entity> {
        match self.viewer.tenant() {
            Some(tenant) if !tenant.is_org_admin() => columns.without(organization::Column::Config),
            _ => columns,
        }
    }

    /// A page of organisations by name: all of them for an operator, its own for a member.
    pub async fn organization_list(
        &self,
        filter: &OrganizationFilter,
        columns: Columns<organization::Entity>,
        page: &PageRequest,
    ) -> Result<Page<OrganizationRow>> {
        self.list(organizations(filter, self.organization_columns(columns)), page).await
    }

    /// How many organisations the list has.
    pub async fn organization_count(&self, filter: &OrganizationFilter) -> Result<i64> {
        self.list_count(organizations(filter, OrganizationRow::keys())).await
    }

    /// Counts rows per organisation, as far as the viewer sees them.
    pub async fn organization_counts(&self, of: OrganizationCount, ids: &[OrgId]) -> Result<HashMap<OrgId, i64>> {
        let counted = match of {
            OrganizationCount::Agents => {
                let own = Expr::col((agent::Entity, agent::Column::Visibility)).ne(AgentVisibility::Global.as_str());
                self.count_by_org::<agent::Entity>(ids, Some(own), None::<agent::Column>).await?
            }
            OrganizationCount::Workers => self.count_by_org::<worker::Entity>(ids, None, None).await?,
            OrganizationCount::Members => {
                self.count_by_org::<org_membership::Entity>(ids, Some(present_condition()), None).await?
            }
            OrganizationCount::ChatSessions => self.count_by_org::<chat_session::Entity>(ids, None, None).await?,
        };
        Ok(counted.into_iter().map(|(org_id, _, count)| (org_id, count)).collect())
    }

    /// Goals per organisation and state, as far as the viewer sees them.
    pub async fn organization_goal_counts(&self, ids: &[OrgId]) -> Result<Vec<(OrgId, GoalStatus, i64)>> {
        let counted = self.count_by_org::<goal::Entity>(ids, None, Some(goal::Column::Status)).await?;
        Ok(crate::store::states(counted, GoalStatus::ALL, GoalStatus::as_str))
    }

    /// Tasks per organisation and state, as far as the viewer sees them.
    pub async fn organization_task_counts(&self, ids: &[OrgId]) -> Result<Vec<(OrgId, TaskStatus, i64)>> {
        let counted = self.count_by_org::<task::Entity>(ids, None, Some(task::Column::Status)).await?;
        Ok(crate::store::states(counted, TaskStatus::ALL, TaskStatus::as_str))
    }

    async fn count_by_org<E: Visible>(
        &self,
        ids: &[OrgId],
        condition: Option<Expr>,
        by: Option<E::Column>,
    ) -> Result<Vec<(OrgId, String, i64)>> {
        let org_id = crate::store::table_column::<E>("org_id");
        let mut select = self.scope()?.rows::<E>();
        select
            .expr(org_id.clone())
            .expr(Func::count(Expr::col(Asterisk)))
            .and_where(any_of(org_id.clone(), &uuids(ids), self.db.backend()))
            .and_where_option(condition)
            .add_group_by([org_id]);
        if let Some(by) = by {
            select.column((E::default(), by)).add_group_by([Expr::col((E::default(), by))]);
        }
        let mut counted = Vec::new();
        for row in self.read().await?.query_all(&select).await? {
            let state = if by.is_some() { String::try_get_by_index(&row, 2)? } else { String::new() };
            counted.push((OrgId::try_get_by_index(&row, 0)?, state, i64::try_get_by_index(&row, 1)?));
        }
        Ok(counted)
    }
}

fn organizations(filter: &OrganizationFilter, columns: Columns<organization::Entity>) -> List<OrganizationRow> {
    let col = |column| Expr::col((organization::Entity, column));
    List::new(columns)
        .only(
            filter
                .status
                .as_ref()
                .map(|states| col(organization::Column::Status).is_in(states.iter().map(|state| state.as_str()))),
        )
        .only(filter.search.as_ref().map(|text| contains(col(organization::Column::NameFolded), text)))
        .sorted(Sort { kind: SortKind::Text, descending: false }, Some(col(organization::Column::NameFolded)))
}

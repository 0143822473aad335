//! The platform as a whole, for operators: counts over metadata of all organisations.

use entity::{
    agent,
    enums::{AgentVisibility, GoalStatus, TaskStatus},
    global_agent, goal,
    ids::OrgId,
    organization, task, user, worker,
};
use sea_orm::{
    ConnectionTrait, Order, TryGetable,
    sea_query::{Asterisk, Expr, ExprTrait, Func},
};

use super::usage::{Days, UsageBucket, UsageQuery, UsageTotals};
use crate::error::{Error, Result};
use crate::store::{
    Store,
    list::page,
    scope::{Scope, Visible},
    states, table_column,
};

/// The most organisations in one answer.
pub const MAX_ORGANIZATIONS: u64 = 1_000;

/// What is counted of the platform.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlatformCount {
    /// Accounts.
    Users,
    /// Agents of organisations, and the global ones.
    Agents,
    /// Workers.
    Workers,
}

impl Store {
    /// Every organisation by name, the first [`MAX_ORGANIZATIONS`].
    pub async fn platform_organizations(&self) -> Result<Vec<OrgId>> {
        use organization::{Column, Entity};
        let col = |column| Expr::col((Entity, column));
        let mut select = self.operator()?.rows::<Entity>();
        select
            .expr(col(Column::Id))
            .order_by_expr(col(Column::NameFolded), Order::Asc)
            .order_by_expr(col(Column::Id), Order::Asc)
            .limit(MAX_ORGANIZATIONS);
        let rows = self.read().await?.query_all(&select).await?;
        rows.iter().map(|row| Ok(OrgId::try_get_by_index(row, 0)?)).collect()
    }

    /// Counts rows of all organisations.
    pub async fn platform_count(&self, of: PlatformCount) -> Result<i64> {
        let scope = self.operator()?;
        let selects = match of {
            PlatformCount::Users => vec![scope.rows::<user::Entity>()],
            PlatformCount::Workers => vec![scope.rows::<worker::Entity>()],
            PlatformCount::Agents => {
                let own = Expr::col((agent::Entity, agent::Column::Visibility)).ne(AgentVisibility::Global.as_str());
                let mut agents = scope.rows::<agent::Entity>();
                agents.and_where(own);
                vec![agents, scope.rows::<global_agent::Entity>()]
            }
        };
        page::count(&*self.read().await?, selects).await
    }

    /// Goals of all organisations by state.
    pub async fn platform_goals(&self) -> Result<Vec<(GoalStatus, i64)>> {
        let counted = self.platform_states::<goal::Entity>().await?;
        Ok(states(counted, GoalStatus::ALL, GoalStatus::as_str).into_iter().map(|((), state, n)| (state, n)).collect())
    }

    /// Tasks of all organisations by state.
    pub async fn platform_tasks(&self) -> Result<Vec<(TaskStatus, i64)>> {
        let counted = self.platform_states::<task::Entity>().await?;
        Ok(states(counted, TaskStatus::ALL, TaskStatus::as_str).into_iter().map(|((), state, n)| (state, n)).collect())
    }

    /// Usage of all organisations.
    pub async fn platform_usage(&self, days: Days) -> Result<UsageTotals> {
        self.operator()?;
        let query = UsageQuery::all(days);
        Ok(self
            .usage_buckets(&query)
            .await?
            .pop()
            .map_or_else(UsageTotals::default, |UsageBucket { totals, .. }| totals))
    }

    async fn platform_states<E: Visible>(&self) -> Result<Vec<((), String, i64)>> {
        let status = table_column::<E>("status");
        let mut select = self.operator()?.rows::<E>();
        select.expr(status.clone()).expr(Func::count(Expr::col(Asterisk))).add_group_by([status]);
        let mut counts = Vec::new();
        for row in self.read().await?.query_all(&select).await? {
            counts.push(((), String::try_get_by_index(&row, 0)?, i64::try_get_by_index(&row, 1)?));
        }
        Ok(counts)
    }

    /// The scope of an operator; nobody else is told of the platform.
    fn operator(&self) -> Result<Scope<'_>> {
        match self.scope()? {
            Scope::Operator => Ok(Scope::Operator),
            Scope::Tenant(_) | Scope::Service(_) => Err(Error::NotFound),
        }
    }
}

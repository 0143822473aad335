//! Usage, budgets, and the platform in figures.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use entity::ids::OrgId;

use super::{
    agent::Agent,
    goal::GoalStatusCount,
    organization::{Organization, OrganizationCounts, organization},
    task::TaskStatusCount,
    user::{User, user},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::{AgentById, UsageOfOrganizations},
        connection::{int, parse_optional_id},
        context::cx,
        lookahead,
        scalars::{BigInt, Date, DateTime, Decimal},
    },
    store::read::{
        agent::AgentRow,
        budget::BudgetRow,
        platform::PlatformCount,
        usage::{self, Days, Dimension, UsageQuery},
    },
};

/// Sums over calls of models.
#[derive(SimpleObject)]
pub struct UsageTotals {
    /// How many calls.
    pub requests: BigInt,
    /// Tokens read.
    pub tokens_in: BigInt,
    /// Tokens written.
    pub tokens_out: BigInt,
    /// What they cost, in US dollars, to the billionth.
    pub cost_usd: Decimal,
}

impl From<usage::UsageTotals> for UsageTotals {
    fn from(totals: usage::UsageTotals) -> Self {
        Self {
            requests: BigInt(totals.requests),
            tokens_in: BigInt(totals.tokens_in),
            tokens_out: BigInt(totals.tokens_out),
            cost_usd: Decimal(totals.cost),
        }
    }
}

/// The days that two moments span.
pub fn days(from: DateTime, to: DateTime) -> Result<Days> {
    Days::touched(from.0, to.0).ok_or_else(|| Error::validation("to", "must be after `from`"))
}

/// By what usage is told apart.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "Dimension")]
pub enum UsageDimension {
    /// The day, in UTC.
    Day,
    /// The model.
    Model,
    /// The agent. Not for super-admins.
    Agent,
    /// Whose usage it is: the goal's submitter, or the chat's user. Not for super-admins.
    User,
    /// The organisation.
    Organization,
}

/// Narrows usage.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "UsageFilter")]
pub struct UsageFilterInput {
    /// Only usage of this organisation.
    pub organization_id: Option<ID>,
    /// Only usage of these models.
    pub model: Option<Vec<String>>,
    /// Only usage of this agent. `FORBIDDEN` for super-admins.
    pub agent_id: Option<ID>,
    /// Only this user's usage. `FORBIDDEN` for super-admins.
    pub user_id: Option<ID>,
}

impl UsageFilterInput {
    /// The store's query.
    pub fn query(self, days: Days, by: Vec<UsageDimension>) -> Result<UsageQuery> {
        Ok(UsageQuery {
            days,
            by: by.into_iter().map(Dimension::from).collect(),
            models: self.model,
            organization_id: parse_optional_id("filter.organizationId", self.organization_id.as_ref())?,
            agent_id: parse_optional_id("filter.agentId", self.agent_id.as_ref())?,
            user_id: parse_optional_id("filter.userId", self.user_id.as_ref())?,
        })
    }
}

/// Usage of one day, model, agent, user or organisation, or of several of these together. What was not asked to be told
/// apart is null.
pub struct UsageBucket(pub usage::UsageBucket);

/// Usage of one day, model, agent, user or organisation, or of several of these together. What was not asked to be told
/// apart is null.
#[Object]
impl UsageBucket {
    /// The sums.
    async fn totals(&self) -> UsageTotals {
        self.0.totals.into()
    }

    /// The day, in UTC.
    async fn day(&self) -> Option<Date> {
        self.0.day.map(Date)
    }

    /// The model's name, as the reporter gave it.
    async fn model(&self) -> Option<&str> {
        self.0.model.as_deref()
    }

    /// The organisation.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        match self.0.organization_id {
            Some(id) => organization(ctx, id).await.map(Some),
            None => Ok(None),
        }
    }

    /// The agent; null, too, where it is not known or the viewer no longer sees it.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        let (Some(id), cx) = (self.0.agent_id, cx(ctx)) else { return Ok(None) };
        let batch = AgentById { columns: lookahead::columns::<AgentRow>(ctx) };
        Ok(cx.loaders.load(&cx.store, batch, id).await?.map(Agent))
    }

    /// Whose usage it is: the goal's submitter, or the chat's user; null, too, where that is not known.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        user(ctx, self.0.user_id).await
    }
}

/// What an organisation may spend, and what it has spent. Months and days are those of UTC. A limit that is null is none.
pub struct Budget(pub BudgetRow);

/// What an organisation may spend, and what it has spent. Months and days are those of UTC. A limit that is null is none.
#[Object]
impl Budget {
    /// What a month may cost, in US dollars.
    async fn monthly_cost_usd(&self) -> Option<Decimal> {
        self.0.limits.monthly_cost.map(Decimal)
    }

    /// Tokens, read and written, that a day may take.
    async fn daily_tokens(&self) -> Option<BigInt> {
        self.0.limits.daily_tokens.map(BigInt)
    }

    /// What this month has cost so far.
    async fn spent_usd(&self) -> Decimal {
        Decimal(self.0.spent.month)
    }

    /// Tokens that today has taken so far.
    async fn tokens_today(&self) -> BigInt {
        BigInt(self.0.spent.tokens_today)
    }

    /// Whether a limit is reached: then no goal is taken and no task is handed out, and the code is `BUDGET_EXHAUSTED`.
    async fn exhausted(&self) -> bool {
        self.0.limits.exhausted(&self.0.spent)
    }
}

/// The platform in figures.
pub struct PlatformMetrics(pub Days);

/// The platform in figures.
#[Object]
impl PlatformMetrics {
    /// Its organisations by name, archived ones too, at most 1,000. `organizations` pages through all of them.
    async fn organizations(&self, ctx: &Context<'_>) -> Result<Vec<OrganizationMetrics>> {
        let ids = cx(ctx).store.platform_organizations().await?;
        Ok(ids.into_iter().map(|id| OrganizationMetrics { id, days: self.0 }).collect())
    }

    /// Accounts, closed ones too.
    async fn users(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(int(cx(ctx).store.platform_count(PlatformCount::Users).await?))
    }

    /// Agents of organisations and global ones, archived ones too.
    async fn agents(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(int(cx(ctx).store.platform_count(PlatformCount::Agents).await?))
    }

    /// Goals by state; states without any are left out.
    async fn goals(&self, ctx: &Context<'_>) -> Result<Vec<GoalStatusCount>> {
        Ok(GoalStatusCount::list(cx(ctx).store.platform_goals().await?))
    }

    /// Tasks by state; states without any are left out.
    async fn tasks(&self, ctx: &Context<'_>) -> Result<Vec<TaskStatusCount>> {
        Ok(TaskStatusCount::list(cx(ctx).store.platform_tasks().await?))
    }

    /// Workers.
    async fn workers(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(int(cx(ctx).store.platform_count(PlatformCount::Workers).await?))
    }

    /// Usage on the days asked for.
    async fn usage(&self, ctx: &Context<'_>) -> Result<UsageTotals> {
        Ok(cx(ctx).store.platform_usage(self.0).await?.into())
    }
}

/// An organisation in figures.
pub struct OrganizationMetrics {
    id: OrgId,
    days: Days,
}

/// An organisation in figures.
#[Object]
impl OrganizationMetrics {
    /// The organisation.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        organization(ctx, self.id).await
    }

    /// How much it holds.
    async fn counts(&self) -> OrganizationCounts {
        OrganizationCounts(self.id)
    }

    /// Its usage on the days asked for.
    async fn usage(&self, ctx: &Context<'_>) -> Result<UsageTotals> {
        let cx = cx(ctx);
        let totals = cx.loaders.load(&cx.store, UsageOfOrganizations { days: self.days }, self.id).await?;
        Ok(totals.unwrap_or_default().into())
    }
}

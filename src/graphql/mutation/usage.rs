//! Usage and budgets.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::{int, parse_id, parse_optional_id},
        context::cx,
        directives::requires,
        guard::Requires,
        scalars::{BigInt, DateTime, Decimal},
        types::payload::OrganizationPayload,
    },
    policy::Permission,
    service::{
        budget::{self, BudgetChange},
        usage as cases,
    },
};

/// A call of a model. Whose usage it is follows from the goal or the chat that it was for.
#[derive(InputObject)]
pub struct UsageInput {
    /// The reporter's own id of the call: however often it is reported, it counts once.
    pub request_id: String,
    /// The model's name.
    pub model: String,
    /// Tokens read: at most 1,000,000,000.
    pub tokens_in: BigInt,
    /// Tokens written: at most 1,000,000,000.
    pub tokens_out: BigInt,
    /// What it cost, in US dollars: at most 10,000.
    pub cost_usd: Decimal,
    /// The agent that called.
    pub agent_id: ID,
    /// The goal that it worked for.
    pub goal_id: Option<ID>,
    /// The task that it worked on; its goal need not be given.
    pub task_id: Option<ID>,
    /// The chat that it answered in, instead of a goal.
    pub chat_session_id: Option<ID>,
    /// When; now without it. Within the last 366 days.
    pub at: Option<DateTime>,
}

impl UsageInput {
    fn parse(self) -> Result<cases::UsageInput> {
        Ok(cases::UsageInput {
            request_id: self.request_id,
            model: self.model,
            tokens_in: self.tokens_in.0,
            tokens_out: self.tokens_out.0,
            cost: self.cost_usd.0,
            agent_id: parse_id("input.agentId", &self.agent_id)?,
            goal_id: parse_optional_id("input.goalId", self.goal_id.as_ref())?,
            task_id: parse_optional_id("input.taskId", self.task_id.as_ref())?,
            session_id: parse_optional_id("input.chatSessionId", self.chat_session_id.as_ref())?,
            at: self.at.map(|at| at.0),
        })
    }
}

/// What became of a report.
#[derive(SimpleObject)]
pub struct RecordUsagePayload {
    /// Calls that count from now on.
    pub recorded: i32,
    /// Calls that had been reported before, just the same.
    pub duplicates: i32,
}

/// What is to change of a budget; what is not given stays.
#[derive(InputObject)]
pub struct SetBudgetInput {
    /// The organisation; the viewer's own without it.
    pub organization_id: Option<ID>,
    /// What a month in UTC may cost, in US dollars; null takes the limit away.
    pub monthly_cost_usd: MaybeUndefined<Decimal>,
    /// Tokens, read and written, that a day in UTC may take; null takes the limit away.
    pub daily_tokens: MaybeUndefined<BigInt>,
}

#[derive(Default)]
pub struct UsageMutation;

#[Object]
impl UsageMutation {
    /// Reports up to 1,000 calls of models, all or none. A call whose `requestId` was reported before counts no second
    /// time; with other figures it is a conflict.
    #[graphql(guard = "Requires(Permission::UsageRecord)", directive = requires::apply(Permission::UsageRecord.into()))]
    async fn record_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The calls.")] input: Vec<UsageInput>,
    ) -> Result<RecordUsagePayload> {
        let calls = input.into_iter().map(UsageInput::parse).collect::<Result<_>>()?;
        let done = cases::record(begin(ctx).await, &cx(ctx).public_url, calls).await?;
        let count = |count: usize| int(i64::try_from(count).unwrap_or(i64::MAX));
        Ok(RecordUsagePayload { recorded: count(done.recorded), duplicates: count(done.duplicates) })
    }

    /// Limits what an organisation spends. At four fifths of a limit, and when it is reached, its admins are told by mail and
    /// in the audit log; from then on goals and tasks wait, with the code `BUDGET_EXHAUSTED`.
    #[graphql(
        guard = "Requires(Permission::BudgetSet)",
        directive = requires::apply(Permission::BudgetSet.into())
    )]
    async fn set_budget(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The limits.")] input: SetBudgetInput,
    ) -> Result<OrganizationPayload> {
        let change = BudgetChange {
            organization_id: parse_optional_id("input.organizationId", input.organization_id.as_ref())?,
            monthly_cost: given(input.monthly_cost_usd).map(|cost| cost.map(|Decimal(cost)| cost)),
            daily_tokens: given(input.daily_tokens).map(|tokens| tokens.map(|BigInt(tokens)| tokens)),
        };
        budget::set(begin(ctx).await, &cx(ctx).public_url, change).await.map(OrganizationPayload)
    }
}

fn given<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

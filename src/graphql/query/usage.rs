//! Usage, and the platform in figures.

use async_graphql::{Context, Object};

use crate::{
    error::Result,
    graphql::{
        context::cx,
        directives::requires,
        guard::Requires,
        scalars::DateTime,
        types::usage::{PlatformMetrics, UsageBucket, UsageDimension, UsageFilterInput, days},
    },
    policy::Permission,
    store::read::usage::Days,
};

#[derive(Default)]
pub struct UsageQuery;

#[Object]
impl UsageQuery {
    /// What calls of models came to, exactly: all of the organisation's for its admins, one's own for other members, totals
    /// of every organisation for super-admins. In order of day, model, organisation, agent and user; at most 10,000 buckets.
    #[graphql(guard = "Requires(Permission::UsageRead)", directive = requires::apply(Permission::UsageRead.into()))]
    async fn usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first moment. Usage is kept by days in UTC: its whole day counts.")] from: DateTime,
        #[graphql(desc = "The moment after the last. If it is within a day, the whole day counts.")] to: DateTime,
        #[graphql(desc = "By what it is told apart; nothing gives one sum.")] group_by: Vec<UsageDimension>,
        #[graphql(desc = "Narrows it.")] filter: Option<UsageFilterInput>,
    ) -> Result<Vec<UsageBucket>> {
        let query = filter.unwrap_or_default().query(days(from, to)?, group_by)?;
        let buckets = cx(ctx).store.usage_buckets(&query).await?;
        Ok(buckets.into_iter().map(UsageBucket).collect())
    }

    /// The platform in figures, for super-admins: counts and sums over metadata.
    #[graphql(guard = "Requires(Permission::PlatformRead)", directive = requires::apply(Permission::PlatformRead.into()))]
    async fn platform_metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Usage from this day in UTC on; without it, from the first of `to`'s month.")] from: Option<
            DateTime,
        >,
        #[graphql(desc = "Usage up to this moment, its whole day in UTC included; without it, up to now.")] to: Option<
            DateTime,
        >,
    ) -> Result<Option<PlatformMetrics>> {
        let to = to.map_or_else(|| cx(ctx).clock.now(), |to| to.0);
        let days = match from {
            Some(from) => days(from, to.into())?,
            // Today's whole day: now may be its first moment.
            None => Days::of_month(to.date_naive()),
        };
        Ok(Some(PlatformMetrics(days)))
    }
}

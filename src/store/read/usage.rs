//! What model calls came to, summed from the days; and the proof that the days say what the calls say.
//!
//! A day begins and ends in UTC. Sums are exact: cost is added up in whole dollars and billionths, apart, so that no sum
//! leaves the range of the databases' integers.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use entity::{
    ids::{AgentId, OrgId, TypedId, UserId},
    usage_day,
};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, Order, QueryResult, Statement, TryGetable,
    sea_query::{Expr, ExprTrait, SelectStatement},
};
use uuid::Uuid;

use crate::store::{
    Store, any_of,
    db::{Database, Role},
    scope::Scope,
    uuids,
};
use crate::{
    error::{Error, Result},
    money::Usd,
};

/// The most buckets of one answer.
pub const MAX_BUCKETS: u32 = 10_000;

/// Days in UTC: the first, and the one after the last.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Days {
    from: NaiveDate,
    until: NaiveDate,
}

impl Days {
    /// The days that a span of time touches: `from` is rounded down to the beginning of its day, `to` up to the end of the
    /// last day that has a moment before it. None when the span is empty.
    pub fn touched(from: DateTime<Utc>, to: DateTime<Utc>) -> Option<Self> {
        let last = to.checked_sub_signed(TimeDelta::nanoseconds(1))?;
        let until = last.date_naive().succ_opt()?;
        (from < to).then(|| Self { from: from.date_naive(), until })
    }

    /// The month of `today`, up to and with it.
    pub fn of_month(today: NaiveDate) -> Self {
        let from = today.with_day(1).unwrap_or(today);
        Self { from, until: today.succ_opt().unwrap_or(today) }
    }

    /// As a condition: days are texts that sort like the days.
    pub(in crate::store) fn hold(self) -> Expr {
        let day = Expr::col((usage_day::Entity, usage_day::Column::Day));
        day.clone().gte(self.from.to_string()).and(day.lt(self.until.to_string()))
    }
}

/// Sums over calls.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct UsageTotals {
    /// How many calls.
    pub requests: i64,
    /// Tokens read.
    pub tokens_in: i64,
    /// Tokens written.
    pub tokens_out: i64,
    /// What they cost.
    pub cost: Usd,
}

/// How many columns [`totals`] adds.
const TOTALS: [&str; 5] = [
    "CAST(coalesce(sum(requests), 0) AS bigint)",
    "CAST(coalesce(sum(tokens_in), 0) AS bigint)",
    "CAST(coalesce(sum(tokens_out), 0) AS bigint)",
    "CAST(coalesce(sum(cost_nanos / 1000000000), 0) AS bigint)",
    "CAST(coalesce(sum(cost_nanos % 1000000000), 0) AS bigint)",
];

/// Adds the sums to a query over days.
fn totals(select: &mut SelectStatement) {
    for sum in TOTALS {
        select.expr(Expr::cust(sum));
    }
}

impl UsageTotals {
    fn read(row: &QueryResult, first: usize) -> Result<Self, DbErr> {
        let sum = |at: usize| i64::try_get_by_index(row, first + at).map_err(DbErr::from);
        Ok(Self { requests: sum(0)?, tokens_in: sum(1)?, tokens_out: sum(2)?, cost: cost(sum(3)?, sum(4)?) })
    }
}

/// Whole dollars and billionths as one amount.
pub(in crate::store) fn cost(dollars: i64, nanos: i64) -> Usd {
    Usd::from_nanos(i128::from(dollars) * 1_000_000_000 + i128::from(nanos))
}

/// By what usage is told apart. The order is that of the answer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Dimension {
    /// The day in UTC.
    Day,
    /// The model.
    Model,
    /// The organisation.
    Organization,
    /// The agent.
    Agent,
    /// Whose usage it is.
    User,
}

impl Dimension {
    const fn column(self) -> usage_day::Column {
        match self {
            Self::Day => usage_day::Column::Day,
            Self::Model => usage_day::Column::Model,
            Self::Organization => usage_day::Column::OrgId,
            Self::Agent => usage_day::Column::AgentId,
            Self::User => usage_day::Column::UserId,
        }
    }
}

/// Which usage, and how it is told apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsageQuery {
    /// On which days.
    pub days: Days,
    /// By what; nothing gives one sum.
    pub by: BTreeSet<Dimension>,
    /// Of these models.
    pub models: Option<Vec<String>>,
    /// Of this organisation.
    pub organization_id: Option<OrgId>,
    /// Of this agent.
    pub agent_id: Option<AgentId>,
    /// Of this user.
    pub user_id: Option<UserId>,
}

impl UsageQuery {
    /// All usage that the viewer sees, as one sum.
    pub const fn all(days: Days) -> Self {
        let by = BTreeSet::new();
        Self { days, by, models: None, organization_id: None, agent_id: None, user_id: None }
    }
}

/// One sum, and what it is of, as far as that was asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UsageBucket {
    /// The sum.
    pub totals: UsageTotals,
    /// The day.
    pub day: Option<NaiveDate>,
    /// The model.
    pub model: Option<String>,
    /// The organisation.
    pub organization_id: Option<OrgId>,
    /// The agent; none where it is not known.
    pub agent_id: Option<AgentId>,
    /// Whose usage it is; none where it is not known.
    pub user_id: Option<UserId>,
}

impl UsageBucket {
    fn read(row: &QueryResult, by: &BTreeSet<Dimension>) -> Result<Self> {
        let mut bucket = Self { totals: UsageTotals::read(row, by.len())?, ..Self::default() };
        for (at, dimension) in by.iter().enumerate() {
            match dimension {
                Dimension::Day => {
                    let day = String::try_get_by_index(row, at)?;
                    bucket.day = Some(day.parse().map_err(|_| Error::internal("a day that is none"))?);
                }
                Dimension::Model => bucket.model = Some(String::try_get_by_index(row, at)?),
                Dimension::Organization => bucket.organization_id = Some(OrgId::try_get_by_index(row, at)?),
                Dimension::Agent => bucket.agent_id = known(AgentId::try_get_by_index(row, at)?),
                Dimension::User => bucket.user_id = known(UserId::try_get_by_index(row, at)?),
            }
        }
        Ok(bucket)
    }
}

/// The id of a key in which zeros stand for "not known".
fn known<I: TypedId>(id: I) -> Option<I> {
    (!id.uuid().is_nil()).then_some(id)
}

/// An id in such a key.
pub(in crate::store) fn keyed<I: TypedId>(id: Option<I>) -> I {
    id.unwrap_or(I::from_uuid(Uuid::nil()))
}

impl Store {
    /// Usage that the viewer may see, in the order of what it is told apart by.
    pub async fn usage_buckets(&self, query: &UsageQuery) -> Result<Vec<UsageBucket>> {
        let scope = self.scope()?;
        let personal = query.by.contains(&Dimension::Agent)
            || query.by.contains(&Dimension::User)
            || query.agent_id.is_some()
            || query.user_id.is_some();
        if personal && matches!(scope, Scope::Operator) {
            return Err(Error::Forbidden("usage by agent or user"));
        }
        let col = |column| Expr::col((usage_day::Entity, column));
        let mut select = scope.rows::<usage_day::Entity>();
        for dimension in &query.by {
            let column = col(dimension.column());
            select.expr(column.clone()).add_group_by([column.clone()]).order_by_expr(column, Order::Asc);
        }
        totals(&mut select);
        select
            .and_where(query.days.hold())
            .and_where_option(query.models.as_ref().map(|models| col(usage_day::Column::Model).is_in(models.clone())))
            .and_where_option(query.organization_id.map(|id| col(usage_day::Column::OrgId).eq(id)))
            .and_where_option(query.agent_id.map(|id| col(usage_day::Column::AgentId).eq(id)))
            .and_where_option(query.user_id.map(|id| col(usage_day::Column::UserId).eq(id)))
            .limit(u64::from(MAX_BUCKETS) + 1);
        let rows = self.read().await?.query_all(&select).await?;
        if rows.len() > MAX_BUCKETS as usize {
            return Err(Error::validation(
                "groupBy",
                format!("would give more than {MAX_BUCKETS} buckets; ask for less"),
            ));
        }
        rows.iter().map(|row| UsageBucket::read(row, &query.by)).collect()
    }

    /// Usage of agents that the viewer may see. Not for an operator, who is told nothing by agent.
    pub async fn usage_of_agents(&self, agents: &[AgentId], days: Days) -> Result<HashMap<AgentId, UsageTotals>> {
        if matches!(self.scope()?, Scope::Operator) {
            return Err(Error::Forbidden("usage by agent or user"));
        }
        self.usage_by(usage_day::Column::AgentId, &uuids(agents), days).await
    }

    /// Usage of organisations that the viewer may see.
    pub async fn usage_of_organizations(&self, orgs: &[OrgId], days: Days) -> Result<HashMap<OrgId, UsageTotals>> {
        self.usage_by(usage_day::Column::OrgId, &uuids(orgs), days).await
    }

    async fn usage_by<I>(&self, column: usage_day::Column, ids: &[Uuid], days: Days) -> Result<HashMap<I, UsageTotals>>
    where
        I: TypedId + TryGetable + Eq + std::hash::Hash,
    {
        let column = Expr::col((usage_day::Entity, column));
        let mut select = self.scope()?.rows::<usage_day::Entity>();
        select
            .expr(column.clone())
            .and_where(any_of(column.clone(), ids, self.db.backend()))
            .and_where(days.hold())
            .add_group_by([column]);
        totals(&mut select);
        let mut sums = HashMap::new();
        for row in self.read().await?.query_all(&select).await? {
            sums.insert(I::try_get_by_index(&row, 0)?, UsageTotals::read(&row, 1)?);
        }
        Ok(sums)
    }
}

/// A day whose sums are not those of its calls: by how much the calls come to more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsageDifference {
    /// Of what.
    pub bucket: UsageBucket,
}

impl fmt::Display for UsageDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UsageBucket { totals, day, model, organization_id, agent_id, user_id } = &self.bucket;
        fn or_none(id: Option<impl fmt::Display>) -> String {
            id.map_or_else(|| "-".to_owned(), |id| id.to_string())
        }
        write!(
            f,
            "{} {} {} {} {}: the calls have {} requests, {} and {} tokens, {} USD more",
            or_none(*day),
            or_none(*organization_id),
            or_none(model.as_ref()),
            or_none(*agent_id),
            or_none(*user_id),
            totals.requests,
            totals.tokens_in,
            totals.tokens_out,
            totals.cost
        )
    }
}

/// Holds every day's sums against the calls, in one statement, so that it sees one moment. Gives at most `most`
/// differences. As an operator: it takes metadata alone, of all organisations.
pub async fn usage_differences(db: &Database, most: u32) -> Result<Vec<UsageDifference>> {
    let (day, zeros) = match db.backend() {
        DbBackend::Sqlite => ("substr(created_at, 1, 10)", "x'00000000000000000000000000000000'"),
        _ => (
            "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
            "CAST('00000000-0000-0000-0000-000000000000' AS uuid)",
        ),
    };
    let sums = TOTALS.join(", ");
    let sql = format!(
        "SELECT day, model, org_id, agent_id, user_id, {sums} FROM (
             SELECT {day} AS day, model, org_id, coalesce(agent_id, {zeros}) AS agent_id,
                    coalesce(user_id, {zeros}) AS user_id, 1 AS requests, tokens_in, tokens_out, cost_nanos
             FROM llm_usage
             UNION ALL
             SELECT day, model, org_id, agent_id, user_id, -requests, -tokens_in, -tokens_out, -cost_nanos FROM usage_days
         ) AS added
         GROUP BY 1, 2, 3, 4, 5
         HAVING sum(requests) <> 0 OR sum(tokens_in) <> 0 OR sum(tokens_out) <> 0 OR sum(cost_nanos) <> 0
         ORDER BY 1, 2, 3, 4, 5 LIMIT {most}"
    );
    let by = [Dimension::Day, Dimension::Model, Dimension::Organization, Dimension::Agent, Dimension::User].into();
    let tx = db.begin_read(Role::Operator, None).await?;
    let rows = tx.query_all_raw(Statement::from_string(db.backend(), sql)).await?;
    rows.iter().map(|row| Ok(UsageDifference { bucket: UsageBucket::read(row, &by)? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn days(from: &str, to: &str) -> Option<[String; 2]> {
        Days::touched(at(from), at(to)).map(|days| [days.from.to_string(), days.until.to_string()])
    }

    #[test]
    fn a_span_takes_the_days_that_it_touches() {
        let one = Some(["2026-11-22".to_owned(), "2026-11-23".to_owned()]);
        assert_eq!(days("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"), one);
        assert_eq!(days("2026-11-22T23:59:59Z", "2026-11-22T23:59:59.000001Z"), one);
        let two = Some(["2026-11-22".to_owned(), "2026-11-24".to_owned()]);
        assert_eq!(days("2026-11-22T12:00:00Z", "2026-11-23T00:00:00.000001Z"), two);
        assert_eq!(days("2026-11-22T01:00:00+02:00", "2026-11-22T02:00:00+02:00").unwrap()[0], "2026-11-21");
        assert_eq!(days("2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"), None);
        assert_eq!(days("2026-11-23T00:00:00Z", "2026-11-22T00:00:00Z"), None);
    }

    #[test]
    fn a_month_begins_on_its_first_day() {
        let month = Days::of_month("2026-02-28".parse().unwrap());
        assert_eq!([month.from.to_string(), month.until.to_string()], ["2026-02-01", "2026-03-01"]);
    }
}

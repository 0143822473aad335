//! Budgets, with what is spent of them.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::{budget, ids::OrgId, usage_day};
use sea_orm::{
    ConnectionTrait, QueryResult, TryGetable,
    sea_query::{CaseStatement, Expr, ExprTrait, Func, SelectStatement},
};

use super::usage::{Days, cost};
use crate::store::{Store, any_of, uuids};
use crate::{error::Result, money::Usd};

/// What may be spent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// What a month in UTC may cost.
    pub monthly_cost: Option<Usd>,
    /// Tokens, read and written, that a day in UTC may take.
    pub daily_tokens: Option<i64>,
}

/// What is spent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Spent {
    /// In this month.
    pub month: Usd,
    /// On this day.
    pub tokens_today: i64,
}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Less than four fifths.
    Free,
    /// Four fifths.
    Warned,
    /// All.
    Exhausted,
}

impl Level {
    /// How much of `limit` is used when `spent` is.
    pub const fn of(spent: i128, limit: i128) -> Self {
        if spent >= limit {
            Self::Exhausted
        } else if spent * 5 >= limit * 4 {
            Self::Warned
        } else {
            Self::Free
        }
    }
}

impl Limits {
    /// How much of the month's cost is used; none without a limit.
    pub fn cost_level(&self, spent: &Spent) -> Option<Level> {
        self.monthly_cost.map(|limit| Level::of(spent.month.nanos(), limit.nanos()))
    }

    /// How much of the day's tokens is used; none without a limit.
    pub fn token_level(&self, spent: &Spent) -> Option<Level> {
        self.daily_tokens.map(|limit| Level::of(spent.tokens_today.into(), limit.into()))
    }

    /// Whether either is used up.
    pub fn exhausted(&self, spent: &Spent) -> bool {
        [self.cost_level(spent), self.token_level(spent)].contains(&Some(Level::Exhausted))
    }

    /// Reads the two limits, which begin at position `first`.
    pub(in crate::store) fn read(row: &QueryResult, first: usize) -> Result<Self> {
        let nanos = Option::<i64>::try_get_by_index(row, first)?;
        let monthly_cost = nanos.map(|nanos| Usd::from_nanos(nanos.into()));
        Ok(Self { monthly_cost, daily_tokens: Option::try_get_by_index(row, first + 1)? })
    }
}

/// A budget, with what is spent of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BudgetRow {
    /// What may be spent.
    pub limits: Limits,
    /// What is.
    pub spent: Spent,
}

/// Adds to a query over an organisation's days what is spent in the month and on the day of `today`.
pub(in crate::store) fn spent(select: &mut SelectStatement, today: NaiveDate) {
    let col = |column| Expr::col((usage_day::Entity, column));
    let on_the_day = CaseStatement::new()
        .case(
            col(usage_day::Column::Day).eq(today.to_string()),
            col(usage_day::Column::TokensIn).add(col(usage_day::Column::TokensOut)),
        )
        .finally(0);
    let on_the_day = Func::coalesce([Func::sum(on_the_day).into(), Expr::val(0)]);
    select
        .and_where(Days::of_month(today).hold())
        .expr(Expr::cust("CAST(coalesce(sum(cost_nanos / 1000000000), 0) AS bigint)"))
        .expr(Expr::cust("CAST(coalesce(sum(cost_nanos % 1000000000), 0) AS bigint)"))
        .expr(Expr::from(on_the_day).cast_as("bigint"));
}

impl Spent {
    /// Reads what [`spent`] added, which begins at position `first`.
    pub(in crate::store) fn read(row: &QueryResult, first: usize) -> Result<Self> {
        let sum = |at: usize| i64::try_get_by_index(row, first + at);
        Ok(Self { month: cost(sum(0)?, sum(1)?), tokens_today: sum(2)? })
    }
}

impl Store {
    /// Budgets of organisations, in two statements. One that has none has no limits; what is spent is told all the same.
    pub async fn budgets_of(&self, orgs: &[OrgId], today: NaiveDate) -> Result<HashMap<OrgId, BudgetRow>> {
        let mut budgets: HashMap<OrgId, BudgetRow> = HashMap::new();
        let tx = self.read().await?;

        let org_id = Expr::col((budget::Entity, budget::Column::OrgId));
        let mut select = self.scope()?.rows::<budget::Entity>();
        select
            .expr(org_id.clone())
            .columns([budget::Column::MonthlyCostNanos, budget::Column::DailyTokens])
            .and_where(any_of(org_id, &uuids(orgs), self.db.backend()));
        for row in tx.query_all(&select).await? {
            budgets.entry(OrgId::try_get_by_index(&row, 0)?).or_default().limits = Limits::read(&row, 1)?;
        }

        let org_id = Expr::col((usage_day::Entity, usage_day::Column::OrgId));
        let mut select = self.scope()?.rows::<usage_day::Entity>();
        select
            .expr(org_id.clone())
            .and_where(any_of(org_id.clone(), &uuids(orgs), self.db.backend()))
            .add_group_by([org_id]);
        spent(&mut select, today);
        for row in tx.query_all(&select).await? {
            budgets.entry(OrgId::try_get_by_index(&row, 0)?).or_default().spent = Spent::read(&row, 1)?;
        }
        Ok(budgets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_reached_to_the_nano() {
        let limit = 1_000_000_001;
        let four_fifths = 800_000_001;
        assert_eq!(Level::of(four_fifths - 1, limit), Level::Free);
        assert_eq!(Level::of(four_fifths, limit), Level::Warned);
        assert_eq!(Level::of(limit - 1, limit), Level::Warned);
        assert_eq!(Level::of(limit, limit), Level::Exhausted);
        assert_eq!(Level::of(0, 0), Level::Exhausted, "nothing may be spent");
    }
}

//! Budgets, as they are set and as they run out.
//!
//! A budget's row also notes in which month, or on which day, a limit was reached. Usage only ever grows through
//! [`super::usage`], which looks at the limits under the row's lock before it commits, so that the note is there with the
//! usage that reached the limit; whoever has to know whether the budget is used up reads one row.

use chrono::{DateTime, NaiveDate, Utc};
use entity::{budget, ids::OrgId, usage_day};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, QueryTrait, TryGetable,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};

use crate::{
    error::{Error, Result},
    policy::{
        OrgFacts,
        permit::{Action, Permit, SetBudget},
    },
    store::{
        db::Tx,
        read::budget::{Level, Limits, Spent, spent},
    },
};

/// When a limit was last reached: the name of the month or the day.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reached {
    /// Four fifths of it.
    pub warned: Option<String>,
    /// All of it.
    pub exhausted: Option<String>,
}

impl Reached {
    /// How much of the limit is noted for `period`.
    pub fn level(&self, period: &str) -> Level {
        if self.exhausted.as_deref() == Some(period) {
            Level::Exhausted
        } else if self.warned.as_deref() == Some(period) {
            Level::Warned
        } else {
            Level::Free
        }
    }

    /// Notes that so much of the limit is used in `period`.
    pub fn note(&mut self, level: Level, period: &str) {
        if level >= Level::Warned {
            self.warned = Some(period.to_owned());
        }
        if level == Level::Exhausted {
            self.exhausted = Some(period.to_owned());
        }
    }
}

/// A budget's row.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LockedBudget {
    /// What may be spent.
    pub limits: Limits,
    /// When the month's cost was reached.
    pub cost: Reached,
    /// When the day's tokens were reached.
    pub tokens: Reached,
}

/// The name of a month.
pub fn month(day: NaiveDate) -> String {
    day.format("%Y-%m").to_string()
}

/// Locks the organisation's budget until the transaction ends, making one without limits where there is none: two who add
/// usage at one instant come one after the other here, and the second finds what the first added.
pub async fn budget_hold<A: Action<On = OrgFacts>>(
    tx: &Tx,
    permit: &Permit<A>,
    now: DateTime<Utc>,
) -> Result<LockedBudget> {
    use budget::{Column, Entity};
    let row = budget::ActiveModel {
        org_id: Set(permit.key()),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    let mut insert = Entity::insert(row).into_query();
    insert.on_conflict(OnConflict::new().do_nothing().to_owned());
    tx.execute(&insert).await?;
    // An UPDATE that changes nothing locks the row on both databases and gives what is in it.
    let columns = [
        Column::MonthlyCostNanos,
        Column::DailyTokens,
        Column::CostWarned,
        Column::CostExhausted,
        Column::TokensWarned,
        Column::TokensExhausted,
    ];
    let mut lock = Query::update();
    lock.table(Entity)
        .value(Column::UpdatedAt, Expr::col(Column::UpdatedAt))
        .and_where(Expr::col(Column::OrgId).eq(permit.key()))
        .returning(Query::returning().columns(columns));
    let row = tx.query_one(&lock).await?.ok_or_else(|| Error::internal("no budget"))?;
    let text = |at: usize| Option::<String>::try_get_by_index(&row, at);
    Ok(LockedBudget {
        limits: Limits::read(&row, 0)?,
        cost: Reached { warned: text(2)?, exhausted: text(3)? },
        tokens: Reached { warned: text(4)?, exhausted: text(5)? },
    })
}

/// What is spent, asked after [`budget_hold`] in a statement of its own: it sees what was committed while that waited.
pub async fn budget_spent<A: Action<On = OrgFacts>>(tx: &Tx, permit: &Permit<A>, today: NaiveDate) -> Result<Spent> {
    let mut select = Query::select();
    select.from(usage_day::Entity).and_where(Expr::col((usage_day::Entity, usage_day::Column::OrgId)).eq(permit.key()));
    spent(&mut select, today);
    let row = tx.query_one(&select).await?.ok_or_else(|| Error::internal("a sum without a row"))?;
    Spent::read(&row, 0)
}

/// Notes when the limits were reached.
pub async fn budget_note<A: Action<On = OrgFacts>>(tx: &Tx, permit: &Permit<A>, held: &LockedBudget) -> Result<()> {
    use budget::{Column, Entity};
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::CostWarned, held.cost.warned.clone())
        .value(Column::CostExhausted, held.cost.exhausted.clone())
        .value(Column::TokensWarned, held.tokens.warned.clone())
        .value(Column::TokensExhausted, held.tokens.exhausted.clone())
        .and_where(Expr::col(Column::OrgId).eq(permit.key()));
    tx.execute(&update).await?;
    Ok(())
}

/// Sets the limits of a budget that is held.
pub async fn budget_set(tx: &Tx, permit: &Permit<SetBudget>, limits: &Limits, now: DateTime<Utc>) -> Result<()> {
    use budget::{Column, Entity};
    let nanos = limits.monthly_cost.map(|cost| i64::try_from(cost.nanos())).transpose();
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::MonthlyCostNanos, nanos.map_err(|_| Error::internal("a budget out of range"))?)
        .value(Column::DailyTokens, limits.daily_tokens)
        .value(Column::UpdatedAt, now)
        .and_where(Expr::col(Column::OrgId).eq(permit.key()));
    tx.execute(&update).await?;
    Ok(())
}

/// Refuses to begin anything once the organisation's budget is used up.
pub async fn budget_require(tx: &Tx, org_id: OrgId, now: DateTime<Utc>) -> Result<()> {
    use budget::{Column, Entity};
    let mut select = Query::select();
    select
        .columns([Column::CostExhausted, Column::TokensExhausted])
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id));
    let Some(row) = tx.query_one(&select).await? else { return Ok(()) };
    let today = now.date_naive();
    let cost = Option::<String>::try_get_by_index(&row, 0)?;
    let tokens = Option::<String>::try_get_by_index(&row, 1)?;
    if cost == Some(month(today)) || tokens == Some(today.to_string()) {
        return Err(Error::BudgetExhausted);
    }
    Ok(())
}

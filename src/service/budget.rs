//! Budgets: what a month may cost and a day may take, and who is told when that is nearly or quite used up.
//!
//! Months and days are those of UTC. A limit that is reached stays noted until its period is over or the limit is changed,
//! and each is told once: in the log, and by mail to the organisation's admins.

use chrono::{DateTime, Utc};
use entity::ids::OrgId;
use serde_json::json;

use super::{Context, mail};
use crate::{
    error::{Error, Result},
    money::Usd,
    policy::{
        OrgFacts,
        permit::{Action, Permit, SetBudget, permit},
    },
    store::{
        audit::record::Record,
        db::Tx,
        read::budget::{Level, Limits, Spent},
        write::{
            budget::{self as rows, LockedBudget},
            member::member_admins,
        },
    },
};

/// The largest limit of a month, in billionths of a US dollar: a thousand million dollars.
pub const COST: i128 = 1_000_000_000_000_000_000;

/// What is to change of a budget; what is not given stays, and null takes a limit away.
#[derive(Clone, Copy, Debug, Default)]
pub struct BudgetChange {
    /// Whose; without it, the viewer's own organisation's.
    pub organization_id: Option<OrgId>,
    /// What a month may cost.
    pub monthly_cost: Option<Option<Usd>>,
    /// Tokens, read and written, that a day may take.
    pub daily_tokens: Option<Option<i64>>,
}

/// Sets an organisation's limits. They hold from now on: one that is reached already is told at once.
pub async fn set(cx: Context<'_>, public_url: &str, change: BudgetChange) -> Result<OrgId> {
    let may = permit::<SetBudget>(cx.viewer, &cx.organization("input.organizationId", change.organization_id)?)?;
    if change.monthly_cost.is_none() && change.daily_tokens.is_none() {
        return Err(Error::validation("input", "must change something"));
    }
    if change.monthly_cost.flatten().is_some_and(|cost| !(0..=COST).contains(&cost.nanos())) {
        let most = Usd::from_nanos(COST);
        return Err(Error::validation("input.monthlyCostUsd", format!("must be between 0 and {most}")));
    }
    if change.daily_tokens.flatten().is_some_and(i64::is_negative) {
        return Err(Error::validation("input.dailyTokens", "must not be negative"));
    }
    let now = cx.clock.now();
    let tx = cx.store.begin_write(Some(may.key())).await?;
    let before = rows::budget_hold(&tx, &may, now).await?;
    let mut held = before.clone();
    held.limits.monthly_cost = change.monthly_cost.unwrap_or(held.limits.monthly_cost);
    held.limits.daily_tokens = change.daily_tokens.unwrap_or(held.limits.daily_tokens);
    // What was noted of another limit says nothing of this one.
    if held.limits.monthly_cost != before.limits.monthly_cost {
        held.cost = Default::default();
    }
    if held.limits.daily_tokens != before.limits.daily_tokens {
        held.tokens = Default::default();
    }
    rows::budget_set(&tx, &may, &held.limits, now).await?;
    let audit_payload = json!({
        "monthlyCostUsd": held.limits.monthly_cost.map(|cost| cost.to_string()),
        "dailyTokens": held.limits.daily_tokens.map(|tokens| tokens.to_string()),
    });
    let record = Record::about("budget.set", may.key()).with(audit_payload);
    let news = look(&cx, &tx, &may, public_url, &before, held, now).await?;
    cx.finish_all(tx, may.key(), std::iter::once(record).chain(news).collect()).await?;
    Ok(may.key())
}

/// Looks at the budget after usage was added, in the same transaction, and gives what is to be told of it.
pub(super) async fn watch<A: Action<On = OrgFacts>>(
    cx: &Context<'_>,
    tx: &Tx,
    may: &Permit<A>,
    public_url: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Record>> {
    let held = rows::budget_hold(tx, may, now).await?;
    look(cx, tx, may, public_url, &held.clone(), held, now).await
}

/// Notes which limits are reached, mails the admins, and gives the records. `before` is what is stored.
async fn look<A: Action<On = OrgFacts>>(
    cx: &Context<'_>,
    tx: &Tx,
    may: &Permit<A>,
    public_url: &str,
    before: &LockedBudget,
    mut held: LockedBudget,
    now: DateTime<Utc>,
) -> Result<Vec<Record>> {
    let mut audit_payload = Vec::new();
    if held.limits != Limits::default() {
        let spent = rows::budget_spent(tx, may, now.date_naive()).await?;
        audit_payload = news(&mut held, &spent, now);
    }
    if held != *before {
        rows::budget_note(tx, may, &held).await?;
    }
    // One mail a limit: whoever reads that it is used up need not read that it is nearly so.
    let said_by_another =
        |one: &News| audit_payload.iter().any(|other| other.limit == one.limit && other.level > one.level);
    let mails: Vec<_> = audit_payload.iter().filter(|one| !said_by_another(one)).collect();
    if !mails.is_empty() {
        for (_, recipient) in member_admins(tx, may.key()).await? {
            for one in &mails {
                mail::enqueue(tx, cx.clock, one.mail(public_url, recipient.clone())).await?;
            }
        }
    }
    Ok(audit_payload.iter().map(|one| one.record(may.key())).collect())
}

/// A limit that was reached.
#[derive(Clone, Debug, Eq, PartialEq)]
struct News {
    limit: Limit,
    level: Level,
    period: String,
    used: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Limit {
    MonthlyCost,
    DailyTokens,
}

/// What has been reached and was not noted, and notes it.
fn news(held: &mut LockedBudget, spent: &Spent, now: DateTime<Utc>) -> Vec<News> {
    let today = now.date_naive();
    let of = |spent: String, limit: Option<String>| format!("{spent} of {}", limit.unwrap_or_default());
    let cost = of(spent.month.to_string(), held.limits.monthly_cost.map(|limit| format!("{limit} USD")));
    let tokens = of(spent.tokens_today.to_string(), held.limits.daily_tokens.map(|limit| format!("{limit} tokens")));
    let (cost_level, token_level) = (held.limits.cost_level(spent), held.limits.token_level(spent));
    let mut news = Vec::new();
    for (limit, level, reached, period, used) in [
        (Limit::MonthlyCost, cost_level, &mut held.cost, rows::month(today), cost),
        (Limit::DailyTokens, token_level, &mut held.tokens, today.to_string(), tokens),
    ] {
        let Some(level) = level else { continue };
        let noted = reached.level(&period);
        for step in [Level::Warned, Level::Exhausted] {
            if step > noted && step <= level {
                news.push(News { limit, level: step, period: period.clone(), used: used.clone() });
            }
        }
        reached.note(level, &period);
    }
    news
}

impl News {
    fn record(&self, org: OrgId) -> Record {
        let kind = if self.level == Level::Exhausted { "budget.exhausted" } else { "budget.warned" };
        let limit = match self.limit {
            Limit::MonthlyCost => "MONTHLY_COST",
            Limit::DailyTokens => "DAILY_TOKENS",
        };
        Record::about(kind, org).with(json!({ "limit": limit, "period": self.period, "used": self.used }))
    }

    fn mail(&self, public_url: &str, recipient: String) -> mail::Mail {
        let limit = match self.limit {
            Limit::MonthlyCost => "monthly cost",
            Limit::DailyTokens => "daily tokens",
        };
        let (subject, means) = match self.level {
            Level::Exhausted => (
                "Your organisation's budget is used up",
                "No goal is taken and no task is handed out until the period is over or the budget is raised.",
            ),
            Level::Free | Level::Warned => (
                "Your organisation's budget is nearly used up",
                "When it is used up, no goal is taken and no task is handed out until the period is over.",
            ),
        };
        let body = format!(
            "At {public_url}, your organisation has used {} of its budget for {limit} in {}.\n\n{means}\n\n\
             The mutation setBudget changes the limits.\n",
            self.used, self.period,
        );
        mail::Mail { recipient, subject: subject.to_owned(), body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(nanos: i128, tokens_today: i64) -> Spent {
        Spent { month: Usd::from_nanos(nanos), tokens_today }
    }

    fn audit_payload(held: &mut LockedBudget, spent: Spent, now: &str) -> Vec<(Limit, Level)> {
        news(held, &spent, now.parse().unwrap()).iter().map(|one| (one.limit, one.level)).collect()
    }

    #[test]
    fn each_limit_is_told_once_a_period_and_again_in_the_next() {
        let limits = Limits { monthly_cost: Some(Usd::from_nanos(100)), daily_tokens: Some(10) };
        let mut held = LockedBudget { limits, ..LockedBudget::default() };
        assert_eq!(audit_payload(&mut held, spent(79, 7), "2026-11-29T23:59:59Z"), []);
        assert_eq!(
            audit_payload(&mut held, spent(80, 7), "2026-11-29T23:59:59Z"),
            [(Limit::MonthlyCost, Level::Warned)]
        );
        assert_eq!(
            audit_payload(&mut held, spent(99, 8), "2026-11-29T23:59:59Z"),
            [(Limit::DailyTokens, Level::Warned)]
        );
        // The day is over, the month is not.
        assert_eq!(
            audit_payload(&mut held, spent(99, 8), "2026-11-30T00:00:00Z"),
            [(Limit::DailyTokens, Level::Warned)]
        );
        assert_eq!(
            audit_payload(&mut held, spent(100, 9), "2026-11-30T00:00:00Z"),
            [(Limit::MonthlyCost, Level::Exhausted)]
        );
        assert_eq!(audit_payload(&mut held, spent(900, 9), "2026-11-30T00:00:00Z"), []);
        // Both are over; what jumps over the warning is told both.
        let both = [(Limit::MonthlyCost, Level::Warned), (Limit::MonthlyCost, Level::Exhausted)];
        assert_eq!(audit_payload(&mut held, spent(100, 0), "2026-12-01T00:00:00Z"), both);
    }

    #[test]
    fn what_has_no_limit_is_never_reached() {
        assert_eq!(
            audit_payload(&mut LockedBudget::default(), spent(i128::MAX / 8, i64::MAX), "2026-11-29T00:00:00Z"),
            []
        );
    }
}

//! Invariant: once a budget is used up, to the nano, nothing more is begun until its month or day is over or it is raised;
//! that it is nearly or quite used up is told once.

use chrono::{DateTime, TimeDelta, Utc};
use entity::ids::OrgId;
use palisade::{
    clock::Clock,
    error::{Error, Result},
    money::Usd,
    service::{
        Context,
        budget::{self, BudgetChange},
        goal as goals, usage,
    },
    store::read::budget::BudgetRow,
};

use super::{
    agent, goal,
    usage::{assert_sums, call, report, reporter},
};
use crate::support::{
    empty_world::{URL, on_both},
    two_organizations::*,
};

pub fn cost(usd: &str) -> BudgetChange {
    BudgetChange { monthly_cost: Some(Some(usd.parse().unwrap())), ..BudgetChange::default() }
}

fn tokens(tokens: i64) -> BudgetChange {
    BudgetChange { daily_tokens: Some(Some(tokens)), ..BudgetChange::default() }
}

pub async fn set(who: &As, change: BudgetChange) -> Result<OrgId> {
    budget::set(who.cx().await, URL, change).await
}

async fn shown(who: &As, org: OrgId, now: DateTime<Utc>) -> BudgetRow {
    let found = who.cx().await.store.budgets_of(&[org], now.date_naive()).await.unwrap();
    found.get(&org).copied().unwrap_or_default()
}

#[track_caller]
fn exhausted<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::BudgetExhausted)), "{result:?}");
}

async fn told_of(world: &World, org: OrgId) -> Vec<String> {
    let mut told = world.events(org, 0).await;
    told.retain(|kind| kind.starts_with("budget.") && kind != "budget.set");
    told
}

on_both! {
    async fn a_budget_is_used_up_to_the_nano(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let agent = agent::public(&ada).await;
        let key = reporter(&world, &world.acme, None).await;
        set(&admin, cost("1")).await.unwrap();
        goals::submit(ada.cx().await, goal::keyed(agent, "before")).await.unwrap();
        report(&key, vec![call("a", agent, "0.999999999")]).await.unwrap();
        let last = goal::submit(&ada, agent).await.unwrap();
        assert!(!shown(&admin, world.acme.id, world.clock.now()).await.limits.exhausted(&shown(&admin, world.acme.id, world.clock.now()).await.spent));
        report(&key, vec![call("b", agent, "0.000000001")]).await.unwrap();
        let now = shown(&admin, world.acme.id, world.clock.now()).await;
        assert!(now.limits.exhausted(&now.spent) && now.spent.month == "1".parse::<Usd>().unwrap());

        let before = world.dump().await;
        exhausted(goal::submit(&ada, agent).await);
        assert_eq!(world.dump().await, before);
        // What was submitted before is found again, and can be called off; usage is still told.
        goals::submit(ada.cx().await, goal::keyed(agent, "before")).await.unwrap();
        goals::cancel(ada.cx().await, last).await.unwrap();
        report(&key, vec![call("c", agent, "0.5")]).await.unwrap();
        // Another organisation's budget is another.
        let globex = world.tenant(&world.globex, world.globex.ada).await;
        goal::submit(&globex, agent::public(&globex).await).await.unwrap();

        set(&admin, cost("1.5")).await.unwrap();
        exhausted(goal::submit(&ada, agent).await);
        set(&admin, cost("1.500000001")).await.unwrap();
        goal::submit(&ada, agent).await.unwrap();
        set(&admin, cost("0")).await.unwrap();
        exhausted(goal::submit(&ada, agent).await);
        set(&admin, BudgetChange { monthly_cost: Some(None), ..BudgetChange::default() }).await.unwrap();
        goal::submit(&ada, agent).await.unwrap();
        assert_sums(&world).await;
    }

    async fn a_day_and_a_month_end_at_midnight_in_utc(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let agent = agent::public(&ada).await;
        let key = reporter(&world, &world.acme, None).await;
        set(&admin, BudgetChange { daily_tokens: Some(Some(240)), ..cost("3") }).await.unwrap();
        let at = |text: &str| Clock::fixed(text.parse().unwrap(), TimeDelta::zero());
        let report = async |clock: &Clock, id: &str, usd: &str| {
            let cx = Context { clock, ..key.cx().await };
            usage::record(cx, URL, vec![call(id, agent, usd)]).await.unwrap();
        };
        let submit = async |clock: &Clock| goals::submit(Context { clock, ..ada.cx().await }, goal::input(agent)).await;

        let evening = at("2026-11-29T23:59:59.999999Z");
        report(&evening, "a", "0.5").await;
        submit(&evening).await.unwrap();
        report(&evening, "b", "0.5").await;
        exhausted(submit(&evening).await);
        let next_day = at("2026-11-30T00:00:00Z");
        submit(&next_day).await.unwrap();
        report(&next_day, "c", "2").await;
        exhausted(submit(&next_day).await);
        let next_month = at("2026-12-01T00:00:00Z");
        submit(&next_month).await.unwrap();
        report(&next_month, "d", "2.99").await;
        submit(&next_month).await.unwrap();
        // A late report is spent when it was.
        let cx = Context { clock: &next_month, ..key.cx().await };
        let late = usage::UsageInput { at: Some(evening.now()), ..call("late", agent, "5") };
        usage::record(cx, URL, vec![late]).await.unwrap();
        submit(&next_month).await.unwrap();
        let now = shown(&admin, world.acme.id, next_month.now()).await;
        assert_eq!((now.spent.month.to_string().as_str(), now.spent.tokens_today), ("2.99", 120));
        let warned_and_exhausted = ["budget.warned", "budget.exhausted"];
        let tokens_then_cost = [warned_and_exhausted, warned_and_exhausted].concat();
        assert_eq!(told_of(&world, world.acme.id).await, [&tokens_then_cost[..], &["budget.warned"]].concat());
    }

    async fn eight_reporters_at_once_have_it_told_once(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let agent = agent::public(&ada).await;
        let key = reporter(&world, &world.acme, None).await;
        set(&admin, cost("8")).await.unwrap();
        let reporters = (0..8).map(|turn| {
            let (world, key) = (&world, &key);
            async move {
                let who = world.again(key);
                for round in 0..10 {
                    report(&who, vec![call(format_args!("{turn}.{round}"), agent, "0.1")]).await.unwrap();
                }
            }
        });
        futures_util::future::join_all(reporters).await;
        assert_eq!(told_of(&world, world.acme.id).await, ["budget.warned", "budget.exhausted"]);
        // One mail each, to the one admin.
        assert_eq!(world.mailed().await, ["admin@acme.example", "admin@acme.example"]);
        exhausted(goal::submit(&ada, agent).await);
        assert_sums(&world).await;
    }

    async fn a_changed_limit_is_told_anew_and_the_same_one_is_not(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let agent = agent::public(&ada).await;
        let key = reporter(&world, &world.acme, None).await;
        report(&key, vec![call("a", agent, "0.8")]).await.unwrap();
        assert!(told_of(&world, world.acme.id).await.is_empty());
        set(&admin, cost("1")).await.unwrap();
        assert_eq!(told_of(&world, world.acme.id).await, ["budget.warned"]);
        set(&admin, cost("1.0")).await.unwrap();
        set(&admin, tokens(1_000)).await.unwrap();
        report(&key, vec![call("b", agent, "0.1")]).await.unwrap();
        assert_eq!(told_of(&world, world.acme.id).await, ["budget.warned"]);
        set(&admin, cost("1.1")).await.unwrap();
        assert_eq!(told_of(&world, world.acme.id).await, ["budget.warned", "budget.warned"]);
        set(&admin, cost("100")).await.unwrap();
        assert_eq!(told_of(&world, world.acme.id).await.len(), 2);
    }

    async fn budgets_are_set_by_the_organisations_admins_alone(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let key = reporter(&world, &world.acme, None).await;
        let before = world.dump().await;
        let of = |org: OrgId| BudgetChange { organization_id: Some(org), ..cost("1") };
        forbidden(set(&ada, cost("1")).await);
        forbidden(set(&key, cost("1")).await);
        forbidden(set(&world.operator(), of(world.acme.id)).await);
        let absent = told(set(&admin, of(world.absent())).await);
        assert!(absent.contains("NOT_FOUND"));
        assert_eq!(told(set(&admin, of(world.globex.id)).await), absent);
        invalid(set(&admin, cost("-0.000000001")).await, "input.monthlyCostUsd");
        invalid(set(&admin, cost("1000000000.000000001")).await, "input.monthlyCostUsd");
        invalid(set(&admin, tokens(-1)).await, "input.dailyTokens");
        invalid(set(&admin, BudgetChange::default()).await, "input");
        assert_eq!(world.dump().await, before);
        let log = world.events(world.acme.id, 0).await.len();
        set(&admin, of(world.acme.id)).await.unwrap();
        assert_eq!(world.events(world.acme.id, log).await, ["budget.set"]);
        // What is not given stays.
        set(&admin, tokens(5)).await.unwrap();
        let now = shown(&admin, world.acme.id, world.clock.now()).await.limits;
        assert_eq!((now.monthly_cost, now.daily_tokens), (Some("1".parse().unwrap()), Some(5)));
        assert_eq!(shown(&ada, world.acme.id, world.clock.now()).await.limits, Default::default(), "members see none");
    }
}

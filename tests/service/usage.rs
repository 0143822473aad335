//! Invariant: a call that was reported counts once, exactly, for whoever it was made for, in one step with the sums of its
//! day; what is reported wrongly, or of what the reporter does not see, leaves nothing.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    chat_session,
    confidential::Confidential,
    enums::{ChatSessionStatus, ServiceScope, TaskStatus},
    ids::{AgentId, ChatSessionId, GoalId, OrgId, UserId},
};
use palisade::{
    error::Result,
    money::Usd,
    service::usage::{self, Recorded, UsageInput},
    store::read::usage::{Days, Dimension, UsageBucket, UsageQuery, usage_differences},
    viewer::Viewer,
};
use sea_orm::{ActiveValue::Set, EntityTrait};

use super::{agent, goal};
use crate::support::{
    empty_world::{URL, on_both},
    two_organizations::*,
};

/// A key that reports usage, of these agents or of all.
pub async fn reporter(world: &World, org: &Org, agents: Option<&[AgentId]>) -> As {
    let key = world.service_account(org.id, org.admin, &[ServiceScope::UsageWrite], agents).await;
    world.viewer(Viewer::clone(&key.viewer))
}

pub fn call(id: impl std::fmt::Display, agent_id: AgentId, cost: &str) -> UsageInput {
    UsageInput {
        request_id: id.to_string(),
        model: "claude-sonnet-4".to_owned(),
        tokens_in: 100,
        tokens_out: 20,
        cost: cost.parse().unwrap(),
        agent_id,
        goal_id: None,
        task_id: None,
        session_id: None,
        at: None,
    }
}

pub async fn report(who: &As, calls: Vec<UsageInput>) -> Result<Recorded> {
    usage::record(who.cx().await, URL, calls).await
}

/// The sums are those of the calls.
pub async fn assert_sums(world: &World) {
    let differences = usage_differences(&world.db, 10).await.unwrap();
    assert!(differences.is_empty(), "{}", differences[0]);
}

/// All of this year's usage that somebody sees.
pub async fn seen(who: &As, by: &[Dimension]) -> Vec<UsageBucket> {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let days = Days::touched(at("2025-01-01T00:00:00Z"), at("2027-12-31T00:00:00Z")).unwrap();
    let query = UsageQuery { by: by.iter().copied().collect(), ..UsageQuery::all(days) };
    who.cx().await.store.usage_buckets(&query).await.unwrap()
}

async fn chat(world: &World, org: OrgId, agent_id: AgentId, user: UserId) -> ChatSessionId {
    let (id, now) = (world.clock.id(), world.clock.now());
    let row = chat_session::ActiveModel {
        org_id: Set(org),
        id: Set(id),
        agent_id: Set(agent_id),
        user_id: Set(Some(user)),
        status: Set(ChatSessionStatus::Open),
        title: Set(Confidential::withheld()),
        message_count: Set(0),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    chat_session::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
    id
}

/// Numbers without a pattern, the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

const DONE: fn(usize, usize) -> Recorded = |recorded, duplicates| Recorded { recorded, duplicates };

on_both! {
    async fn the_same_call_counts_once_however_often_it_is_reported(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::public(&ada).await;
        let key = reporter(&world, &world.acme, None).await;
        let log = world.events(world.acme.id, 0).await.len();
        let batch = || vec![call("a", agent, "0.1"), call("b", agent, "0.2"), call("a", agent, "0.10")];
        assert_eq!(report(&key, batch()).await.unwrap(), DONE(2, 1));
        assert_eq!(world.events(world.acme.id, log).await, ["usage.recorded"]);
        let before = world.dump().await;
        assert_eq!(report(&key, batch()).await.unwrap(), DONE(0, 3));
        assert_eq!(world.dump().await, before, "what changes nothing is not told either");
        assert_eq!(report(&key, vec![call("b", agent, "0.2"), call("c", agent, "0.7")]).await.unwrap(), DONE(1, 1));
        let total = seen(&key, &[]).await.remove(0).totals;
        assert_eq!((total.requests, total.tokens_in, total.tokens_out, total.cost.to_string().as_str()), (3, 300, 60, "1"));
        // An id is its organisation's.
        let globex = world.tenant(&world.globex, world.globex.ada).await;
        let elsewhere = agent::public(&globex).await;
        let other = reporter(&world, &world.globex, None).await;
        assert_eq!(report(&other, vec![call("a", elsewhere, "5")]).await.unwrap(), DONE(1, 0));
        assert_eq!(seen(&key, &[]).await[0].totals, total);
        assert_sums(&world).await;
    }

    async fn another_call_with_the_same_id_is_a_conflict_and_nothing_is_stored(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let (agent, second) = (agent::public(&ada).await, agent::public(&ada).await);
        let goal = goal::submit(&ada, agent).await.unwrap();
        let key = reporter(&world, &world.acme, None).await;
        report(&key, vec![call("a", agent, "0.1")]).await.unwrap();
        let before = world.dump().await;
        let first = call("a", agent, "0.1");
        for other in [
            call("a", agent, "0.100000001"),
            call("a", second, "0.1"),
            UsageInput { model: "gpt-4o".to_owned(), ..first.clone() },
            UsageInput { tokens_in: 101, ..first.clone() },
            UsageInput { tokens_out: 21, ..first.clone() },
            UsageInput { goal_id: Some(goal), ..first.clone() },
        ] {
            conflict(report(&key, vec![call("new", agent, "1"), other.clone()]).await);
            conflict(report(&key, vec![call("b", agent, "0.1"), UsageInput { request_id: "b".to_owned(), ..other }]).await);
        }
        assert_eq!(world.dump().await, before);
        // When it was is the first report's to say.
        let later = UsageInput { at: Some(world.clock.now() - TimeDelta::days(1)), ..first };
        assert_eq!(report(&key, vec![later]).await.unwrap(), DONE(0, 1));
    }

    async fn usage_belongs_to_the_goals_submitter_or_the_chats_user(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        let (agent, other) = (agent::public(&ada).await, agent::public(&ada).await);
        let goal = goal::submit(&bob, agent).await.unwrap();
        let task = goal::add_task(&world, &world.acme, agent, goal, TaskStatus::Running).await;
        let session = chat(&world, world.acme.id, agent, world.acme.mate).await;
        let key = reporter(&world, &world.acme, None).await;
        let plain = |id| call(id, agent, "1");
        let calls = vec![
            UsageInput { goal_id: Some(goal), ..plain("goal") },
            UsageInput { task_id: Some(task), ..plain("task") },
            UsageInput { goal_id: Some(goal), task_id: Some(task), ..plain("both") },
            UsageInput { session_id: Some(session), ..plain("chat") },
            plain("nobody's"),
        ];
        assert_eq!(report(&key, calls.clone()).await.unwrap(), DONE(5, 0));
        assert_eq!(report(&key, calls).await.unwrap(), DONE(0, 5), "the task's goal is the same call again");
        let users: Vec<_> = seen(&key, &[Dimension::User]).await.iter().map(|one| (one.user_id, one.totals.requests)).collect();
        let expected = [(None, 1), (Some(world.acme.bob), 3), (Some(world.acme.mate), 1)];
        assert!(users.len() == 3 && expected.iter().all(|one| users.contains(one)), "{users:?}");
        let of_task = "llm_usage WHERE task_id = $1 AND goal_id = $2 AND service_account_id IS NOT NULL";
        assert_eq!(world.count(of_task, [task.into(), goal.into()]).await, 2);

        let before = world.dump().await;
        let elsewhere = goal::submit(&bob, other).await.unwrap();
        let before_goal = before.len();
        let before = world.dump().await;
        assert_ne!(before.len(), before_goal);
        let wrong = |input: UsageInput| vec![plain("fine"), input];
        invalid(report(&key, wrong(UsageInput { goal_id: Some(elsewhere), ..plain("x") })).await, "input.goalId");
        let of_other_goal = UsageInput { goal_id: Some(elsewhere), task_id: Some(task), ..call("x", other, "1") };
        invalid(report(&key, wrong(of_other_goal)).await, "input.taskId");
        invalid(report(&key, wrong(UsageInput { task_id: Some(task), ..call("x", other, "1") })).await, "input.goalId");
        invalid(report(&key, wrong(UsageInput { session_id: Some(session), ..call("x", other, "1") })).await, "input.chatSessionId");
        let both = UsageInput { session_id: Some(session), goal_id: Some(goal), ..plain("x") };
        invalid(report(&key, wrong(both)).await, "input.chatSessionId");
        assert_eq!(world.dump().await, before);
        assert_sums(&world).await;
    }

    async fn what_a_key_does_not_see_is_not_there_for_the_whole_report(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let globex = world.tenant(&world.globex, world.globex.ada).await;
        let (mine, hidden) = (agent::public(&ada).await, agent::public(&ada).await);
        let foreign = agent::public(&globex).await;
        let key = reporter(&world, &world.acme, Some(&[mine])).await;
        let hidden_goal = goal::submit(&ada, hidden).await.unwrap();
        let hidden_task = goal::add_task(&world, &world.acme, hidden, hidden_goal, TaskStatus::Running).await;
        let hidden_chat = chat(&world, world.acme.id, hidden, world.acme.ada).await;
        let foreign_goal = goal::submit(&globex, foreign).await.unwrap();
        // A global agent that the organisation has not used is none of its own yet.
        let unused = agent::global(&world).await;
        let before = world.dump().await;
        let fine = || call("fine", mine, "1");
        let of_goal = |goal_id: GoalId| UsageInput { goal_id: Some(goal_id), ..call("x", mine, "1") };
        let absent = told(report(&key, vec![fine(), call("x", world.absent(), "1")]).await);
        assert!(absent.contains("NOT_FOUND"), "{absent}");
        for wrong in [
            call("x", hidden, "1"),
            call("x", foreign, "1"),
            call("x", unused, "1"),
            of_goal(hidden_goal),
            of_goal(foreign_goal),
            of_goal(world.absent()),
            UsageInput { task_id: Some(hidden_task), ..call("x", mine, "1") },
            UsageInput { session_id: Some(hidden_chat), ..call("x", mine, "1") },
            UsageInput { session_id: Some(world.absent()), ..call("x", mine, "1") },
        ] {
            assert_eq!(told(report(&key, vec![fine(), wrong]).await), absent);
        }
        assert_eq!(world.dump().await, before);
        report(&key, vec![fine()]).await.unwrap();
        let all = reporter(&world, &world.acme, None).await;
        report(&all, vec![call("x", hidden, "1")]).await.unwrap();
        assert_eq!(seen(&key, &[]).await[0].totals.requests, 1, "a key is told of its agents' usage");
        assert_eq!(seen(&all, &[]).await[0].totals.requests, 2);
    }

    async fn usage_is_reported_by_keys_made_for_it_and_nobody_else(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::public(&ada).await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let others = [ServiceScope::Read, ServiceScope::TasksRun, ServiceScope::PlansWrite, ServiceScope::ChatWrite];
        let key = world.service_account(world.acme.id, world.acme.admin, &others, None).await;
        let key = world.viewer(Viewer::clone(&key.viewer));
        let before = world.dump().await;
        for who in [&ada, &admin, &key] {
            forbidden(report(who, vec![call("a", agent, "1")]).await);
        }
        assert!(report(&world.operator(), vec![call("a", agent, "1")]).await.is_err());
        assert_eq!(world.dump().await, before);
    }

    async fn what_cannot_be_a_call_is_refused(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::public(&ada).await;
        let key = reporter(&world, &world.acme, None).await;
        let before = world.dump().await;
        let now = world.clock.now();
        let fine = call("x", agent, "1");
        for (wrong, field) in [
            (UsageInput { request_id: " ".to_owned(), ..fine.clone() }, "input.requestId"),
            (UsageInput { request_id: "x".repeat(201), ..fine.clone() }, "input.requestId"),
            (UsageInput { model: String::new(), ..fine.clone() }, "input.model"),
            (UsageInput { model: "a\nb".to_owned(), ..fine.clone() }, "input.model"),
            (UsageInput { tokens_in: -1, ..fine.clone() }, "input.tokensIn"),
            (UsageInput { tokens_out: 1_000_000_001, ..fine.clone() }, "input.tokensOut"),
            (UsageInput { cost: Usd::from_nanos(-1), ..fine.clone() }, "input.costUsd"),
            (UsageInput { cost: "10000.000000001".parse().unwrap(), ..fine.clone() }, "input.costUsd"),
            (UsageInput { at: Some(now + TimeDelta::hours(1)), ..fine.clone() }, "input.at"),
            (UsageInput { at: Some(now - TimeDelta::days(367)), ..fine.clone() }, "input.at"),
        ] {
            invalid(report(&key, vec![call("fine", agent, "1"), wrong]).await, field);
        }
        invalid(report(&key, vec![]).await, "input");
        invalid(report(&key, (0..1_001).map(|n| call(n, agent, "1")).collect()).await, "input");
        assert_eq!(world.dump().await, before);
        // A clock that is a little ahead spends nothing tomorrow.
        let ahead = UsageInput { at: Some(now + TimeDelta::minutes(4)), ..fine };
        report(&key, vec![ahead]).await.unwrap();
        assert_eq!(world.count("llm_usage WHERE created_at > $1", [(now + TimeDelta::minutes(1)).into()]).await, 0);
    }

    async fn ten_thousand_awkward_amounts_add_up_to_the_nano(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::public(&ada).await;
        let key = reporter(&world, &world.acme, None).await;
        let mut dice = Dice(42);
        let mut sum = 0i128;
        for batch in 0..10 {
            let calls = (0..1_000).map(|n| {
                // Of every size, from a billionth to the largest, and none that a float could hold in a sum.
                let cost = i128::from(dice.below(10_000_000_000_000) >> dice.below(43)) | 1;
                sum += cost;
                UsageInput { cost: Usd::from_nanos(cost), ..call(format_args!("{batch}.{n}"), agent, "0") }
            });
            assert_eq!(report(&key, calls.collect()).await.unwrap(), DONE(1_000, 0));
        }
        let total = seen(&key, &[]).await.remove(0).totals;
        assert_eq!((total.requests, total.cost), (10_000, Usd::from_nanos(sum)));
        assert_sums(&world).await;
    }

    async fn eight_reporters_who_overlap_count_each_call_once(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agents = [agent::public(&ada).await, agent::public(&ada).await, agent::public(&ada).await];
        let mut goals = vec![];
        for (n, user) in [world.acme.ada, world.acme.bob, world.acme.mate].into_iter().enumerate() {
            let who = world.tenant(&world.acme, user).await;
            goals.push(goal::submit(&who, agents[n]).await.unwrap());
        }
        let key = reporter(&world, &world.acme, None).await;
        let reporters = (0..8u64).map(|turn| {
            let (world, key, goals) = (&world, &key, &goals);
            async move {
                let who = world.again(key);
                let mut recorded = 0;
                for round in 0..4u64 {
                    // 150 of 400 calls, each reporter's in an order of its own.
                    let mut dice = Dice(turn * 1_000 + round);
                    let calls = (0..150).map(|_| {
                        let n = dice.below(400);
                        let at = usize::try_from(n % 3).unwrap();
                        let model = format!("model-{}", n % 5);
                        UsageInput { goal_id: Some(goals[at]), model, ..call(n, agents[at], "0.000000003") }
                    });
                    recorded += report(&who, calls.collect()).await.unwrap().recorded;
                }
                recorded
            }
        });
        let recorded: usize = futures_util::future::join_all(reporters).await.into_iter().sum();
        let total = seen(&key, &[]).await.remove(0).totals;
        assert_eq!(usize::try_from(total.requests).unwrap(), recorded);
        assert_eq!(world.count("llm_usage", []).await, total.requests);
        assert_eq!(total.cost.nanos(), 3 * i128::from(total.requests));
        assert!(recorded > 350, "{recorded}");
        assert_sums(&world).await;
    }

    async fn sums_are_those_of_the_calls_after_any_reports_and_a_wrong_one_is_found(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        let agents = [agent::public(&ada).await, agent::public(&ada).await];
        let goals = [goal::submit(&bob, agents[0]).await.unwrap(), goal::submit(&ada, agents[1]).await.unwrap()];
        let key = reporter(&world, &world.acme, None).await;
        let mut dice = Dice(7);
        for _ in 0..25 {
            let now = world.clock.now();
            let calls = (0..=dice.below(60)).map(|_| {
                let n = dice.below(500);
                let at = usize::from(n.is_multiple_of(2));
                UsageInput {
                    goal_id: (!n.is_multiple_of(3)).then(|| goals[at]),
                    model: format!("model-{}", n % 4),
                    tokens_in: i64::try_from(n * 7).unwrap(),
                    at: Some(now - TimeDelta::hours(i64::try_from(n).unwrap())),
                    ..call(n, agents[at], "0.07")
                }
            });
            report(&key, calls.collect()).await.unwrap();
            assert_sums(&world).await;
        }
        assert!(world.count("usage_days", []).await > 50);
        for wrong in [
            "UPDATE usage_days SET cost_nanos = cost_nanos + 1 WHERE model = 'model-0'",
            "DELETE FROM usage_days WHERE model = 'model-2'",
            "UPDATE llm_usage SET tokens_out = tokens_out - 1 WHERE model = 'model-1'",
        ] {
            let before = usage_differences(&world.db, 1_000).await.unwrap().len();
            world.sql(wrong, []).await;
            assert!(usage_differences(&world.db, 1_000).await.unwrap().len() > before, "{wrong}");
        }
    }

    async fn a_report_takes_as_many_statements_for_a_thousand_calls_as_for_one(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::public(&ada).await;
        let goal = goal::submit(&ada, agent).await.unwrap();
        let key = reporter(&world, &world.acme, None).await;
        let statements = async |ids: std::ops::Range<u32>| {
            let who = world.again(&key);
            let calls = ids.map(|n| UsageInput { goal_id: Some(goal), ..call(n, agent, "0.1") }).collect();
            report(&who, calls).await.unwrap();
            who.cx().await.store.statements()
        };
        let one = statements(0..1).await;
        assert_eq!(statements(1..1_001).await, one);
        // Among them some that were reported before.
        assert_eq!(statements(500..1_500).await, one + 1);
    }
}

//! Invariant: whoever asks what was spent is told exactly what belongs to what it may see, of whole days in UTC, by as much
//! as it may tell apart; and no answer takes more statements because there is more.

use std::collections::BTreeMap;

use entity::ids::UserId;
use palisade::{money::Usd, store::read::usage::usage_differences};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::support::world::{World, on_both};

/// All of the demo's history.
pub(super) const ALL: &str = r#"from: "2026-10-01T00:00:00Z", to: "2026-12-01T00:00:00Z""#;

pub(super) fn org(world: &World, slug: &str) -> entity::ids::OrgId {
    world.plan.organizations.iter().find(|row| row.slug == slug).unwrap().id
}

/// What calls of the demo came to, as an answer has it.
pub(super) fn sums<'a>(calls: impl Iterator<Item = &'a entity::llm_usage::Model>) -> Value {
    let (mut requests, mut read, mut written, mut cost) = (0, 0, 0, 0i128);
    for call in calls {
        requests += 1;
        read += call.tokens_in;
        written += call.tokens_out;
        cost += i128::from(call.cost_nanos);
    }
    json!({
        "requests": requests.to_string(),
        "tokensIn": read.to_string(),
        "tokensOut": written.to_string(),
        "costUsd": Usd::from_nanos(cost).to_string(),
    })
}

const TOTALS: &str = "totals { requests tokensIn tokensOut costUsd }";

fn usage(arguments: &str, selection: &str) -> String {
    format!("{{ usage({arguments}) {{ {TOTALS} {selection} }} }}")
}

on_both! {
    async fn the_demos_days_are_the_sums_of_its_calls(world) {
        let differences = usage_differences(&world.database, 10).await.unwrap();
        assert!(differences.is_empty(), "{}", differences[0]);
    }

    async fn each_viewer_is_told_what_belongs_to_what_it_sees(world) {
        let (acme, globex) = (org(&world, "acme"), org(&world, "globex"));
        let query = usage(&format!("{ALL}, groupBy: []"), "");
        let calls = || world.plan.llm_usage.iter();
        let admin = world.acme_admin().await.query(&query).await;
        assert_eq!(admin.data()["usage"][0]["totals"], sums(calls().filter(|call| call.org_id == acme)));
        let operator = world.operator().await.query(&query).await;
        assert_eq!(operator.data()["usage"][0]["totals"], sums(calls()));
        for role in ["Acme member", "Acme outsider", "Acme team admin"] {
            let login = world.plan.logins.iter().find(|login| login.role == role).unwrap();
            let user = world.plan.users.iter().find(|user| user.email == login.email).unwrap().id;
            let own = sums(calls().filter(|call| call.org_id == acme && call.user_id == Some(user)));
            let caller = world.login(Some(role)).await;
            assert_eq!(caller.query(&query).await.data()["usage"][0]["totals"], own, "{role}");
            // Asking for somebody else's, or another organisation's, gives nothing.
            for filter in [
                format!("{{ organizationId: \"{globex}\" }}"),
                format!("{{ userId: \"{}\" }}", other(&world, user)),
            ] {
                let reply = caller.query(&usage(&format!("{ALL}, groupBy: [], filter: {filter}"), "")).await;
                assert_eq!(reply.data()["usage"][0]["totals"], sums(std::iter::empty()), "{role} {filter}");
            }
        }
        assert_eq!(world.anonymous().query(&query).await.code(), Some("UNAUTHENTICATED"));
    }

    async fn an_operator_is_told_of_organisations_days_and_models_and_of_nobody(world) {
        let operator = world.operator().await;
        let reply = operator.query(&usage(&format!("{ALL}, groupBy: [ORGANIZATION]"), "organization { slug }")).await;
        let buckets = reply.data()["usage"].as_array().unwrap().clone();
        assert_eq!(buckets.len(), 2);
        for bucket in buckets {
            let of = org(&world, bucket["organization"]["slug"].as_str().unwrap());
            assert_eq!(bucket["totals"], sums(world.plan.llm_usage.iter().filter(|call| call.org_id == of)));
        }
        let agent = world.plan.agents[0].id;
        let user = world.plan.users[0].id;
        for refused in [
            "groupBy: [AGENT]".to_owned(),
            "groupBy: [DAY, USER]".to_owned(),
            format!("groupBy: [], filter: {{ agentId: \"{agent}\" }}"),
            format!("groupBy: [], filter: {{ userId: \"{user}\" }}"),
        ] {
            let reply = operator.query(&usage(&format!("{ALL}, {refused}"), "")).await;
            assert_eq!(reply.code(), Some("FORBIDDEN"), "{refused}");
        }
        let reply = operator.query(&format!("{{ agents(first: 50) {{ nodes {{ usage({ALL}) {{ requests }} }} }} }}")).await;
        assert!(reply.data()["agents"]["nodes"].as_array().unwrap().iter().all(|agent| agent["usage"].is_null()));
    }

    async fn buckets_come_in_order_and_name_what_they_are_of(world) {
        let admin = world.acme_admin().await;
        let arguments = format!("{ALL}, groupBy: [USER, MODEL, DAY, AGENT, MODEL]");
        let selection = "day model organization { id } agent { id } user { id }";
        let reply = admin.query(&usage(&arguments, selection)).await;
        let buckets = reply.data()["usage"].as_array().unwrap().clone();
        let acme = org(&world, "acme");
        let mut expected: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for call in world.plan.llm_usage.iter().filter(|call| call.org_id == acme) {
            let key = (call.created_at.date_naive().to_string(), call.model.clone(), call.agent_id, call.user_id);
            expected.entry(key).or_default().push(call);
        }
        assert_eq!(buckets.len(), expected.len());
        for (bucket, ((day, model, agent, user), calls)) in buckets.iter().zip(expected) {
            let id = |id: Option<String>| id.map_or(Value::Null, |id| json!({ "id": id }));
            assert_eq!(bucket["day"], day);
            assert_eq!(bucket["model"], model);
            assert_eq!(bucket["organization"], Value::Null, "not asked for");
            assert_eq!(bucket["agent"], id(agent.map(|id| id.to_string())));
            assert_eq!(bucket["user"], id(user.map(|id| id.to_string())));
            assert_eq!(bucket["totals"], sums(calls.into_iter()));
        }
        let model = format!("{ALL}, groupBy: [MODEL], filter: {{ model: [\"gpt-4o\", \"no-such\"] }}");
        let reply = admin.query(&usage(&model, "model")).await;
        assert_eq!(reply.data()["usage"].as_array().unwrap().len(), 1);
    }

    async fn whole_days_count_and_an_empty_span_is_refused(world) {
        let admin = world.acme_admin().await;
        let acme = org(&world, "acme");
        let on = |day: &str| {
            let day = day.to_owned();
            sums(world.plan.llm_usage.iter().filter(|call| {
                call.org_id == acme && call.created_at.date_naive().to_string() == day
            }))
        };
        for (from, to) in [
            ("2026-11-10T00:00:00Z", "2026-11-11T00:00:00Z"),
            ("2026-11-10T13:37:00Z", "2026-11-10T13:37:00.000001Z"),
            ("2026-11-11T01:00:00+02:00", "2026-11-11T01:30:00+02:00"),
        ] {
            let reply = admin.query(&usage(&format!("from: \"{from}\", to: \"{to}\", groupBy: []"), "")).await;
            assert_eq!(reply.data()["usage"][0]["totals"], on("2026-11-10"), "{from} {to}");
        }
        let same = r#"from: "2026-11-10T00:00:00Z", to: "2026-11-10T00:00:00Z", groupBy: []"#;
        let reply = admin.query(&usage(same, "")).await;
        assert_eq!(reply.code(), Some("VALIDATION"));
        assert_eq!(reply.body["errors"][0]["extensions"]["field"], "to");
    }

    async fn no_answer_has_more_than_ten_thousand_buckets(world) {
        let acme = org(&world, "acme");
        let row = |n: usize| entity::usage_day::Model {
            org_id: acme,
            day: "2030-01-01".to_owned(),
            model: format!("model-{n:05}"),
            agent_id: world.plan.agents[0].id,
            user_id: world.plan.users[0].id,
            requests: 1,
            tokens_in: 1,
            tokens_out: 1,
            cost_nanos: 1,
        };
        let insert = async |rows: std::ops::Range<usize>| {
            let rows = rows.map(|n| entity::usage_day::ActiveModel::from(row(n)));
            entity::usage_day::Entity::insert_many(rows).exec_without_returning(&world.root).await.unwrap();
        };
        for batch in 0..10 {
            insert(batch * 1_000..(batch + 1) * 1_000).await;
        }
        let query = usage(r#"from: "2030-01-01T00:00:00Z", to: "2030-01-02T00:00:00Z", groupBy: [MODEL]"#, "model");
        let admin = world.acme_admin().await;
        assert_eq!(admin.query(&query).await.data()["usage"].as_array().unwrap().len(), 10_000);
        insert(10_000..10_001).await;
        let reply = admin.query(&query).await;
        assert_eq!((reply.code(), &reply.body["errors"][0]["extensions"]["field"]), (Some("VALIDATION"), &json!("groupBy")));
    }

    async fn statements_do_not_grow_with_buckets_agents_or_organisations(world) {
        let admin = world.acme_admin().await;
        let operator = world.operator().await;
        let day = r#"from: "2026-11-21T00:00:00Z", to: "2026-11-22T00:00:00Z""#;
        let buckets = |span: &str| usage(&format!("{span}, groupBy: [DAY, AGENT, USER]"), "agent { name } user { name }");
        // A global agent takes a second one.
        assert_eq!(admin.statements(&buckets(day)).await, admin.statements(&buckets(ALL)).await);
        let agents = |n: u32| format!("{{ agents(first: {n}) {{ nodes {{ usage({ALL}) {{ requests }} }} }} }}");
        assert_eq!([admin.statements(&agents(1)).await, admin.statements(&agents(20)).await], [2, 2]);
        let budgets = "{ organizations { nodes { budget { monthlyCostUsd dailyTokens spentUsd tokensToday exhausted } } } }";
        assert_eq!([admin.statements(budgets).await, operator.statements(budgets).await], [3, 3]);
    }

    async fn a_budget_is_its_admins_and_operators_to_see(world) {
        let query = "{ organization { budget { monthlyCostUsd dailyTokens spentUsd tokensToday exhausted } } }";
        let acme = org(&world, "acme");
        let reply = world.acme_admin().await.query(query).await;
        let budget = reply.data()["organization"]["budget"].clone();
        let month = world.plan.llm_usage.iter().filter(|call| {
            call.org_id == acme && call.created_at.date_naive().to_string().starts_with("2026-11")
        });
        assert_eq!(budget["spentUsd"], sums(month)["costUsd"]);
        assert_eq!(budget["exhausted"], false);
        let [spent, limit] = ["spentUsd", "monthlyCostUsd"].map(|field| {
            budget[field].as_str().unwrap().parse::<Usd>().unwrap().nanos()
        });
        assert!(spent * 5 >= limit * 4 && spent * 10 < limit * 9, "some four fifths: {spent} of {limit}");
        let named = query.replace("organization {", &format!("organization(id: \"{acme}\") {{"));
        assert_eq!(world.operator().await.query(&named).await.data()["organization"]["budget"], budget);
        for role in ["Acme member", "Acme team admin", "Acme agent admin"] {
            let reply = world.login(Some(role)).await.query(query).await;
            assert_eq!(reply.data()["organization"]["budget"], Value::Null, "{role}");
        }
    }

    async fn money_is_a_text_and_a_float_is_refused(world) {
        let admin = world.acme_admin().await;
        let set = "mutation($cost: Decimal, $tokens: BigInt) { setBudget(input: { monthlyCostUsd: $cost, dailyTokens: $tokens }) {
            organization { budget { monthlyCostUsd dailyTokens } } } }";
        for (cost, tokens, shown) in [
            (json!("1234567.000000001"), json!("9223372036854775807"), json!(["1234567.000000001", "9223372036854775807"])),
            (json!("007.50"), json!(5), json!(["7.5", "5"])),
            (json!(12), Value::Null, json!(["12", null])),
        ] {
            let reply = admin.send(set, json!({ "cost": cost, "tokens": tokens })).await;
            let budget = &reply.data()["setBudget"]["organization"]["budget"];
            assert_eq!(json!([budget["monthlyCostUsd"], budget["dailyTokens"]]), shown);
        }
        for (cost, tokens) in [
            (json!(0.1), Value::Null),
            (json!("1e3"), Value::Null),
            (json!("0.0000000001"), Value::Null),
            (json!(true), Value::Null),
            (Value::Null, json!("9223372036854775808")),
            (Value::Null, json!(1.5)),
        ] {
            let reply = admin.send(set, json!({ "cost": cost, "tokens": tokens })).await;
            assert_eq!(reply.code(), Some("VALIDATION"), "{cost} {tokens}: {}", reply.text);
        }
        let literal = "mutation { setBudget(input: { monthlyCostUsd: 0.1 }) { organization { id } } }";
        assert_eq!(admin.query(literal).await.code(), Some("VALIDATION"));
    }
}

/// Some other member of Acme.
fn other(world: &World, user: UserId) -> UserId {
    let acme = org(world, "acme");
    let called = |row: &&entity::org_membership::Model| {
        world.plan.llm_usage.iter().any(|call| call.org_id == acme && call.user_id == Some(row.user_id))
    };
    let rows = world.plan.org_memberships.iter().filter(|row| row.org_id == acme && row.user_id != user);
    rows.filter(called).map(|row| row.user_id).next().unwrap()
}

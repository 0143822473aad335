//! Invariant: the platform's figures are those of its rows, for super-admins alone, in a fixed number of statements; and
//! an operator's lists of one organisation show that organisation's rows.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait as _, Statement, TransactionTrait as _};
use serde_json::{Value, json};

use super::usage::{ALL, org, sums};
use crate::support::world::{CALLERS, World, on_both};

const TOTALS: &str = "usage { requests tokensIn tokensOut costUsd }";

fn counted<'a>(states: impl Iterator<Item = &'a str>) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for state in states {
        *counts.entry(state.to_owned()).or_default() += 1;
    }
    counts
}

fn told(counts: &Value) -> BTreeMap<String, i64> {
    let counts = counts.as_array().unwrap().iter();
    counts.map(|one| (one["status"].as_str().unwrap().to_owned(), one["count"].as_i64().unwrap())).collect()
}

fn metrics() -> String {
    format!(
        "{{ platformMetrics({ALL}) {{ users agents workers goals {{ status count }} tasks {{ status count }} {TOTALS}
            organizations {{ organization {{ slug }} {TOTALS}
                counts {{ agents workers members chatSessions goals {{ status count }} tasks {{ status count }} }} }} }} }}"
    )
}

fn len(count: usize) -> Value {
    json!(count)
}

on_both! {
    async fn the_platforms_figures_are_those_of_its_rows(world) {
        let plan = &world.plan;
        let reply = world.operator().await.query(&metrics()).await;
        let told_of = &reply.data()["platformMetrics"];
        assert_eq!(told_of["users"], len(plan.users.len()));
        let own = |row: &&entity::agent::Model| row.visibility != entity::enums::AgentVisibility::Global;
        assert_eq!(told_of["agents"], len(plan.agents.iter().filter(own).count() + plan.global_agents.len()));
        assert_eq!(told_of["workers"], len(plan.workers.len()));
        assert_eq!(told(&told_of["goals"]), counted(plan.goals.iter().map(|row| row.status.as_str())));
        assert_eq!(told(&told_of["tasks"]), counted(plan.tasks.iter().map(|row| row.status.as_str())));
        assert_eq!(told_of["usage"], sums(plan.llm_usage.iter()));
        let organizations = told_of["organizations"].as_array().unwrap();
        assert_eq!(organizations.len(), 2);
        for one in organizations {
            let id = org(&world, one["organization"]["slug"].as_str().unwrap());
            let counts = &one["counts"];
            assert_eq!(counts["agents"], len(plan.agents.iter().filter(own).filter(|row| row.org_id == id).count()));
            assert_eq!(counts["workers"], len(plan.workers.iter().filter(|row| row.org_id == id).count()));
            assert_eq!(counts["chatSessions"], len(plan.chat_sessions.iter().filter(|row| row.org_id == id).count()));
            let left = entity::enums::MembershipStatus::Left;
            let members = plan.org_memberships.iter().filter(|row| row.org_id == id && row.status != left).count();
            assert_eq!(counts["members"], len(members));
            let goals = plan.goals.iter().filter(|row| row.org_id == id).map(|row| row.status.as_str());
            assert_eq!(told(&counts["goals"]), counted(goals));
            let tasks = plan.tasks.iter().filter(|row| row.org_id == id).map(|row| row.status.as_str());
            assert_eq!(told(&counts["tasks"]), counted(tasks));
            assert_eq!(one["usage"], sums(plan.llm_usage.iter().filter(|row| row.org_id == id)));
        }
        let reply = world.operator().await.query(&format!("{{ platformMetrics {{ {TOTALS} }} }}")).await;
        let month = plan.llm_usage.iter().filter(|row| row.created_at.to_string().starts_with("2026-11"));
        assert_eq!(reply.data()["platformMetrics"]["usage"], sums(month), "this month's without any dates");
    }

    async fn nobody_but_a_super_admin_is_told_of_the_platform(world) {
        for (name, role) in CALLERS {
            let code = world.login(role).await.query(&metrics()).await.code().map(str::to_owned);
            let expected = match name {
                "operator" => None,
                "anonymous" => Some("UNAUTHENTICATED".to_owned()),
                _ => Some("FORBIDDEN".to_owned()),
            };
            assert_eq!(code, expected, "{name}");
        }
    }

    async fn the_figures_take_a_fixed_number_of_statements(world) {
        let operator = world.operator().await;
        let before = operator.statements(&metrics()).await;
        for n in 0..20 {
            let input = format!("{{ name: \"Organisation {n}\", slug: \"organisation-{n}\" }}");
            let made = format!("mutation {{ createOrganization(input: {input}) {{ organization {{ id }} }} }}");
            assert_eq!(operator.query(&made).await.code(), None);
        }
        assert_eq!(operator.statements(&metrics()).await, before);
        assert!(before <= 16, "{before}");
    }

    async fn an_operators_lists_of_one_organisation_are_that_organisations(world) {
        let operator = world.operator().await;
        for slug in ["acme", "globex"] {
            let id = org(&world, slug);
            let of = |list: &str, order: &str| {
                format!("{{ {list}(filter: {{ organizationId: \"{id}\" }}{order}) {{ totalCount nodes {{ id }} }} }}")
            };
            let count = |world: &World, list: &str| match list {
                "goals" => world.plan.goals.iter().filter(|row| row.org_id == id).count(),
                "tasks" => world.plan.tasks.iter().filter(|row| row.org_id == id).count(),
                _ => world.plan.workers.iter().filter(|row| row.org_id == id).count(),
            };
            for list in ["goals", "tasks", "workers"] {
                let orders: &[&str] = match list {
                    "workers" => &[""],
                    _ => &["", ", orderBy: { field: UPDATED_AT, direction: DESC }", ", orderBy: { field: PRIORITY }"],
                };
                for order in orders {
                    let reply = operator.query(&of(list, order)).await;
                    assert_eq!(reply.data()[list]["totalCount"], len(count(&world, list)), "{slug} {list} {order}");
                }
            }
        }
    }

    async fn lists_in_every_order_are_read_from_an_index(world) {
        let plan = async |sql: &str| {
            let explain = if world.kind == "sqlite" { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
            let at = usize::from(world.kind == "sqlite") * 3;
            let tx = world.root.begin().await.unwrap();
            if world.kind != "sqlite" {
                // So few rows are sorted faster than they are found.
                tx.execute_unprepared("SET LOCAL enable_sort = off").await.unwrap();
            }
            let statement = Statement::from_string(tx.get_database_backend(), format!("{explain} {sql}"));
            let rows = tx.query_all_raw(statement).await.unwrap();
            rows.iter().map(|row| row.try_get_by_index::<String>(at).unwrap()).collect::<Vec<_>>().join("\n")
        };
        let acme = org(&world, "acme");
        let key = entity::ids::TypedId::uuid(acme);
        let acme = if world.kind == "sqlite" { format!("x'{}'", key.simple()) } else { format!("'{key}'") };
        for table in ["goals", "tasks"] {
            for column in ["updated_at", "priority"] {
                for (condition, index) in [
                    (format!("WHERE org_id = {acme} "), format!("{table}_org_id_{column}_id_idx")),
                    (String::new(), format!("{table}_{column}_id_idx")),
                ] {
                    let sql = format!("SELECT id FROM {table} {condition}ORDER BY {column} DESC, id DESC LIMIT 5");
                    let plan = plan(&sql).await;
                    assert!(plan.contains(&index), "{sql}\n{plan}");
                }
            }
        }
    }
}

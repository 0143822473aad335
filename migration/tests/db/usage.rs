//! Invariant: usage that was recorded before there were days is added up into them, all of it and by its day in UTC, and the
//! way back loses none.

use migration::{Command, Options, run};

use crate::{keys::two_organisations, support::World};

/// The days as text, in order.
async fn days(world: &World) -> Vec<String> {
    let id = |column: &str| {
        if world.is_postgres() { format!("replace({column}::text, '-', '')") } else { format!("lower(hex({column}))") }
    };
    let sql = format!(
        "SELECT day || ' ' || model || ' ' || ltrim({}, '0') || ' ' || ltrim({}, '0') || ' ' || ltrim({}, '0') || ' ' ||
                requests || ' ' || tokens_in || ' ' || tokens_out || ' ' || cost_nanos AS line
         FROM usage_days ORDER BY org_id, day, model, agent_id, user_id",
        id("org_id"),
        id("agent_id"),
        id("user_id")
    );
    world.rows(&sql).await.iter().map(|row| row.try_get("", "line").unwrap()).collect()
}

#[tokio::test]
async fn usage_of_before_is_added_up_into_days() {
    for world in World::both().await {
        two_organisations(&world).await;
        let mut calls = vec![
            // Both sides of midnight in UTC, with and without a fraction of a second.
            (1, "2026-01-01T23:59:59.999999+00:00", "gpt-4o", "13#", "11#", 100_000_000_i64),
            (1, "2026-01-01T00:00:00+00:00", "gpt-4o", "13#", "11#", 1),
            (1, "2026-01-02T00:00:00+00:00", "gpt-4o", "13#", "11#", 3),
            // What is not known is one key.
            (1, "2026-01-02T01:00:00+00:00", "gpt-4o", "NULL", "NULL", 5),
            (1, "2026-01-02T02:00:00+00:00", "gpt-4o", "NULL", "NULL", 7),
            (1, "2026-01-02T02:00:00+00:00", "other", "13#", "NULL", 9),
            (2, "2026-01-02T02:00:00+00:00", "gpt-4o", "23#", "21#", 11),
        ];
        // More than a page of anything.
        calls.extend((0..1_200).map(|_| (2, "2026-01-03T12:00:00+00:00", "gpt-4o", "23#", "21#", 1_000_000_001)));
        for (n, (org, at, model, agent, user, cost)) in calls.into_iter().enumerate() {
            let row = format!(
                "INSERT INTO llm_usage (org_id, id, agent_id, user_id, model, request_id, tokens_in, tokens_out, cost_nanos, created_at)
                 VALUES ({org}#, {}#, {agent}, {user}, '{model}', 'r{n}', 10, 2, {cost}, '{at}')",
                5_000 + n
            );
            world.run(&row).await.unwrap();
        }
        let stands = run(&world.db, Command::Status, &Options::default()).await.unwrap().migrations;
        let since = stands.iter().filter(|(name, applied)| *applied && name.as_str() >= "m0021").count();
        // Ids are hexadecimal here.
        let expected = [
            "2026-01-01 gpt-4o 1 d b 2 20 4 100000001",
            "2026-01-02 gpt-4o 1   2 20 4 12",
            "2026-01-02 gpt-4o 1 d b 1 10 2 3",
            "2026-01-02 other 1 d  1 10 2 9",
            "2026-01-02 gpt-4o 2 17 15 1 10 2 11",
            "2026-01-03 gpt-4o 2 17 15 1200 12000 2400 1200000001200",
        ];
        for _ in 0..2 {
            run(&world.db, Command::Down(since.try_into().unwrap()), &Options::default()).await.unwrap();
            world.up().await;
            assert_eq!(days(&world).await, expected);
        }
    }
}

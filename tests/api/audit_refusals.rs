//! Refused mutations are recorded, and only where they belong.

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use crate::support::world::{Caller, World, on_both};

const CREATE_TEAM: &str = "mutation($input: CreateTeamInput!) { createTeam(input: $input) { team { id } } }";

/// What the log of Acme says of refusals, the latest first.
async fn refusals(admin: &Caller<'_>) -> Vec<Value> {
    let log = "{ auditEvents(filter: { types: [\"mutation.refused\"] }) { nodes { actorName payload subjectId } } }";
    admin.query(log).await.data()["auditEvents"]["nodes"].as_array().unwrap().clone()
}

async fn number(world: &World, from: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {from}");
    let statement = Statement::from_string(world.root.get_database_backend(), sql);
    world.root.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

on_both! {
    async fn a_refused_mutation_stands_in_the_log_of_the_viewers_organisation(world) {
        let (admin, member) = (world.acme_admin().await, world.login(Some("Acme member")).await);
        let reply = member.send(CREATE_TEAM, json!({ "input": { "name": "Mine", "slug": "mine" } })).await;
        assert_eq!(reply.code(), Some("FORBIDDEN"), "{}", reply.text);
        let found = refusals(&admin).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["actorName"], "Dmitri Ashworth", "{found:?}");
        assert_eq!(found[0]["payload"], json!({ "mutation": "createTeam", "code": "FORBIDDEN" }));
    }

    async fn each_field_is_recorded_by_its_name_whatever_its_alias_and_one_that_was_done_is_not(world) {
        let admin = world.acme_admin().await;
        let goal = "goal_01h2xcejqtf2nbrexx3vqjhp41";
        let reply = admin
            .query(&format!(
                "mutation {{ a: cancelGoal(id: \"{goal}\") {{ goal {{ id }} }}
                   ok: createTeam(input: {{ name: \"New\", slug: \"new\" }}) {{ team {{ id }} }}
                   ...F }} fragment F on Mutation {{ b: createTeam(input: {{ name: \"\", slug: \"x\" }}) {{ team {{ id }} }} }}"
            ))
            .await;
        assert_eq!(reply.body["errors"].as_array().unwrap().len(), 2, "{}", reply.text);
        let payloads: Vec<_> = refusals(&admin).await.into_iter().map(|event| event["payload"].clone()).collect();
        assert_eq!(payloads, [
            json!({ "mutation": "createTeam", "code": "VALIDATION", "field": "input.name" }),
            json!({ "mutation": "cancelGoal", "code": "NOT_FOUND" }),
        ]);
    }

    async fn an_operators_refusal_stands_in_the_platforms_log_and_nobodys_nowhere(world) {
        let (operator, before) = (world.operator().await, number(&world, "events").await);
        let agent = world.plan.agents[0].id;
        let submit = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id } } }";
        let reply = operator.send(submit, json!({ "input": { "agentId": agent.to_string(), "goalText": "Do it." } })).await;
        assert_eq!(reply.code(), Some("FORBIDDEN"), "{}", reply.text);
        assert_eq!(number(&world, "platform_events WHERE type = 'mutation.refused'").await, 1);
        let login = "mutation { login(input: { email: \"ada@acme.example\", password: \"wrong-password\" }) { accessToken } }";
        assert!(world.anonymous().query(login).await.code().is_some());
        assert_eq!(number(&world, "platform_events WHERE type = 'mutation.refused'").await, 1);
        assert_eq!(number(&world, "events").await, before);
    }

    async fn a_client_that_is_refused_in_a_loop_does_not_fill_the_log(world) {
        let member = world.login(Some("Acme member")).await;
        for _ in 0..40 {
            member.send(CREATE_TEAM, json!({ "input": { "name": "Mine", "slug": "mine" } })).await;
        }
        assert_eq!(number(&world, "events WHERE type = 'mutation.refused'").await, 30);
    }
}

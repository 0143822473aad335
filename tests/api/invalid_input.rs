//! Bad input gets a clear error with a code and the field's name, and changes nothing.

use serde_json::{Value, json};

use crate::support::world::on_both;

const CREATE_TEAM: &str = "mutation($input: CreateTeamInput!) { createTeam(input: $input) { team { id } } }";
const CREATE_AGENT: &str = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }";
const SUBMIT: &str = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id } } }";

on_both! {
    async fn wrong_texts_are_refused_with_the_fields_name_and_nothing_is_stored(world) {
        let admin = world.acme_admin().await;
        let agent = world.plan.global_agents[0].id.to_string();
        let before = world.dump().await;
        let long = "x".repeat(201);
        let huge = "x".repeat(900_000);
        let cases: Vec<(&str, Value, &str)> = vec![
            (CREATE_TEAM, json!({ "name": "", "slug": "new" }), "input.name"),
            (CREATE_TEAM, json!({ "name": "   ", "slug": "new" }), "input.name"),
            (CREATE_TEAM, json!({ "name": long, "slug": "new" }), "input.name"),
            (CREATE_TEAM, json!({ "name": "bell\u{7}", "slug": "new" }), "input.name"),
            (CREATE_TEAM, json!({ "name": "line\nbreak", "slug": "new" }), "input.name"),
            (CREATE_TEAM, json!({ "name": "\u{202e}desrever", "slug": "new" }), "input.name"),
            (CREATE_TEAM, json!({ "name": "New", "slug": "Not A Slug" }), "input.slug"),
            (CREATE_TEAM, json!({ "name": "New", "slug": "-new" }), "input.slug"),
            (CREATE_TEAM, json!({ "name": "New", "slug": "" }), "input.slug"),
            (CREATE_AGENT, json!({ "name": "New", "requiredApprovals": 0 }), "input.requiredApprovals"),
            (CREATE_AGENT, json!({ "name": "New", "requiredApprovals": -1 }), "input.requiredApprovals"),
            (CREATE_AGENT, json!({ "name": "New", "visibility": "TEAM" }), "input.teamId"),
            (CREATE_AGENT, json!({ "name": "New", "systemPrompt": huge }), "input.systemPrompt"),
            (SUBMIT, json!({ "agentId": agent, "goalText": "" }), "input.goalText"),
            (SUBMIT, json!({ "agentId": "agt_nonsense", "goalText": "Do it." }), "input.agentId"),
        ];
        for (mutation, input, field) in cases {
            let shown = input.to_string().chars().take(120).collect::<String>();
            let reply = admin.send(mutation, json!({ "input": input })).await;
            assert_eq!(reply.code(), Some("VALIDATION"), "{shown}: {}", reply.text);
            assert_eq!(reply.body["errors"][0]["extensions"]["field"], field, "{shown}: {}", reply.text);
        }
        assert!(world.dump().await == before);
    }

    async fn wrong_values_are_refused_and_not_repeated(world) {
        let admin = world.acme_admin().await;
        let before = world.dump().await;
        for (query, variables) in [
            (CREATE_AGENT, json!({ "input": { "name": "New", "visibility": "hunter2-EVERYBODY" } })),
            (CREATE_AGENT, json!({ "input": { "name": "New", "hunter2": true } })),
            (CREATE_AGENT, json!({ "input": { "name": { "hunter2": 1 } } })),
            ("query($from: DateTime) { auditEvents(filter: { from: $from }) { totalCount } }", json!({ "from": "hunter2" })),
            ("query($from: DateTime) { auditEvents(filter: { from: $from }) { totalCount } }", json!({ "from": "99999-01-01T00:00:00Z" })),
            ("query($from: DateTime) { auditEvents(filter: { from: $from }) { totalCount } }", json!({ "from": "0001-01-01T00:00:00Z" })),
        ] {
            let reply = admin.send(query, variables.clone()).await;
            assert_eq!(reply.code(), Some("VALIDATION"), "{variables}: {}", reply.text);
            let values = variables.to_string();
            // A field's name may be repeated: it is the client's own, and names no content.
            assert!(!reply.text.contains("hunter2-") && !reply.text.contains("\"hunter2\"") || values.contains("\"hunter2\":true"), "{}", reply.text);
        }
        assert!(world.dump().await == before);
    }

    async fn a_lone_surrogate_is_no_text(world) {
        let admin = world.acme_admin().await;
        let body = r#"{"query":"mutation { createTeam(input: { name: \"x\", slug: \"y\" }) { team { id } } }","variables":{"a":"\ud800"}}"#;
        let reply = admin.raw(body).await;
        assert_eq!(reply.code(), Some("VALIDATION"), "{}", reply.text);
    }

    async fn a_slug_that_is_taken_is_a_conflict_that_names_nothing(world) {
        let admin = world.acme_admin().await;
        let before = world.dump().await;
        let reply = admin.send(CREATE_TEAM, json!({ "input": { "name": "Money", "slug": "finance" } })).await;
        assert_eq!(reply.code(), Some("CONFLICT"), "{}", reply.text);
        assert!(!reply.text.contains("finance") && !reply.text.contains("unique") && !reply.text.contains("teams_"));
        assert!(world.dump().await == before);
        // Taken in Globex says nothing in Acme.
        let free = admin.send(CREATE_TEAM, json!({ "input": { "name": "New", "slug": "brand-new" } })).await;
        assert!(free.code().is_none(), "{}", free.text);
    }
}

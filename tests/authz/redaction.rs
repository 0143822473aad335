//! A super-admin reads no content, whatever the path that leads to it.

use serde_json::json;

use super::fields::{samples, selections};
use crate::support::world::{World, on_both};

/// DOMAIN's list, as far as these types are served. A field leaves this list never.
const CONFIDENTIAL: &[&str] = &[
    "Agent.systemPrompt",
    "Agent.config",
    "AgentDocument.content",
    "AgentDocument.uri",
    "Organization.config",
    "Goal.goalText",
    "Goal.plan",
    "Task.payload",
    "Task.result",
    "Task.error",
    "Execution.code",
    "Execution.codeOutput",
    "Execution.shellOutput",
    "Execution.fileContents",
    "ApprovalRequest.payload",
    "ApprovalRequest.reason",
    "ApprovalDecision.comment",
    "ChatSession.title",
    "ChatMessage.content",
    "ChatMessage.toolCalls",
    "ChatMessage.toolResults",
    "ChatMessage.tokensIn",
    "ChatMessage.tokensOut",
    "WorkspaceFile.path",
    "WorkspaceFile.contents",
    "WorkspaceFile.sizeBytes",
    "WorkspaceFile.sha256",
    "Event.payload",
];

/// Types of which an operator sees no object at all.
const UNSEEN: &[&str] = &["ChatMessage"];

/// Every confidential text of the demo, with its organisation's words in it.
fn content(world: &World) -> Vec<String> {
    use entity::confidential::Reader;
    struct Test;
    impl Reader for Test {
        fn opens(&self, _: entity::table::Audience) -> bool {
            true
        }
    }
    let plan = &world.plan;
    let mut texts: Vec<String> = Vec::new();
    texts.extend(plan.agents.iter().filter_map(|row| row.system_prompt.open(&Test).cloned()));
    texts.extend(plan.global_agents.iter().filter_map(|row| row.system_prompt.open(&Test).cloned()));
    texts.extend(plan.goals.iter().filter_map(|row| row.goal_text.open(&Test).cloned()));
    texts.extend(plan.tasks.iter().filter_map(|row| row.payload.open(&Test).map(|json| json.as_str().to_owned())));
    texts.extend(plan.tasks.iter().filter_map(|row| row.error.open(&Test).cloned()));
    texts.extend(plan.approval_requests.iter().filter_map(|row| row.reason.open(&Test).cloned()));
    texts.extend(plan.approval_decisions.iter().filter_map(|row| row.comment.open(&Test).cloned()));
    texts.extend(plan.chat_sessions.iter().filter_map(|row| row.title.open(&Test).cloned()));
    texts.extend(
        plan.chat_messages.iter().filter_map(|row| row.content.open(&Test).cloned()).filter(|text| !text.is_empty()),
    );
    texts.extend(plan.executions.iter().filter_map(|row| row.code_output.open(&Test).cloned()));
    texts.extend(plan.files.iter().map(|file| String::from_utf8(file.bytes.clone()).unwrap()));
    assert!(texts.len() > 2_000);
    texts
}

on_both! {
    async fn the_confidential_fields_of_the_schema_are_the_ones_of_the_domain(world) {
        let sdl = palisade::app::plug::sdl();
        let mut found = Vec::new();
        let mut object = String::new();
        let mut over_lines = "";
        for line in sdl.lines() {
            // A field whose arguments are described ends lines below its name.
            if let Some(name) = line.strip_prefix('\t').and_then(|line| line.strip_suffix('(')) {
                over_lines = name;
            }
            if let Some(rest) = line.strip_prefix("type ") {
                object = rest.split([' ', '{']).next().unwrap().to_owned();
            }
            if line.starts_with('\t') && line.contains("@confidential") {
                let field = line.trim().split([':', '(']).next().unwrap();
                let field = if field == ")" { over_lines } else { field };
                found.push(format!("{object}.{field}"));
                let kind = line.split(':').nth(1).unwrap();
                assert!(!kind.contains('!'), "{object}.{field} is confidential and must be nullable");
            }
        }
        found.sort();
        let mut wanted: Vec<String> = CONFIDENTIAL.iter().map(|name| (*name).to_owned()).collect();
        wanted.sort();
        assert_eq!(found, wanted);
        drop(world);
    }

    async fn an_operator_reads_null_and_is_told_so_where_a_member_reads_content(world) {
        let (admin, operator) = (world.acme_admin().await, world.operator().await);
        for (kind, ids) in samples(&world) {
            for field in CONFIDENTIAL.iter().filter_map(|name| name.strip_prefix(kind)?.strip_prefix('.')) {
                let query = format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind} {{ hidden: {field} }} }} }}");
                let seen = admin.send(&query, json!({ "ids": ids })).await;
                let values = seen.data()["nodes"].as_array().unwrap();
                assert!(values.iter().any(|node| !node["hidden"].is_null()), "{kind}.{field} is never set: prove something");
                assert!(seen.redacted().is_empty());

                let blind = operator.send(&query, json!({ "ids": ids })).await;
                let nodes = blind.data()["nodes"].as_array().unwrap();
                if UNSEEN.contains(&kind) {
                    assert!(nodes.iter().all(serde_json::Value::is_null) && blind.redacted().is_empty(), "{kind}.{field}");
                    continue;
                }
                assert!(nodes.iter().all(|node| node["hidden"].is_null()), "{kind}.{field}");
                // Reported for every object alike, also where the stored value is null: the report must not tell.
                let paths: Vec<String> = (0..ids.len()).map(|at| format!("nodes.{at}.hidden")).collect();
                assert_eq!(blind.redacted(), paths, "{kind}.{field}");
            }
        }
    }

    async fn no_answer_to_an_operator_holds_any_content(world) {
        let operator = world.operator().await;
        let content = content(&world);
        let types = selections(&world).await;
        let mut answers = String::new();
        for (kind, ids) in samples(&world) {
            let leaves: Vec<&str> = types[kind].iter().filter(|(field, selection)| field == selection).map(|(field, _)| field.as_str()).collect();
            let query = format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind} {{ {} }} }} }}", leaves.join(" "));
            answers.push_str(&operator.send(&query, json!({ "ids": ids })).await.text);
        }
        for query in [
            "{ organizations { nodes { config teams { nodes { agents { nodes { systemPrompt config documents { nodes { content uri } } } } } } } } }",
            "{ agents(first: 100) { edges { node { systemPrompt goals { edges { node { goalText plan tasks { nodes { payload result error } } } } } } } } }",
            "{ goals(first: 20) { nodes { files(first: 1) { nodes { path sizeBytes sha256 contents } } } } }",
            "{ goals(first: 100) { nodes { goalText plan agent { systemPrompt } tasks { nodes { payload dependsOn { payload result error } } } } } }",
            "{ approvalRequests(first: 100) { nodes { payload reason decisions { comment } goal { goalText approvalRequests { reason } } } } }",
            "{ chatSessions(first: 100) { nodes { title messageCount messages(first: 50) { totalCount nodes { content toolCalls toolResults } } } } }",
            "{ tasks(first: 100) { nodes { payload result error goal { goalText agent { config } } } } }",
        ] {
            answers.push_str(&operator.query(query).await.text);
        }
        assert!(answers.len() > 50_000, "the queries found next to nothing");
        for text in &content {
            let quoted = serde_json::to_string(text).unwrap();
            assert!(!answers.contains(quoted.trim_matches('"')), "{text}");
        }
    }

    async fn a_query_that_depends_on_content_is_refused_to_an_operator(world) {
        let operator = world.operator().await;
        for query in [
            "{ goals(filter: { search: \"invoice\" }) { totalCount } }",
            "{ agents { nodes { goals(filter: { search: \"invoice\" }) { totalCount } } } }",
        ] {
            let reply = operator.query(query).await;
            assert_eq!(reply.code(), Some("FORBIDDEN"), "{}", reply.text);
            assert!(!reply.text.contains("totalCount\":"));
        }
        let member = world.acme_admin().await.query("{ goals(filter: { search: \"INVOICE\" }) { totalCount } }").await;
        assert!(member.data()["goals"]["totalCount"].as_i64().unwrap() > 0);
    }
}

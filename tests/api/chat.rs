//! Invariant: what the API says of chats it also does: paged both ways in one order, posted once, and an operator reads of
//! them no word.

use serde_json::{Value, json};

use crate::support::world::{Caller, World, on_both};

const START: &str = "mutation($input: StartChatInput!) { startChat(input: $input) { chatSession {
    id status title messageCount agent { id } user { id } createdAt updatedAt expiresAt } } }";
const POST: &str = "mutation($input: PostChatMessageInput!) { postChatMessage(input: $input) {
    chatMessage { id role content toolCalls toolResults tokensIn tokensOut createdAt } chatSession { id messageCount } } }";
const PAGE: &str = "query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) { chatSession(id: $id) {
    messages(first: $first, after: $after, last: $last, before: $before) {
        totalCount nodes { content } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }";

/// An agent of Acme's with which everybody there may chat.
fn agent(world: &World) -> String {
    let acme = world.plan.organizations.iter().find(|org| org.slug == "acme").unwrap().id;
    let fits = |row: &&entity::agent::Model| {
        row.org_id == acme
            && row.visibility == entity::enums::AgentVisibility::Public
            && row.status == entity::enums::AgentStatus::Active
            && row.chat_capable
    };
    world.plan.agents.iter().find(fits).expect("an agent").id.to_string()
}

async fn start(world: &World, caller: &Caller<'_>) -> Value {
    let input = json!({ "input": { "agentId": agent(world), "title": "Äpfel", "expiresInSeconds": 3600 } });
    caller.send(START, input).await.data()["startChat"]["chatSession"].clone()
}

async fn say(caller: &Caller<'_>, session: &Value, content: &str) -> Value {
    let input =
        json!({ "input": { "sessionId": session, "role": "USER", "content": content, "idempotencyKey": content } });
    caller.send(POST, input).await.data()["postChatMessage"].clone()
}

on_both! {
    async fn a_chat_is_started_continued_paged_and_closed(world) {
        let member = world.login(Some("Acme member")).await;
        let chat = start(&world, &member).await;
        assert_eq!((&chat["status"], &chat["title"], &chat["messageCount"]), (&json!("OPEN"), &json!("Äpfel"), &json!(0)));
        assert_eq!(chat["agent"]["id"], agent(&world));
        let words: Vec<String> = (0..7).map(|n| format!("word {n}")).collect();
        for word in &words {
            let posted = say(&member, &chat["id"], word).await;
            assert_eq!((&posted["chatMessage"]["role"], &posted["chatMessage"]["content"]), (&json!("USER"), &json!(word)));
        }
        assert_eq!(say(&member, &chat["id"], "word 3").await["chatSession"]["messageCount"], 7, "said once");
        for (size, cursor, end, more) in
            [("first", "after", "endCursor", "hasNextPage"), ("last", "before", "startCursor", "hasPreviousPage")]
        {
            let (mut found, mut at) = (Vec::new(), Value::Null);
            loop {
                let reply = member.send(PAGE, json!({ "id": chat["id"], size: 3, cursor: at })).await;
                let page = reply.data()["chatSession"]["messages"].clone();
                assert_eq!(page["totalCount"], 7);
                let nodes = page["nodes"].as_array().unwrap().iter();
                let part: Vec<String> = nodes.map(|node| node["content"].as_str().unwrap().to_owned()).collect();
                if size == "first" { found.extend(part) } else { drop(found.splice(0..0, part)) }
                if page["pageInfo"][more] == false {
                    break;
                }
                at = page["pageInfo"][end].clone();
            }
            assert_eq!(found, words, "{size}");
        }
        let close = "mutation($id: ID!) { closeChat(id: $id) { chatSession { status } } }";
        let closed = member.send(close, json!({ "id": chat["id"] })).await;
        assert_eq!(closed.data()["closeChat"]["chatSession"]["status"], "CLOSED");
        assert_eq!(member.send(close, json!({ "id": chat["id"] })).await.code(), Some("CONFLICT"));
    }

    async fn foreign_hidden_and_absent_chats_are_answered_alike(world) {
        let (member, outsider) = (world.login(Some("Acme member")).await, world.login(Some("Acme outsider")).await);
        let globex = world.login(Some("Globex admin")).await;
        let chat = start(&world, &member).await["id"].clone();
        let message = say(&member, &chat, "hello").await["chatMessage"]["id"].clone();
        let absent = json!("chat_01h2xcejqtf2nbrexx3vqjhp41");
        let input = |id: &Value| json!({ "input": { "sessionId": id, "role": "USER", "content": "hello" } });
        for caller in [&outsider, &globex] {
            for id in [&chat, &absent] {
                let read = caller.send("query($id: ID!) { chatSession(id: $id) { id } node(id: $id) { id } }", json!({ "id": id })).await;
                assert_eq!(read.data(), &json!({ "chatSession": null, "node": null }));
                assert_eq!(caller.send(POST, input(id)).await.code(), Some("NOT_FOUND"));
            }
            let read = caller.send("query($id: ID!) { node(id: $id) { id } }", json!({ "id": message })).await;
            assert_eq!(read.data()["node"], Value::Null);
        }
    }

    async fn an_operator_sees_rows_and_counts_and_no_word(world) {
        let operator = world.operator().await;
        let query = "{ chatSessions(first: 100) { totalCount nodes { id status title messageCount user { id }
            messages(last: 5) { totalCount nodes { content } } } } }";
        let reply = operator.query(query).await;
        let nodes = reply.data()["chatSessions"]["nodes"].as_array().unwrap();
        assert!(nodes.len() > 5 && nodes.iter().all(|node| node["messageCount"].as_i64().unwrap() > 0));
        assert!(nodes.iter().all(|node| node["messages"] == json!({ "totalCount": 0, "nodes": [] })));
        assert!(nodes.iter().all(|node| node["title"].is_null()));
        assert_eq!(reply.redacted().len(), nodes.len());
        let input = json!({ "input": { "agentId": agent(&world) } });
        assert_eq!(operator.send(START, input).await.code(), Some("FORBIDDEN"));
    }

    async fn the_demos_messages_stand_in_their_order(world) {
        let admin = world.acme_admin().await;
        let reply = admin.query("{ chatSessions(first: 100) { nodes { messageCount messages(first: 100) { totalCount nodes { createdAt } } } } }").await;
        let nodes = reply.data()["chatSessions"]["nodes"].as_array().unwrap();
        assert!(!nodes.is_empty());
        for chat in nodes {
            assert_eq!(chat["messageCount"], chat["messages"]["totalCount"]);
            let times: Vec<&str> = chat["messages"]["nodes"].as_array().unwrap().iter().map(|node| node["createdAt"].as_str().unwrap()).collect();
            assert!(times.is_sorted(), "{times:?}");
        }
    }
}

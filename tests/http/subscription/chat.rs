//! Each message of a chat, to whoever reads the chat.

use serde_json::json;

use crate::support::server::Node;
use crate::support::world::on_both;

const ADDED: &str = "subscription($id: ID!) { chatMessageAdded(sessionId: $id) { role content } }";
const START: &str = "mutation($input: StartChatInput!) { startChat(input: $input) { chatSession { id } } }";
const POST: &str = "mutation($input: PostChatMessageInput!) { postChatMessage(input: $input) { chatMessage { id } } }";
const CREATE: &str = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }";

on_both! {
    async fn each_message_of_the_chat_is_sent_to_who_reads_it_and_to_nobody_else(world) {
        let node = Node::start(&world).await;
        let (admin, member) = (node.acme_admin().await, node.login("Acme member").await);
        let input = json!({ "input": { "name": "Scout", "visibility": "PUBLIC", "chatCapable": true } });
        let agent = admin.does(CREATE, input).await["createAgent"]["agent"]["id"].clone();
        let mut chats = Vec::new();
        for _ in 0..2 {
            let started = member.does(START, json!({ "input": { "agentId": agent } })).await;
            chats.push(started["startChat"]["chatSession"]["id"].clone());
        }
        let (mut own, mut along) = (member.follows(ADDED, json!({ "id": chats[0] })).await, admin.follows(ADDED, json!({ "id": chats[0] })).await);
        for (role, code) in [("Acme outsider", "NOT_FOUND"), ("Globex admin", "NOT_FOUND"), ("Operator", "FORBIDDEN")] {
            let refused = node.login(role).await.follow(ADDED, json!({ "id": chats[0] })).await.result().await;
            assert_eq!(refused["errors"][0]["extensions"]["code"], code, "{role}: {refused}");
        }
        for (chat, content) in [(&chats[0], "one"), (&chats[1], "elsewhere"), (&chats[0], "two")] {
            member.does(POST, json!({ "input": { "sessionId": chat, "role": "USER", "content": content } })).await;
        }
        for stream in [&mut own, &mut along] {
            for content in ["one", "two"] {
                let added = stream.result().await;
                assert_eq!(added["data"]["chatMessageAdded"], json!({ "role": "USER", "content": content }));
            }
        }
    }
}

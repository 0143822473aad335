//! Somebody who asks over a real socket, of a server in this process or of one of its own.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::subscription_client::{Http, Socket, http};

#[derive(Clone)]
pub struct Remote {
    pub address: SocketAddr,
    pub token: Option<String>,
}

impl Remote {
    pub fn new(address: SocketAddr, token: impl Into<String>) -> Self {
        Self { address, token: Some(token.into()) }
    }

    /// Sends a body as it is; answers with the head and the body of what comes back.
    pub async fn raw(&self, method: &str, path: &str, body: &str) -> String {
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json"), ("accept", "application/json")];
        headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
        let mut answer = http(self.address, method, path, &headers, body).await;
        let text = answer.text().await;
        format!("{} {:?}\n{text}", answer.status, answer.headers)
    }

    pub async fn send(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let answer = self.raw("POST", "/graphql", &body).await;
        let body = answer.split_once('\n').unwrap().1;
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
    }

    /// Does something that works.
    pub async fn does(&self, mutation: &str, input: Value, selection: &str) -> Value {
        let name = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!("mutation($input: {name}!) {{ it: {mutation}(input: $input) {{ {selection} }} }}");
        let answer = self.send(&query, json!({ "input": input })).await;
        assert!(answer.get("errors").is_none(), "{mutation}: {answer}");
        answer["data"]["it"].clone()
    }

    /// Follows over server-sent events.
    pub async fn follow(&self, query: &str, variables: Value) -> Http {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let authorization = format!("Bearer {}", self.token.as_deref().unwrap_or_default());
        let headers =
            [("content-type", "application/json"), ("accept", "text/event-stream"), ("authorization", &*authorization)];
        http(self.address, "POST", "/graphql", &headers, &body).await
    }

    /// A socket that has said who it is.
    pub async fn socket(&self) -> Socket {
        let mut socket = Socket::open(self.address).await;
        let authorization = format!("Bearer {}", self.token.as_deref().unwrap_or_default());
        socket.send(json!({ "type": "connection_init", "payload": { "authorization": authorization } })).await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        socket
    }
}

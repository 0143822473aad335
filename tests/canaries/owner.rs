//! While an organisation works, everybody listens: nobody is sent a word of it, and neither the log nor a mail nor a name
//! on the disk has one.

use std::{collections::BTreeSet, path::Path, time::Duration};

use entity::enums::TeamRole;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{log, marker::Marks, remote::Remote, work::Office};
use crate::support::{
    server::Node,
    shape::Shape,
    world::{World, on_both},
};

const EVENTS: &str = "subscription($org: ID) { events(organizationId: $org) { cursor node { id type subjectId payload actor { __typename } } } }";

/// Everything a stream sends until it has been quiet for a while.
async fn sent(stream: &mut crate::support::subscription_client::Http) -> String {
    let mut all = format!("{:?}\n", stream.headers);
    while let Ok(Some((event, data))) = timeout(Duration::from_millis(700), stream.event()).await {
        all.push_str(&format!("{event} {data}\n"));
    }
    all
}

/// Every file below a folder, with its path.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.push((path.display().to_string(), Vec::new()));
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

async fn remote(node: &Node, role: &str) -> Remote {
    Remote::new(node.address, node.login(role).await.token)
}

async fn office(world: &World, node: &Node) -> Office {
    let acme = world.acme();
    let owned = |row: &&entity::team_membership::Model| row.org_id == acme && row.role == TeamRole::Admin;
    let team = world.plan.team_memberships.iter().find(owned).unwrap().team_id;
    let second = node.rooms.identity().demo_session("ben@acme.example").await.unwrap().access_token;
    Office {
        admin: remote(node, "Acme admin").await,
        second: Remote::new(node.address, second),
        team: team.to_string(),
        org: acme.to_string(),
    }
}

async fn column(world: &World, sql: &str) -> Vec<String> {
    let rows = world.root.query_all_raw(Statement::from_string(world.root.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

on_both! {
    async fn whoever_listens_while_an_organisation_works_is_sent_no_word_of_it(world) {
        log::listen();
        let marks = Marks::new();
        let node = Node::start(&world).await;
        let office = office(&world, &node).await;
        let others = [
            ("an operator", remote(&node, "Operator").await),
            ("Globex's admin", remote(&node, "Globex admin").await),
            ("somebody of Acme in no team", remote(&node, "Acme outsider").await),
        ];
        let mut streams = Vec::new();
        let mut sockets = Vec::new();
        let mut own = office.admin.follow(EVENTS, json!({})).await;
        let done = office.work(&marks, async |begun| {
            for (name, who) in &others {
                let org = (*name == "an operator").then(|| office.org.clone());
                streams.push((*name, who.follow(EVENTS, json!({ "org": org })).await));
                let of_goal = json!({ "id": begun.goal, "agent": begun.agent, "chat": begun.chat, "org": org });
                let mut socket = who.socket().await;
                for (id, query) in [
                    ("goal", "subscription($id: ID!) { goalUpdated(id: $id) { id goalText plan status tasks(first: 5) { nodes { payload result error } } } }"),
                    ("tasks", "subscription($id: ID!) { taskUpdated(goalId: $id) { id payload result error executions(first: 5) { nodes { code codeOutput shellOutput fileContents } } } }"),
                    ("all tasks", "subscription { taskUpdated { id payload result error goal { goalText } } }"),
                    ("approvals", "subscription($org: ID) { approvalRequested(organizationId: $org) { id payload reason decisions { comment } goal { goalText } } }"),
                    ("chat", "subscription($chat: ID!) { chatMessageAdded(sessionId: $chat) { id content toolCalls toolResults tokensIn } }"),
                    ("wrong", "subscription($id: ID!) { goalUpdated(id: $id) { goalTxt } }"),
                ] {
                    socket.subscribe(id, query, of_goal.clone()).await;
                }
                sockets.push((*name, socket));
            }
        }).await;

        // Who works hears it, so that there was something to hear.
        let ours = sent(&mut own).await;
        let heard = marks.raw(&ours);
        assert!(!heard.is_empty(), "the owner's own stream has no marker: {ours}");
        for (name, stream) in &mut streams {
            let all = sent(stream).await;
            marks.hold(&format!("the stream of {name}"), &all);
            assert!(*name != "an operator" || all.contains("goal.submitted") || all.lines().count() > 5, "{all}");
        }
        for (name, socket) in &mut sockets {
            let mut frames = String::new();
            while let Ok(frame) = timeout(Duration::from_millis(700), socket.receive()).await {
                frames.push_str(&frame.to_string());
            }
            marks.hold(&format!("the socket of {name}"), &frames);
            assert!(frames.contains("\"error\""), "{name}: {frames}");
            assert!(*name != "an operator" || frames.matches("\"next\"").count() > 5, "{frames}");
        }

        // Everything of every object that came of it, for whom it is and for everybody else.
        let shape = Shape::new();
        let mut read: BTreeSet<String> = heard;
        for kind in ["Organization", "Agent", "AgentDocument", "Goal", "Task", "Execution", "ApprovalRequest", "ChatSession", "ChatMessage", "WorkspaceFile"] {
            let mut ids = done.ids.clone();
            ids.push(office.org.clone());
            let leaves = shape.selection(kind, 0);
            let more = if kind == "ApprovalRequest" { "decisions { comment }" } else if kind == "Goal" { "tasks(first: 5) { nodes { payload result error } } approvalRequests { payload reason decisions { comment } }" } else { "" };
            let query = format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind} {{ {leaves} {more} }} }} }}");
            let answer = office.admin.send(&query, json!({ "ids": ids })).await;
            read.extend(marks.raw(&answer.to_string()));
            for (name, who) in &others {
                let answer = who.send(&query, json!({ "ids": ids })).await;
                marks.hold(&format!("{kind} as {name} reads it"), answer.to_string());
            }
        }
        let documents = "query($id: ID!) { agent(id: $id) { documents(first: 9) { nodes { content uri } } } goal: node(id: $id) { id } }";
        read.extend(marks.raw(&office.admin.send(documents, json!({ "id": done.agent })).await.to_string()));
        let goal = done.ids.iter().map(|id| json!(id)).collect::<Vec<Value>>();
        assert!(goal.len() > 10);
        let unread = [
            // Hashed before they are stored, or shown by no field.
            "an idempotency key", "a run's key", "a message's key",
            // The goal's own.
            "a goal's document",
        ];
        for (what, marker) in &done.said {
            let marker = marker[marks.word.len()..].to_lowercase();
            // A path and an address hold the beginning of theirs.
            let cut = ["AgentDocument.uri", "WorkspaceFile.path"].contains(what);
            assert!(unread.contains(what) || cut || read.contains(&marker), "{what} is never read by whom it is for");
        }

        // The log of what happened, as a file.
        let export = office.admin.raw("GET", "/audit/export", "").await;
        assert!(export.contains("200") && marks.find(export.as_bytes()).is_some(), "the export holds nothing of it");
        let path = format!("/audit/export?organizationId={}", office.org);
        for (name, who) in &others {
            for path in ["/audit/export", &path, "/auth/verify", "/readyz", "/healthz", "/.well-known/jwks.json"] {
                marks.hold(&format!("{path} as {name}"), who.raw("GET", path, "").await);
            }
        }

        // Mail: who was told of approvals and invitations was told nothing of what they are about.
        let mails = column(&world, "SELECT recipient || ' ' || subject || ' ' || body FROM mail_outbox").await;
        marks.hold("a mail", mails.join("\n"));

        // On the disk, the organisation's own folder has it, and nothing outside has, not even a name.
        let home = world.workspace.path().join("orgs").join(&office.org);
        let (inside, outside): (Vec<_>, Vec<_>) = files(world.workspace.path()).into_iter().partition(|(path, _)| Path::new(path).starts_with(&home));
        assert!(inside.iter().any(|(path, bytes)| marks.find(path.as_bytes()).is_some() && marks.find(bytes).is_some()), "the file is not there");
        for (path, bytes) in outside {
            marks.hold("a name outside of the organisation's folder", &path);
            marks.hold(&path, &bytes);
        }
        for name in std::fs::read_dir(std::env::temp_dir()).unwrap() {
            marks.hold("the name of a temporary file", name.unwrap().path().display().to_string());
        }

        drop((streams, sockets, own));
        node.until_left().await;
        // A stream is told in the log when it has ended.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let said = log::said();
        assert!(said.contains("palisade::request") && said.contains("palisade::stream"), "the log was not heard");
        marks.hold("the log while its owner works", &said);
        for secret in &done.secrets {
            let secret = secret.rsplit('_').next().unwrap();
            assert!(!said.contains(secret), "the log holds a key");
        }
    }
}

//! A disk that is full: what cannot be written is refused whole, what was acknowledged stays, and the process lives.
//!
//! The limit is the shell's on the size of a file, which the server inherits: writing beyond it fails as on a full disk.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
};

use serde_json::{Value, json};

use super::process::{Running, palisade, run};

pub(super) fn ask(server: &Running, token: &str, query: &str, variables: Value) -> Value {
    try_ask(&server.address, token, query, variables).expect("an answer")
}

/// None when the server is gone before it has answered.
pub(super) fn try_ask(address: &str, token: &str, query: &str, variables: Value) -> Option<Value> {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let mut stream = TcpStream::connect(address).ok()?;
    write!(
        stream,
        "POST /graphql HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\naccept: application/json\r\n\
         authorization: Bearer {token}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let answer = answer.split("\r\n\r\n").nth(1)?;
    Some(serde_json::from_str(answer).unwrap_or_else(|_| panic!("{answer}")))
}

pub(super) fn token(folder: &Path) -> String {
    let (code, token, log) = run(folder, &["token", "--email", "ada@acme.example"], &[("PALISADE_DATA__DIR", "data")]);
    assert_eq!(code, 0, "{log}");
    token.trim().to_owned()
}

const GOALS: &str = "{ goals(first: 0) { totalCount } agents(first: 1, filter: { visibility: [GLOBAL], status: [ACTIVE] }) { nodes { id } } }";
const SUBMIT: &str = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id } } }";

#[test]
fn a_full_disk_refuses_writes_whole_and_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let first = Running::start(folder.path(), &[]);
    let token = token(folder.path());
    let before = ask(&first, &token, GOALS, json!({}));
    let count = |answer: &Value| answer["data"]["goals"]["totalCount"].as_u64().unwrap_or_else(|| panic!("{answer}"));
    let agent = before["data"]["agents"]["nodes"][0]["id"].clone();
    first.signal("-TERM");
    assert_eq!(first.end().0, Some(0));

    let size = std::fs::metadata(folder.path().join("data/palisade.db")).unwrap().len();
    let blocks = size / 1024 + 200;
    let mut full = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_palisade");
    // A signal that is ignored stays ignored in the program: the write fails instead of ending it.
    full.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec {program} demo --data-dir data")]);
    full.env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PALISADE_HTTP__LISTEN", "127.0.0.1:0")
        .current_dir(folder.path());
    let server = Running::listen(full);
    let input = json!({ "input": { "agentId": agent, "goalText": "x".repeat(60_000) } });
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for _ in 0..400 {
        let answer = ask(&server, &token, SUBMIT, input.clone());
        match answer["data"]["submitGoal"]["goal"]["id"].as_str() {
            Some(id) => acknowledged.push(id.to_owned()),
            None => {
                assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
                refused += 1;
            }
        }
        if refused == 3 {
            break;
        }
    }
    assert_eq!(refused, 3, "the disk never filled: {} goals of 60 kB fitted", acknowledged.len());
    // What is there can still be read.
    let still = ask(&server, &token, GOALS, json!({}));
    assert_eq!(count(&still), count(&before) + acknowledged.len() as u64);
    server.signal("-KILL");
    server.end();

    // Killed, restarted with room: everything that was acknowledged, and nothing else.
    let mut again = palisade(folder.path());
    again.args(["demo", "--data-dir", "data"]);
    let server = Running::listen(again);
    let after = ask(&server, &token, GOALS, json!({}));
    assert_eq!(count(&after), count(&before) + acknowledged.len() as u64);
    for id in [acknowledged.first(), acknowledged.last()].into_iter().flatten() {
        let goal = ask(&server, &token, "query($id: ID!) { goal(id: $id) { goalText } }", json!({ "id": id }));
        assert_eq!(goal["data"]["goal"]["goalText"].as_str().map(str::len), Some(60_000));
    }
    assert!(ask(&server, &token, SUBMIT, input)["data"]["submitGoal"]["goal"]["id"].is_string());
    server.signal("-TERM");
    assert_eq!(server.end().0, Some(0));
}

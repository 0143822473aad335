//! A server that is killed while it puts files: what was acknowledged is there after the next start, whole; and nothing is
//! ever given out that does not match its checksum.

use std::{collections::BTreeMap, thread, time::Duration};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    full_disk::{ask, token},
    process::{Running, palisade},
};

const GOAL: &str = "{ goals(first: 1) { nodes { id } } }";
const PUT: &str = "mutation($input: PutWorkspaceFileInput!) { putWorkspaceFile(input: $input) { file { id sha256 } } }";
const READ: &str = "query($id: ID!) { goal(id: $id) { files(first: 20) { nodes { path sha256 contents } } } }";

#[test]
fn a_server_that_is_killed_loses_no_file_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = palisade(folder.path());
        command.args(["demo", "--data-dir", "data"]);
        Running::listen(command)
    };
    let server = start();
    let token = token(folder.path());
    let goal = ask(&server, &token, GOAL, json!({}))["data"]["goals"]["nodes"][0]["id"].as_str().unwrap().to_owned();
    drop(server);
    // What each path may hold: the last that was acknowledged, or the one that was on its way when the server died.
    let mut may: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut acknowledged = 0;
    for round in 0..4u32 {
        let server = start();
        let address = server.address.clone();
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(150 + u64::from(round) * 83));
            server.signal("-KILL");
            server.end();
        });
        for n in 0.. {
            let path = format!("folder/{}", n % 5);
            let contents = format!("round {round}, file {n}: {}", "x".repeat(n % 7 * 5_000));
            let allowed = may.entry(path.clone()).or_default();
            allowed.push(contents.clone());
            let input = json!({ "input": { "goalId": goal, "path": path, "contents": contents } });
            let answer = super::full_disk::try_ask(&address, &token, PUT, input);
            let Some(answer) = answer else { break };
            let sha256: String = Sha256::digest(&contents).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(answer["data"]["putWorkspaceFile"]["file"]["sha256"], sha256.as_str(), "{answer}");
            *allowed = vec![contents];
            acknowledged += 1;
        }
        killer.join().unwrap();
    }
    assert!(acknowledged > 10, "{acknowledged} puts are too few to prove anything");
    let server = start();
    let files = ask(&server, &token, READ, json!({ "id": goal }));
    let files = files["data"]["goal"]["files"]["nodes"].as_array().unwrap_or_else(|| panic!("{files}")).clone();
    let found: BTreeMap<&str, &str> =
        files.iter().map(|file| (file["path"].as_str().unwrap(), file["contents"].as_str().unwrap())).collect();
    for (path, may) in &may {
        match found.get(path.as_str()) {
            Some(contents) => assert!(may.iter().any(|may| may == contents), "{path}: {contents}"),
            None => panic!("{path} is gone"),
        }
    }
    server.signal("-TERM");
    assert_eq!(server.end().0, Some(0));
}

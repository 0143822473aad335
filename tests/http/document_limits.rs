//! Documents that would take the server down are turned away at the door.

use super::*;
use std::time::Instant;

async fn code(query: &str) -> String {
    let answered = Door::open().query(query).await;
    assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{}", answered.body);
    answered.error().0
}

#[tokio::test]
async fn bombs_are_refused_in_no_time() {
    let start = Instant::now();
    let doubled: String = (0..40).map(|n| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1)).collect();
    for query in [
        "{".repeat(1 << 19),
        format!("{{ hello(name: {}", "[".repeat(1 << 19)),
        "{ a ".repeat(1 << 17),
        format!("{{ ...f0 }} {doubled} fragment f40 on Query {{ hello }}"),
        format!("{{ {} }}", (0..1_000).map(|n| format!("a{n}: hello ")).collect::<String>()),
        format!("{{ {} }}", "hello ".repeat(3_000)),
        format!("{{ {} }}", "... { ".repeat(40) + "hello" + &"}".repeat(40)),
    ] {
        assert_eq!(code(&query).await, "QUERY_TOO_COMPLEX");
    }
    assert_eq!(code("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }").await, "VALIDATION");
    assert_eq!(code("subscription { hello }").await, "VALIDATION");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_operation_that_passes_the_limits_passes_the_librarys_own() {
    let door = Door::open();
    let deep = "... { ".repeat(28) + "hello" + &"}".repeat(28);
    let answered = door.query(&format!("{{ {deep} }}")).await;
    assert_eq!(answered.json(), json!({ "data": { "hello": "hello you" } }));
}

#[tokio::test]
async fn a_document_that_fails_validation_is_told_what_is_wrong() {
    let answered = Door::open().query("{ helo }").await;
    let (code, field, message) = answered.error();
    assert_eq!((code.as_str(), field.as_str()), ("VALIDATION", "query"));
    assert!(message.contains("hello"), "{message}");
    let wrong: String = (0..100).map(|n| format!("x{n} ")).collect();
    let limits = Limits { roots: 200, ..Limits::default() };
    let door = Door::with(Http::default(), limits, Behind::default());
    let json = door.query(&format!("{{ {wrong} }}")).await.json();
    assert_eq!(json["errors"].as_array().unwrap().len(), 20);
}

//! The explorer, built in or not.

use super::*;

#[tokio::test]
async fn the_root_leads_to_the_explorer() {
    let door = Door::open();
    let answered = door.get("/").await;
    assert_eq!((answered.status, answered.header("location")), (StatusCode::FOUND, "/graphiql/"));
    assert_eq!(door.get("/graphiql").await.header("location"), "/graphiql/");
}

#[tokio::test]
async fn the_explorer_runs_our_scripts_alone() {
    let answered = Door::open().get("/graphiql/").await;
    assert_eq!(answered.status, StatusCode::OK);
    assert!(answered.header("content-type").starts_with("text/html"));
    let policy = answered.header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe-eval") && !policy.contains("script-src 'self' 'unsafe"), "{policy}");
}

#[tokio::test]
async fn a_file_outside_the_explorer_is_not_found() {
    let door = Door::open();
    for path in
        ["/graphiql/nothing.js", "/graphiql/../Cargo.toml", "/graphiql/..%2fCargo.toml", "/graphiql/%2e%2e/Cargo.toml"]
    {
        assert_eq!(door.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

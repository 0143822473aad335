//! The small pages, and what is on every answer.

use super::*;

#[tokio::test]
async fn health_asks_nobody_and_readiness_asks_the_database() {
    let down = Door::with(Http::default(), Limits::default(), Behind { down: true, ..Behind::default() });
    assert_eq!(down.get("/healthz").await.status, StatusCode::OK);
    let answered = down.get("/readyz").await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answered.json(), json!({ "ready": false, "checks": { "database": false, "migrations": true } }));
    assert_eq!(Door::open().get("/readyz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn keys_are_public_and_may_be_kept_for_a_while() {
    let answered = Door::open().get("/.well-known/jwks.json").await;
    assert_eq!((answered.json(), answered.header("cache-control")), (json!({ "keys": [] }), "public, max-age=300"));
}

#[tokio::test]
async fn the_demos_logins_are_there_in_the_demo_only() {
    assert_eq!(Door::open().get("/demo/logins.json").await.status, StatusCode::NOT_FOUND);
    let demo = Some(json!([{ "email": "ada@acme.example" }]));
    let door = Door::with(Http::default(), Limits::default(), Behind { demo: demo.clone(), ..Behind::default() });
    assert_eq!(Some(door.get("/demo/logins.json").await.json()), demo);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_graphql_is_never_stored() {
    let door = Door::open();
    let query = door.query("{ hello }").await;
    assert_eq!(query.header("cache-control"), "no-store, private");
    for answered in [query, door.query("{ panics }").await, door.get("/healthz").await, door.get("/nowhere").await] {
        assert_eq!(answered.header("x-content-type-options"), "nosniff");
        assert_eq!(answered.header("referrer-policy"), "no-referrer");
        assert_eq!(answered.header("cross-origin-resource-policy"), "same-origin");
        assert!(answered.header("content-security-policy").contains("default-src 'none'"));
        assert!(answered.header("cache-control").contains("no-store"));
    }
}

#[tokio::test]
async fn the_mailbox_is_shown_under_a_name_of_this_machine_and_as_text() {
    let mail = Received {
        recipient: "ada@example.com".to_owned(),
        subject: "<script>alert(1)</script>".to_owned(),
        date: "Mon, 2 Nov 2026 10:00:00 +0000".to_owned(),
        body: "at https://palisade.example.\n\npalp_secret\n".to_owned(),
    };
    let mailbox = Some(vec![mail]);
    let get = async |behind: Behind, host: &str| {
        let door = Door::with(Http::default(), Limits::default(), behind);
        door.send(Request::get("/dev/mailbox").header("host", host).body(Body::empty()).unwrap()).await
    };
    let here = || Behind { mailbox: mailbox.clone(), ..Behind::default() };
    let page = get(here(), "127.0.0.1:8080").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(page.header("cache-control").contains("no-store"));
    assert!(page.body.contains("palp_secret") && !page.body.contains("<script"), "{}", page.body);
    assert!(page.body.contains("<a href=\"https://palisade.example\" rel="), "{}", page.body);
    // Not under a name that somebody else has pointed here, except where nothing is anybody's secret.
    let other = get(here(), "rebound.example").await;
    assert_eq!((other.status, other.body.as_str()), (StatusCode::NOT_FOUND, "not found\n"));
    let demo = Behind { demo: Some(json!([])), ..here() };
    assert_eq!(get(demo, "demo.example").await.status, StatusCode::OK);
    assert_eq!(get(Behind::default(), "localhost").await.status, StatusCode::NOT_FOUND);
}

//! Every error has a code of the contract, its path, and no word that it should not have.

use super::*;

#[tokio::test]
async fn a_refused_nullable_field_is_null_alone_with_a_coded_error_at_its_path() {
    let door = Door::open();
    let answered = door.query("{ a: hello refused absent b: hello }").await;
    assert_eq!(answered.status, StatusCode::OK);
    let json = answered.json();
    assert_eq!(json["data"], json!({ "a": "hello you", "refused": null, "absent": null, "b": "hello you" }));
    assert!(answered.body.contains(r#""data":{"a":"hello you","refused":null,"absent":null,"b":"hello you"}"#));
    let errors = json["errors"].as_array().unwrap();
    assert_eq!((&errors[0]["path"], &errors[0]["extensions"]["code"]), (&json!(["refused"]), &json!("FORBIDDEN")));
    assert_eq!((&errors[1]["path"], &errors[1]["extensions"]["code"]), (&json!(["absent"]), &json!("NOT_FOUND")));
}

#[tokio::test]
async fn a_failed_required_root_field_makes_the_data_null_with_status_200() {
    let door = Door::open();
    let answered = door.query("{ hello required }").await;
    assert_eq!((answered.status, &answered.json()["data"]), (StatusCode::OK, &Value::Null));
    assert!(answered.json().as_object().unwrap().contains_key("data"));
}

#[tokio::test]
async fn a_fault_of_ours_is_an_incident_and_nothing_else() {
    let door = Door::open();
    for query in ["{ broken }", "{ uncoded }"] {
        let answered = door.query(query).await;
        let (code, _, message) = answered.error();
        assert_eq!((code.as_str(), message.as_str()), ("INTERNAL", "Internal error."), "{query}");
        assert!(answered.json()["errors"][0]["extensions"]["incident"].as_str().is_some_and(|id| id.len() == 32));
        assert!(!answered.body.contains("hunter2"), "{}", answered.body);
    }
}

#[tokio::test]
async fn a_panic_is_an_incident_and_the_server_lives() {
    let door = Door::open();
    let answered = door.query("{ panics }").await;
    assert_eq!((answered.status, answered.error().0.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"));
    assert!(!answered.body.contains("hunter2"), "{}", answered.body);
    assert_eq!(door.query("{ hello }").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_stopped() {
    let settings = Http { timeout: Duration::from_millis(50), ..Http::default() };
    let door = Door::with(settings, Limits::default(), Behind::default());
    let answered = door.query("{ slow }").await;
    assert_eq!((answered.status, answered.error().0.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
}

#[tokio::test]
async fn no_error_repeats_a_value_that_was_sent() {
    let door = Door::open();
    let login = "mutation($input: LoginInput!) { count login(input: $input) }";
    for (query, variables, field) in [
        (login, json!({ "input": { "email": 7, "password": "hunter2" } }), "input.email"),
        (login, json!({ "input": { "password": "hunter2" } }), "input.email"),
        (login, json!({ "input": { "email": "a", "password": { "hunter2": "hunter2" } } }), "input.password"),
        (login, json!({ "input": { "email": "a", "password": "b", "hunter2": 1 } }), "input"),
        (login, json!({ "input": "hunter2" }), "input"),
        (login, json!({ "input": { "email": "a", "password": "b", "nested": ["hunter2"] } }), "input.nested.0"),
        ("mutation { login(input: { email: \"a\" password: hunter2 }) }", json!({}), "input.password"),
        ("{ checked(text: \"hunter2\") }", json!({}), "checked"),
        ("query($t: String!) { checked(text: $t) }", json!({ "t": "hunter2" }), "checked"),
        ("query($t: String = \"hunter2\") { checked(text: $t) }", json!({ "t": null }), "query"),
        ("mutation { login(input: { email: \"hunter2\" password: \"hunter2\" } }", json!({}), "query"),
        ("{ hello(nme: \"hunter2\") }", json!({}), "query"),
        ("{ hello @skip(if: \"hunter2\") }", json!({}), "query"),
    ] {
        let answered = door.post(&json!({ "query": query, "variables": variables })).await;
        let (code, at, _) = answered.error();
        assert_eq!((code.as_str(), at.as_str()), ("VALIDATION", field), "{}", answered.body);
        assert!(!answered.body.contains("hunter2"), "{}", answered.body);
    }
    assert_eq!(door.query("mutation { count }").await.json()["data"]["count"], 1, "a wrong variable changed nothing");
}

#[tokio::test]
async fn what_was_redacted_is_told_in_one_order_and_once() {
    let path = |index: usize, name: &str| {
        vec![PathSegment::Field("a".into()), PathSegment::Index(index), PathSegment::Field(name.into())]
    };
    let redacted = vec![path(10, "x"), path(2, "y"), path(2, "x"), path(2, "y")];
    let behind = Behind { redacted, ..Behind::default() };
    let door = Door::with(Http::default(), Limits::default(), behind);
    let told = door.query("{ hello }").await.json()["extensions"]["redacted"].clone();
    assert_eq!(told, json!([["a", 2, "x"], ["a", 2, "y"], ["a", 10, "x"]]));
    assert!(Door::open().query("{ hello }").await.json().get("extensions").is_none());
}

//! What comes in: methods, media types, sizes, batches; and in which form it is answered.

use super::*;

#[tokio::test]
async fn a_query_is_answered_by_post_and_by_get() {
    let door = Door::open();
    let data = json!({ "data": { "hello": "hello ada" } });
    let query = "query($n: String) { hello(name: $n) }";
    let answered = door.post(&json!({ "query": query, "variables": { "n": "ada" } })).await;
    assert_eq!((answered.status, answered.json()), (StatusCode::OK, data.clone()));
    let answered = door
        .get("/graphql?query=query(%24n%3AString)%7Bhello(name%3A%24n)%7D&variables=%7B%22n%22%3A%22ada%22%7D")
        .await;
    assert_eq!((answered.status, answered.json()), (StatusCode::OK, data));
}

#[tokio::test]
async fn a_mutation_is_not_carried_out_by_get() {
    let door = Door::open();
    let answered = door.get("/graphql?query=mutation%7Bcount%7D").await;
    assert_eq!((answered.status, answered.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    assert_eq!(answered.error().0, "VALIDATION");
    assert_eq!(door.query("mutation { count }").await.json()["data"]["count"], 1);
}

#[tokio::test]
async fn other_methods_are_refused() {
    let door = Door::open();
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD, Method::OPTIONS] {
        let request = Request::builder().method(method.clone()).uri("/graphql").body(Body::empty()).unwrap();
        let answered = door.send(request).await;
        assert_eq!(
            (answered.status, answered.header("allow")),
            (StatusCode::METHOD_NOT_ALLOWED, "GET, POST"),
            "{method}"
        );
    }
}

#[tokio::test]
async fn nothing_but_json_is_read() {
    let door = Door::open();
    let body = json!({ "query": "mutation { count }" }).to_string();
    for media in [
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/graphql"),
        Some("application/json; charset=utf-16"),
        None,
    ] {
        let mut request = Request::post("/graphql");
        if let Some(media) = media {
            request = request.header("content-type", media);
        }
        let answered = door.send(request.body(Body::from(body.clone())).unwrap()).await;
        assert_eq!(answered.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{media:?}");
        assert_eq!(answered.error().1, "content-type");
    }
    let request = Request::post("/graphql").header("content-type", "application/json; charset=utf-8");
    let answered = door.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(answered.json()["data"]["count"], 1, "none of the earlier ones ran");
}

#[tokio::test]
async fn the_answer_has_the_form_that_was_asked_for() {
    let door = Door::open();
    let ask = async |accept: Option<&str>, query: &str| {
        let body = json!({ "query": query });
        let mut request = post(&body);
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let answered = door.send(request.body(Body::from(body.to_string())).unwrap()).await;
        (answered.status.as_u16(), answered.header("content-type").to_owned())
    };
    let plain = "application/json; charset=utf-8".to_owned();
    let own = "application/graphql-response+json; charset=utf-8".to_owned();
    for (accept, good, bad, form) in [
        (None, 200, 200, &plain),
        (Some("*/*"), 200, 200, &plain),
        (Some("application/json"), 200, 200, &plain),
        (Some("application/graphql-response+json"), 200, 400, &own),
        (Some("text/html"), 406, 406, &plain),
    ] {
        assert_eq!(ask(accept, "{ hello }").await, (good, form.clone()), "{accept:?}");
        assert_eq!(ask(accept, "{ nothing }").await, (bad, form.clone()), "{accept:?}");
        assert_eq!(ask(accept, "{ hello").await, (bad, form.clone()), "{accept:?}");
    }
}

#[tokio::test]
async fn an_unreadable_body_is_400_and_says_which_part() {
    let door = Door::open();
    for (body, field) in [
        ("", "body"),
        ("{", "body"),
        ("\"hunter2\"", "body"),
        ("{}", "query"),
        (r#"{"query": null}"#, "query"),
        (r#"{"query": {"hunter2": 1}}"#, "query"),
        (r#"{"query": "{hello}", "variables": "hunter2"}"#, "variables"),
        (r#"{"query": "{hello}", "variables": [1]}"#, "variables"),
        (r#"{"query": "{hello}", "operationName": 7}"#, "operationName"),
        (r#"{"query": "{hello}", "extensions": "hunter2"}"#, "extensions"),
        (r#"{"query": "{hello}", "query": "{hello}"}"#, "body"),
        ("[]", "body"),
        ("[1]", "body"),
        ("[{\"query\": 1}]", "query"),
    ] {
        let answered = door.send(post(&Value::Null).body(Body::from(body)).unwrap()).await;
        assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{body}");
        let (code, at, _) = answered.error();
        assert_eq!((code.as_str(), at.as_str()), ("VALIDATION", field), "{body}");
        assert!(!answered.body.contains("hunter2") && !answered.body.contains("data"), "{}", answered.body);
    }
    let nulls = json!({ "query": "{ hello }", "variables": null, "operationName": null, "extensions": null, "id": 1 });
    assert_eq!(door.post(&nulls).await.status, StatusCode::OK);
    let answered = door.get("/graphql?query=%7Bhello%7D&variables=hunter2").await;
    assert_eq!((answered.status, answered.error().1.as_str()), (StatusCode::BAD_REQUEST, "variables"));
    assert_eq!(door.get("/graphql").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn persisted_queries_are_answered_so_that_clients_send_the_document() {
    let door = Door::open();
    let hash = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "00" } } });
    assert_eq!(door.post(&hash).await.error().2, "PersistedQueryNotSupported");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_however_it_is_sent() {
    let settings = Http { body_limit: 1_000, ..Http::default() };
    let door = Door::with(settings, Limits::default(), Behind::default());
    let pad = |length: usize| json!({ "query": "{ hello }", "variables": { "x": "a".repeat(length) } }).to_string();
    let whole = door.send(post(&Value::Null).body(Body::from(pad(1_000))).unwrap()).await;
    let chunks =
        futures_util::stream::iter(pad(1_000).into_bytes().into_iter().map(|byte| Ok::<_, std::io::Error>(vec![byte])));
    let chunked = door.send(post(&Value::Null).body(Body::from_stream(chunks)).unwrap()).await;
    for answered in [whole, chunked] {
        assert_eq!(answered.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answered.error().0, "QUERY_TOO_COMPLEX");
    }
    assert_eq!(door.send(post(&Value::Null).body(Body::from(pad(900))).unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_its_caller_is_looked_up_once() {
    let door = Door::open();
    let batch =
        json!([{ "query": "mutation { count }" }, { "query": "{ nothing }" }, { "query": "mutation { count }" }]);
    let answered = door.post(&batch).await;
    assert_eq!(answered.status, StatusCode::OK);
    let json = answered.json();
    assert_eq!((&json[0]["data"]["count"], &json[2]["data"]["count"]), (&json!(1), &json!(2)));
    assert_eq!(json[1]["errors"][0]["extensions"]["code"], "VALIDATION");
    assert!(json[1].get("data").is_none());
    assert_eq!(door.behind.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_batch_is_limited_in_length_and_shares_one_cost() {
    let limits = Limits { batch: 3, cost: 100, ..Limits::default() };
    let door = Door::with(Http::default(), limits, Behind::default());
    let one = json!({ "query": "{ items(first: 45) { nodes { name } } }" });
    let answered = door.post(&json!([one, one, one, one])).await;
    assert_eq!(answered.status, StatusCode::BAD_REQUEST);
    assert!(answered.error().2.contains("4 operations; at most 3 are allowed (limits.batch)"), "{}", answered.body);
    let json = door.post(&json!([one, one, one])).await.json();
    assert!(json[0]["errors"].is_null() && json[1]["errors"].is_null(), "{json}");
    assert_eq!(json[2]["errors"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn other_origins_are_let_in_only_when_listed() {
    let ask = async |door: &Door, origin: &str| {
        let request =
            Request::options("/graphql").header("origin", origin).header("access-control-request-method", "POST");
        let answered = door.send(request.body(Body::empty()).unwrap()).await;
        answered.header("access-control-allow-origin").to_owned()
    };
    assert_eq!(ask(&Door::open(), "https://a.example").await, "");
    let settings = Http { allowed_origins: vec!["https://a.example".to_owned()], ..Http::default() };
    let door = Door::with(settings, Limits::default(), Behind::default());
    assert_eq!(ask(&door, "https://a.example").await, "https://a.example");
    assert_eq!(ask(&door, "https://b.example").await, "");
}

#[tokio::test]
async fn a_resolver_sees_the_clients_address() {
    let settings = Http { trusted_proxies: 1, ..Http::default() };
    let door = Door::with(settings, Limits::default(), Behind::default());
    let body = json!({ "query": "{ address }" });
    let request = post(&body).header("x-forwarded-for", "6.6.6.6, 1.2.3.4").body(Body::from(body.to_string())).unwrap();
    assert_eq!(door.send(request).await.json()["data"]["address"], "1.2.3.4");
}

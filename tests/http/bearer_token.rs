//! A token that does not hold is never taken for no token.

use super::*;

async fn with_tokens(door: &Door, values: &[&[u8]]) -> Answered {
    let body = json!({ "query": "{ hello }" });
    let mut request = post(&body);
    for value in values {
        request = request.header("authorization", axum::http::HeaderValue::from_bytes(value).unwrap());
    }
    door.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn every_bad_token_gets_the_same_401() {
    let door = Door::open();
    let first = with_tokens(&door, &[b"Bearer expired"]).await;
    assert_eq!((first.status, first.header("www-authenticate")), (StatusCode::UNAUTHORIZED, "Bearer"));
    assert_eq!(first.error().0, "UNAUTHENTICATED");
    assert!(first.json().get("data").is_none());
    for values in [
        &[&b"Bearer forged"[..]][..],
        &[b"Basic YTpi"],
        &[b"Bearer"],
        &[b""],
        &[b"Bearer member", b"Bearer member"],
        &[b"Bearer member", b"Bearer operator"],
        &[b"Bearer \xff"],
    ] {
        let other = with_tokens(&door, values).await;
        assert_eq!((other.status, &other.body, &other.headers), (first.status, &first.body, &first.headers));
    }
}

#[tokio::test]
async fn a_good_token_and_none_are_served() {
    let door = Door::open();
    for values in [&[][..], &[&b"Bearer member"[..]], &[b"Bearer operator"]] {
        assert_eq!(with_tokens(&door, values).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_bad_token_is_told_before_the_body_is_read() {
    let door = Door::open();
    let request = post(&Value::Null).header("authorization", "Bearer forged").body(Body::from("{")).unwrap();
    assert_eq!(door.send(request).await.status, StatusCode::UNAUTHORIZED);
    let request = Request::get("/graphql?query=%7Bhello%7D").header("authorization", "Bearer forged");
    assert_eq!(door.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn trouble_with_the_look_up_has_its_own_status_and_says_nothing_of_the_cause() {
    let door = Door::open();
    let throttled = with_tokens(&door, &[b"Bearer throttled"]).await;
    assert_eq!((throttled.status, throttled.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "7"));
    assert_eq!(throttled.error().0, "RATE_LIMITED");
    let down = with_tokens(&door, &[b"Bearer nobody home"]).await;
    assert_eq!((down.status, down.error().0.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
    assert!(!down.body.contains("hunter2"), "{}", down.body);
}

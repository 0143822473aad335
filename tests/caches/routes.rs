//! No answer that depends on who asks may be kept by anybody between: every route, with what it says of being kept.

use std::collections::BTreeMap;

use axum::{
    body::{Body, Bytes},
    http::{Method, Request, Response},
};

use crate::support::world::{Caller, World, on_both};

/// What a route's answers say of being kept.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kept {
    /// By nobody, and differing by who asks.
    Private,
    /// By nobody.
    Never,
    /// By everybody: it is the same for everybody.
    Public,
}

/// Every route of `src/http/router.rs`, and a path that it serves.
const ROUTES: &[(&str, &str, Kept)] = &[
    ("/graphql", "/graphql?query=%7Bviewer%7BisSuperAdmin%7D%7D", Kept::Private),
    ("/graphiql", "/graphiql", Kept::Public),
    ("/graphiql/", "/graphiql/", Kept::Public),
    ("/graphiql/{*path}", "/graphiql/index.html", Kept::Public),
    ("/", "/", Kept::Never),
    ("/healthz", "/healthz", Kept::Never),
    ("/readyz", "/readyz", Kept::Never),
    ("/.well-known/jwks.json", "/.well-known/jwks.json", Kept::Public),
    ("/auth/verify", "/auth/verify", Kept::Never),
    ("/auth/verify/", "/auth/verify/", Kept::Never),
    ("/auth/verify/{*path}", "/auth/verify/some/where", Kept::Never),
    ("/audit/export", "/audit/export", Kept::Never),
    ("/demo/logins.json", "/demo/logins.json", Kept::Never),
    ("/dev/mailbox", "/dev/mailbox", Kept::Never),
    // The fallback.
    ("", "/no/such/page", Kept::Never),
];

/// Everything by which a cache would keep an answer for longer, or find it again.
const KEEPERS: [&str; 7] =
    ["etag", "last-modified", "expires", "age", "set-cookie", "surrogate-control", "cdn-cache-control"];

fn header<'r>(response: &'r Response<Bytes>, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Holds an answer against what its route says of itself.
fn check(what: &str, kept: Kept, response: &Response<Bytes>) {
    let control = header(response, "cache-control");
    if kept == Kept::Public {
        assert!(
            control.contains("public") || control.contains("no-cache") || control.contains("no-store"),
            "{what}: {control}"
        );
    } else {
        assert!(control.split(',').any(|word| word.trim() == "no-store"), "{what}: {control}");
        for name in KEEPERS {
            assert!(!response.headers().contains_key(name), "{what} has {name}");
        }
    }
    if kept == Kept::Private {
        assert!(control.contains("private"), "{what}: {control}");
        let vary = header(response, "vary");
        assert!(vary.contains("authorization") && vary.contains("accept"), "{what}: vary: {vary}");
    }
    assert!(!response.headers().contains_key("set-cookie"), "{what} sets a cookie");
}

async fn callers(world: &World) -> Vec<(&'static str, Caller<'_>)> {
    vec![
        ("nobody", world.anonymous()),
        ("an admin", world.acme_admin().await),
        ("another's admin", world.globex_admin().await),
        ("an operator", world.operator().await),
        ("a key", world.login(Some("Acme worker")).await),
        ("a token that does not hold", Caller { world, token: Some("eyJhbGciOiJub25lIn0.e30.".to_owned()) }),
    ]
}

#[test]
fn every_route_of_the_router_is_in_the_list() {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/router.rs")).unwrap();
    let routes: Vec<&str> = source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let listed: Vec<&str> = ROUTES.iter().map(|(route, _, _)| *route).filter(|route| !route.is_empty()).collect();
    assert_eq!(routes, listed, "a route has no entry here: say whether its answers may be kept, and by whom");
    // Nothing else puts pages there.
    for way in [".nest(", ".route_service(", ".nest_service(", ".fallback_service("] {
        assert!(!source.contains(way), "{way}");
    }
    assert_eq!(source.matches(".fallback(").count(), 1);
}

on_both! {
    async fn no_answer_that_depends_on_who_asks_may_be_kept(world) {
        for (route, path, kept) in ROUTES {
            let mut bodies = BTreeMap::new();
            for (who, caller) in callers(&world).await {
                for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS, Method::DELETE] {
                    let request = Request::builder().method(method.clone()).uri(*path);
                    let response = caller.respond(request, Body::empty()).await;
                    let what = format!("{method} {route} as {who} ({})", response.status());
                    // What is refused as a method is no page.
                    let kept = if response.status() == 405 && *route != "/graphql" { Kept::Never } else { *kept };
                    check(&what, kept, &response);
                    if method == Method::GET {
                        bodies.insert(who, (response.status(), response.headers().clone(), response.into_body()));
                    }
                }
            }
            if *kept == Kept::Public {
                let first = &bodies["nobody"];
                assert!(bodies.values().all(|answer| answer == first), "{route} is public and tells callers apart");
            }
        }
    }

    async fn whatever_is_asked_of_graphql_the_answer_may_not_be_kept(world) {
        for (who, caller) in callers(&world).await {
            for (what, body) in [
                ("a query", r#"{"query":"{ goals(first: 1) { nodes { goalText } } }"}"#),
                ("a batch", r#"[{"query":"{ viewer { isSuperAdmin } }"},{"query":"{ serverInfo { name } }"}]"#),
                ("a mutation", r#"{"query":"mutation { logout }"}"#),
                ("a wrong document", r#"{"query":"{ nothing }"}"#),
                ("no JSON", "nonsense"),
            ] {
                for accept in ["application/json", "application/graphql-response+json", "text/html", "text/event-stream"] {
                    if what == "a mutation" && accept != "application/json" {
                        continue;
                    }
                    // Its own header, besides the one that every request has.
                    let request = Request::post("/graphql").header("content-type", "application/json").header("accept", accept);
                    let response = caller.respond(request, Body::from(body)).await;
                    check(&format!("{what} as {accept} by {who} ({})", response.status()), Kept::Never, &response);
                }
            }
            let long = "x".repeat(2_000_000);
            let request = Request::post("/graphql").header("content-type", "application/json");
            let response = caller.respond(request, Body::from(long)).await;
            check(&format!("a long body by {who}"), Kept::Private, &response);
        }
    }

    /// A condition must not be answered by the answer's bytes: "not modified" would tell that content is what was guessed.
    async fn conditions_and_ranges_are_not_looked_at(world) {
        let admin = world.acme_admin().await;
        let query = "/graphql?query=%7Bgoals(first:1)%7Bnodes%7BgoalText%7D%7D%7D";
        let plain = admin.respond(Request::get(query), Body::empty()).await;
        assert_eq!(plain.status(), 200);
        for (name, value) in [("if-none-match", "*"), ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"), ("range", "bytes=0-9"), ("if-match", "\"x\"")] {
            let other = admin.respond(Request::get(query).header(name, value), Body::empty()).await;
            assert_eq!((plain.status(), plain.body()), (other.status(), other.body()), "{name}");
        }
    }
}

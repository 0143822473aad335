//! The door itself, without a proxy.

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use entity::enums::{OrgRole, TeamRole};
use serde_json::json;
use tower::ServiceExt as _;

use crate::auth::external::{Front, Scene, World, enable, member, on_both, with};

const NAMES: [&str; 7] =
    ["x-user-id", "x-org-id", "x-org-role", "x-team-ids", "x-is-super-admin", "x-principal-kind", "x-scopes"];

async fn send(front: &Front, request: Request<Body>) -> (StatusCode, HeaderMap) {
    let response = front.0.clone().oneshot(request).await.unwrap();
    (response.status(), response.headers().clone())
}

fn context(headers: &HeaderMap) -> [String; 7] {
    NAMES.map(|name| {
        let all: Vec<_> = headers.get_all(name).iter().collect();
        assert_eq!(all.len(), 1, "{name}: {headers:?}");
        all[0].to_str().unwrap().to_owned()
    })
}

/// Status and context for a token.
async fn ask(front: &Front, token: &str) -> (u16, [String; 7]) {
    let request = Request::get("/auth/verify").header("authorization", format!("Bearer {token}"));
    let (status, headers) = send(front, request.body(Body::empty()).unwrap()).await;
    assert_eq!(headers["cache-control"], "no-store");
    assert!(!headers.contains_key("etag") && !headers.contains_key("expires"), "{headers:?}");
    (status.as_u16(), context(&headers))
}

fn texts<const N: usize>(texts: [&str; N]) -> [String; N] {
    texts.map(str::to_owned)
}

async fn login(world: &World, email: &str) -> String {
    world.login(email).await.access_token
}

on_both! {
    async fn who_is_signed_in_is_told_in_full(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let front = Front::new(&world, &[]);
        let (ada_id, acme_id) = (ada.to_string(), acme.to_string());
        let token = login(&world, "ada@example.com").await;
        let expected = texts([&ada_id, &acme_id, "admin", "", "false", "user", ""]);
        assert_eq!(ask(&front, &token).await, (200, expected));

        let bob = member(&world, acme, "bob@example.com", OrgRole::Member).await;
        let red = world.team(acme, "red", &[(bob, TeamRole::Admin)]).await;
        let blue = world.team(acme, "blue", &[(bob, TeamRole::Member)]).await;
        let teams = format!("{red},{blue}");
        let expected = texts([&bob.to_string(), &acme_id, "member", &teams, "false", "user", ""]);
        assert_eq!(ask(&front, &login(&world, "bob@example.com").await).await, (200, expected));

        let ops = world.operator("ops@example.com").await;
        let expected = texts([&ops.to_string(), "", "", "", "true", "user", ""]);
        assert_eq!(ask(&front, &login(&world, "ops@example.com").await).await, (200, expected));
    }

    async fn a_service_account_is_told_with_its_scopes_and_is_no_user(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let front = Front::new(&world, &[]);
        let (_, key) = crate::auth::service_account::key(&world, acme, ada).await;
        let expected = texts(["", &acme.to_string(), "", "", "false", "service_account", "read tasks:run"]);
        assert_eq!(ask(&front, &key).await, (200, expected));
        // Its maker is no admin any more.
        world.sql("UPDATE org_memberships SET role = 'MEMBER'").await;
        assert_eq!(ask(&front, &key).await, (401, texts([""; 7])));
    }

    async fn who_is_in_no_organisation_may_use_nothing_and_nobody_is_nobody(world) {
        let una = world.user("una@example.com").await;
        let front = Front::new(&world, &[]);
        let expected = texts([&una.to_string(), "", "", "", "false", "user", ""]);
        assert_eq!(ask(&front, &login(&world, "una@example.com").await).await, (403, expected));
        let nothing = texts([""; 7]);
        for bad in ["x", "a.b.c", &"a".repeat(9000)] {
            assert_eq!(ask(&front, bad).await, (401, nothing.clone()));
        }
        let (status, headers) = send(&front, Request::get("/auth/verify").body(Body::empty()).unwrap()).await;
        assert_eq!((status, context(&headers)), (StatusCode::UNAUTHORIZED, nothing));
        assert_eq!(headers["www-authenticate"], "Bearer");
    }

    async fn nothing_but_the_token_is_read_of_a_request(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let front = Front::new(&world, &[]);
        let token = login(&world, "ada@example.com").await;
        let (ada, acme) = (ada.to_string(), acme.to_string());
        let expected = texts([&ada, &acme, "admin", "", "false", "user", ""]);
        for path in ["/auth/verify", "/auth/verify/", "/auth/verify/a", "/auth/verify//a/%2e%2e/b%00?x=1", "/auth/verify?x-user-id=eve"] {
            for method in [
                Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS,
                Method::TRACE, Method::from_bytes(b"PROPFIND").unwrap(),
            ] {
                let mut request = Request::builder().method(method.clone()).uri(path);
                for name in NAMES {
                    request = request.header(name, "eve").header(name, "true");
                }
                request = request.header("x-original-uri", "/elsewhere").header("x-forwarded-user", "eve");
                let anonymous = request.body(Body::from("{")).unwrap();
                let mut signed_in = Request::builder().method(method.clone()).uri(path);
                *signed_in.headers_mut().unwrap() = anonymous.headers().clone();
                let signed_in = signed_in.header("authorization", format!("Bearer {token}")).body(Body::from("{")).unwrap();
                let (status, headers) = send(&front, anonymous).await;
                assert_eq!((status.as_u16(), context(&headers)), (401, texts([""; 7])), "{method} {path}");
                let (status, headers) = send(&front, signed_in).await;
                assert_eq!((status.as_u16(), context(&headers)), (200, expected.clone()), "{method} {path}");
            }
        }
        let twice = Request::get("/auth/verify")
            .header("authorization", format!("Bearer {token}"))
            .header("authorization", format!("Bearer {token}"));
        assert_eq!(send(&front, twice.body(Body::empty()).unwrap()).await.0, StatusCode::UNAUTHORIZED);
        let other = Request::get("/auth/verified").body(Body::empty()).unwrap();
        assert_eq!(send(&front, other).await.0, StatusCode::NOT_FOUND);
    }

    async fn whatever_ends_access_ends_it_here_with_the_next_question(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let front = Front::new(&world, &[]);
        let token = login(&world, "ada@example.com").await;
        for (table, lost, found) in [
            ("users", "status = 'SUSPENDED'", "status = 'ACTIVE'"),
            ("organizations", "status = 'SUSPENDED'", "status = 'ACTIVE'"),
            ("org_memberships", "status = 'LEFT'", "status = 'ACTIVE'"),
        ] {
            assert_eq!(ask(&front, &token).await.0, 200);
            world.sql(format!("UPDATE {table} SET {lost}")).await;
            assert_eq!(ask(&front, &token).await, (401, texts([""; 7])));
            world.sql(format!("UPDATE {table} SET {found}")).await;
        }
        world.sql("UPDATE org_memberships SET role = 'MEMBER'").await;
        let expected = texts([&ada.to_string(), &acme.to_string(), "member", "", "false", "user", ""]);
        assert_eq!(ask(&front, &token).await, (200, expected));
    }

    async fn an_external_token_is_told_as_narrow_as_it_is(world) {
        let scene = Scene::new(&world).await;
        let front = Front::new(&world, &[scene.issuer.settings()]);
        let team = world.team(scene.acme, "red", &[(scene.ada, TeamRole::Member)]).await.to_string();
        let (ada, acme) = (scene.ada.to_string(), scene.acme.to_string());
        let claims = scene.claims(&world, "ada");
        let expected = |role, teams, scopes| texts([&ada, &acme, role, teams, "false", "user", scopes]);
        let ask = async |claims| ask(&front, &scene.issuer.sign(&claims)).await;
        assert_eq!(ask(claims.clone()).await, (200, expected("admin", &team, "")));
        let less = with(with(claims.clone(), "org_role", json!("member")), "team_ids", json!([]));
        assert_eq!(ask(less).await, (200, expected("member", "", "")));
        let scoped = with(claims.clone(), "scopes", json!("read tasks:run"));
        assert_eq!(ask(scoped).await, (200, expected("admin", &team, "read tasks:run")));
        // Empty would read as without limits.
        assert_eq!(ask(with(claims.clone(), "scopes", json!([]))).await.0, 403);
        // Two organisations let the issuer in, and the token names none.
        let (globex, _) = world.admin_of("globex", "gus@example.com").await;
        world.member(globex, scene.ada, OrgRole::Member).await;
        enable(&world, globex, scene.ada, &scene.issuer.url).await;
        let nowhere = texts([&ada, "", "", "", "false", "user", ""]);
        assert_eq!(ask(crate::auth::external::without(claims.clone(), "org_id")).await, (403, nowhere));
        // Nobody can say: the proxy refuses.
        scene.issuer.stop().await;
        crate::auth::external::pass(&world, 25 * 3600);
        let late = scene.claims(&world, "ada");
        assert_eq!(ask(late).await, (503, texts([""; 7])));
    }
}

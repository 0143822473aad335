//! Every way of writing an external token that must not be taken, beside the one that must.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use palisade::viewer::Viewer;
use serde_json::json;

use super::{Key, Scene, World, on_both, with, without};

on_both! {
    async fn a_linked_subject_is_its_account_in_the_organisation_that_its_token_names(world) {
        let scene = Scene::new(&world).await;
        let viewer = scene.tenant(&scene.token(&world, "ada")).await;
        assert_eq!((viewer.account.user_id, viewer.org_id), (scene.ada, scene.acme));
        assert!(viewer.is_org_admin() && viewer.account.session_id().is_none());
        // A handle names an organisation, too, and one of several audiences is enough.
        let claims = with(scene.claims(&world, "ada"), "org_id", json!("acme"));
        let claims = with(claims, "aud", json!(["other", "spare"]));
        assert_eq!(scene.tenant(&scene.issuer.sign(&claims)).await.org_id, scene.acme);
        // Tokens of our own are taken as before.
        let ours = world.login("ada@example.com").await.access_token;
        assert!(matches!(scene.viewer(&ours).await, Ok(Viewer::Tenant(_))));
        // Nobody linked this one.
        scene.refuses(&scene.token(&world, "eve")).await;
        assert!(crate::auth::external::unauthenticated_by(&world, &scene.token(&world, "ada")).await);
    }

    async fn a_header_that_names_keys_or_asks_for_more_is_refused(world) {
        let scene = Scene::new(&world).await;
        let key = scene.issuer.key.lock().unwrap().clone();
        let claims = scene.claims(&world, "ada");
        for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
            scene.tenant(&key.sign(&with(key.header(), "typ", json!(kind)), &claims)).await;
        }
        scene.tenant(&key.sign(&without(key.header(), "typ"), &claims)).await;
        scene.tenant(&key.sign(&with(key.header(), "x5t", json!("a digest")), &claims)).await;
        for (name, value) in [
            ("crit", json!(["exp"])),
            ("crit", json!(["b64"])),
            ("crit", json!([])),
            ("crit", json!(null)),
            ("jwk", key.public.clone()),
            ("jku", json!("https://evil.example/keys")),
            ("x5u", json!("https://evil.example/cert")),
            ("x5c", json!(["MIIB"])),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
            ("enc", json!("A256GCM")),
            ("cty", json!("JWT")),
            ("typ", json!("logout+jwt")),
            ("typ", json!("secevent+jwt")),
            ("typ", json!(1)),
            ("alg", json!("none")),
            ("alg", json!("None")),
            ("alg", json!("HS256")),
            ("alg", json!("RS256")),
            ("alg", json!("ES256")),
            ("alg", json!("ES512")),
            ("alg", json!("eddsa")),
            ("alg", json!(null)),
            ("kid", json!("two")),
            ("kid", json!(1)),
        ] {
            scene.refuses(&key.sign(&with(key.header(), name, value), &claims)).await;
        }
        scene.refuses(&key.sign(&without(key.header(), "alg"), &claims)).await;
    }

    async fn a_claim_that_is_missing_wrong_or_of_another_kind_is_refused(world) {
        let scene = Scene::new(&world).await;
        let now = world.clock.now().timestamp();
        let claims = scene.claims(&world, "ada");
        for name in ["exp", "aud", "sub", "iss"] {
            scene.refuses(&scene.issuer.sign(&without(claims.clone(), name))).await;
        }
        for name in ["iat", "nbf", "org_role", "team_ids"] {
            scene.tenant(&scene.issuer.sign(&without(claims.clone(), name))).await;
        }
        for (name, value) in [
            ("exp", json!(now - 61)),
            ("exp", json!("soon")),
            ("exp", json!(null)),
            ("exp", json!(-1)),
            ("exp", json!(1e300)),
            ("nbf", json!(now + 120)),
            ("nbf", json!("now")),
            ("iat", json!(now + 120)),
            ("aud", json!("Palisade")),
            ("aud", json!([])),
            ("aud", json!(["palisade", 1])),
            ("aud", json!(null)),
            ("iss", json!(format!("{}/", scene.issuer.url))),
            ("iss", json!([scene.issuer.url])),
            ("sub", json!("")),
            ("sub", json!("a\u{0}b")),
            ("sub", json!("x".repeat(256))),
            ("sub", json!(1)),
            ("org_id", json!("globex")),
            ("org_id", json!("")),
            ("org_id", json!(null)),
            ("org_id", json!(["acme"])),
            ("org_id", json!("a\u{0}b")),
            ("org_role", json!(1)),
            ("org_role", json!(null)),
            ("team_ids", json!({})),
            ("team_ids", json!([1])),
            ("scopes", json!(1)),
            ("is_super_admin", json!("false")),
            ("is_super_admin", json!(0)),
        ] {
            scene.refuses(&scene.issuer.sign(&with(claims.clone(), name, value))).await;
        }
        // Clocks differ by a little, and some issuers count in fractions.
        for (name, value) in [("exp", json!(now - 30)), ("nbf", json!(now + 30)), ("exp", json!(now as f64 + 60.5))] {
            scene.tenant(&scene.issuer.sign(&with(claims.clone(), name, value))).await;
        }
    }

    async fn a_token_ends_when_it_says_though_it_was_taken_before(world) {
        let scene = Scene::new(&world).await;
        let exp = json!(world.clock.now().timestamp() + 300);
        let token = scene.issuer.sign(&with(scene.claims(&world, "ada"), "exp", exp));
        scene.tenant(&token).await;
        crate::auth::external::pass(&world, 300);
        // Within the leeway.
        scene.tenant(&token).await;
        crate::auth::external::pass(&world, 61);
        scene.refuses(&token).await;
    }

    async fn a_signature_of_another_key_or_over_other_bytes_is_refused(world) {
        let scene = Scene::new(&world).await;
        let (key, claims) = (scene.issuer.key.lock().unwrap().clone(), scene.claims(&world, "ada"));
        let honest = key.sign(&key.header(), &claims);
        scene.tenant(&honest).await;
        // The same name, another pair.
        let other = Key::new(&key.id);
        scene.refuses(&other.sign(&key.header(), &claims)).await;
        let parts: Vec<&str> = honest.split('.').collect();
        let richer = URL_SAFE_NO_PAD.encode(with(claims.clone(), "sub", json!("eve")).to_string());
        let none = URL_SAFE_NO_PAD.encode(with(key.header(), "alg", json!("none")).to_string());
        for bad in [
            format!("{}.{richer}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{honest}.{}", parts[2]),
            format!("{honest}="),
        ] {
            scene.refuses(&bad).await;
        }
        // A member that is there twice.
        let twice = format!("{},\"sub\":\"ada\"}}", claims.to_string().strip_suffix('}').unwrap());
        scene.refuses(&key.sign_text(&key.header().to_string(), &twice)).await;
        // Genuine, but more than 8 KiB.
        scene.tenant(&key.sign(&key.header(), &with(claims.clone(), "pad", json!("x".repeat(4000))))).await;
        scene.refuses(&key.sign(&key.header(), &with(claims, "pad", json!("x".repeat(7000))))).await;
    }

    async fn a_public_key_is_never_taken_for_a_secret_nor_one_kind_of_key_for_another(world) {
        let scene = Scene::with(&world, |settings| {
            settings.algorithms = ["RS256", "PS256", "ES256", "EdDSA"].map(str::to_owned).into();
        }).await;
        let rsa = Key::kept("rsa", "rsa", Algorithm::RS256);
        let pss = Key::kept("rsa", "rsa", Algorithm::PS256);
        let wide = Key::kept("rsa", "rsa", Algorithm::RS512);
        let ec = Key::kept("ec", "p256", Algorithm::ES256);
        let weak = Key::kept("weak", "rsa-1024", Algorithm::RS256);
        let ed = Key::new("ed");
        scene.issuer.publish(&[&rsa, &ec, &weak, &ed]);
        let claims = scene.claims(&world, "ada");
        for key in [&rsa, &pss, &ec, &ed] {
            scene.tenant(&key.sign(&key.header(), &claims)).await;
        }
        // Not on the issuer's list; too short.
        scene.refuses(&wide.sign(&wide.header(), &claims)).await;
        scene.refuses(&weak.sign(&weak.header(), &claims)).await;
        // One key's name with another's algorithm.
        for (key, other) in [(&rsa, &ec), (&ec, &rsa), (&ed, &rsa), (&rsa, &ed)] {
            scene.refuses(&key.sign(&with(key.header(), "kid", json!(other.id)), &claims)).await;
            scene.refuses(&key.sign(&with(key.header(), "alg", other.header()["alg"].clone()), &claims)).await;
        }
        // HMAC with what everybody can read.
        let modulus = rsa.public["n"].as_str().unwrap();
        for secret in [modulus.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(modulus).unwrap()] {
            let header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::HS256) };
            let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret)).unwrap();
            scene.refuses(&token).await;
            let (_, rest) = token.split_once('.').unwrap();
            scene.refuses(&format!("{}.{rest}", URL_SAFE_NO_PAD.encode(rsa.header().to_string()))).await;
        }
        // Where several keys could be meant the token must say which.
        scene.tenant(&ec.sign(&without(ec.header(), "kid"), &claims)).await;
        scene.refuses(&pss.sign(&with(without(pss.header(), "kid"), "alg", json!("HS256")), &claims)).await;
    }

    async fn a_key_that_is_not_for_signatures_or_is_nobodys_secret_is_left_out(world) {
        let scene = Scene::new(&world).await;
        let key = Key::new("one");
        let claims = scene.claims(&world, "ada");
        let token = key.sign(&key.header(), &claims);
        for (name, value) in [
            ("use", json!("enc")),
            ("key_ops", json!(["sign"])),
            ("alg", json!("ES256")),
            ("alg", json!("HS256")),
            ("d", json!("AAAA")),
            ("kty", json!("oct")),
            ("crv", json!("X25519")),
            ("kid", json!(1)),
        ] {
            scene.issuer.publish_as_they_are(vec![with(key.public.clone(), name, value)]);
            crate::auth::external::pass(&world, 11);
            scene.refuses(&token).await;
        }
        let good = with(with(key.public.clone(), "use", json!("sig")), "alg", json!("EdDSA"));
        scene.issuer.publish_as_they_are(vec![json!(1), json!({}), good]);
        crate::auth::external::pass(&world, 11);
        scene.tenant(&token).await;
    }
}

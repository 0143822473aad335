//! An organisation's own admins say which issuers speak for its members, and nobody else.

use entity::enums::OrgRole;
use serde_json::json;

use super::{Front, Scene, World, member, on_both};

fn mutation(name: &str, issuer: &str) -> String {
    format!(
        r#"mutation {{ {name}(issuer: "{issuer}") {{ organization {{ issuers {{ issuer enabledBy {{ email }} }} }} }} }}"#
    )
}

on_both! {
    async fn an_admin_lets_an_issuer_in_and_puts_it_out_and_a_second_time_changes_nothing(world) {
        let scene = Scene::new(&world).await;
        world.sql("DELETE FROM organization_issuers").await;
        let front = Front::new(&world, &[scene.issuer.settings()]);
        let (admin, token) = (world.login("ada@example.com").await.access_token, scene.token(&world, "ada"));
        scene.refuses(&token).await;
        for _ in 0..2 {
            let answer = front.data(&admin, &mutation("enableIssuer", &scene.issuer.url)).await;
            let expected = json!([{ "issuer": scene.issuer.url, "enabledBy": { "email": "ada@example.com" } }]);
            assert_eq!(answer["enableIssuer"]["organization"]["issuers"], expected);
            scene.tenant(&token).await;
        }
        for _ in 0..2 {
            let answer = front.data(&admin, &mutation("disableIssuer", &scene.issuer.url)).await;
            assert_eq!(answer["disableIssuer"]["organization"]["issuers"], json!([]));
            scene.refuses(&token).await;
        }
        let told = "SELECT count(*) FROM events WHERE type IN ('issuer.enabled', 'issuer.disabled')";
        assert_eq!(world.number(told).await, 2);
    }

    async fn nobody_else_does_and_only_admins_and_operators_see_which(world) {
        let scene = Scene::new(&world).await;
        member(&world, scene.acme, "bob@example.com", OrgRole::Member).await;
        world.operator("ops@example.com").await;
        world.user("una@example.com").await;
        let front = Front::new(&world, &[]);
        let token = async |email: &str| world.login(email).await.access_token;
        for email in ["bob@example.com", "ops@example.com", "una@example.com"] {
            for name in ["enableIssuer", "disableIssuer"] {
                let code = front.code(&token(email).await, &mutation(name, "https://evil.example")).await;
                assert_eq!(code, "FORBIDDEN", "{email} {name}");
            }
        }
        assert_eq!(world.number("SELECT count(*) FROM organization_issuers").await, 1);
        let query = format!(r#"{{ organization(id: "{}") {{ issuers {{ issuer }} }} }}"#, scene.acme);
        for (email, sees) in [("ada@example.com", 1), ("ops@example.com", 1), ("bob@example.com", 0)] {
            let answer = front.data(&token(email).await, &query).await;
            assert_eq!(answer["organization"]["issuers"].as_array().unwrap().len(), sees, "{email}");
        }
    }

    async fn an_issuer_is_an_address_and_whether_the_server_knows_it_is_not_told(world) {
        Scene::new(&world).await;
        let front = Front::new(&world, &[]);
        let admin = world.login("ada@example.com").await.access_token;
        for bad in ["", "okta", "http://okta.example", "https://a:b@okta.example", "https://okta.example?x=1"] {
            assert_eq!(front.code(&admin, &mutation("enableIssuer", bad)).await, "VALIDATION", "{bad}");
        }
        front.data(&admin, &mutation("enableIssuer", "https://nobody-trusts.example")).await;
        for n in 0..18 {
            front.data(&admin, &mutation("enableIssuer", &format!("https://{n}.example"))).await;
        }
        assert_eq!(front.code(&admin, &mutation("enableIssuer", "https://one-more.example")).await, "CONFLICT");
    }
}

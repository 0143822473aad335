//! What mutations answer over GraphQL: the outcome, read again under the viewer's scope, with every key that was asked
//! for; and a code where they refuse.

use std::sync::Arc;

use entity::enums::OrgRole;
use palisade::{
    graphql::{RequestCtx, schema},
    store::list::cursor::CursorSealer,
    viewer::Viewer,
};
use serde_json::{Value, json};

use crate::support::empty_world::{Caller, URL, World, on_both};

async fn ask(world: &World, by: &Caller, document: &str, variables: Value) -> (Value, Vec<String>) {
    let viewer = Viewer::clone(&by.viewer);
    let (db, clock, url) = (world.db.clone(), world.clock.clone(), Arc::from(URL));
    let cx = RequestCtx::new(db, viewer, clock, CursorSealer::new(&[7; 32]), world.identity(), url);
    let variables = async_graphql::Variables::from_json(variables);
    let request = async_graphql::Request::new(document).variables(variables).data(Arc::new(cx));
    let response = schema().execute(request).await;
    let codes = response.errors.iter().map(|error| {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        code.map_or_else(|| error.message.clone(), |code| code.to_string().replace('"', ""))
    });
    let codes = codes.collect();
    (response.data.into_json().unwrap(), codes)
}

async fn answered(world: &World, by: &Caller, document: &str, variables: Value) -> Value {
    let (data, codes) = ask(world, by, document, variables).await;
    assert!(codes.is_empty(), "{codes:?} {data}");
    data
}

on_both! {
    async fn a_super_admin_sets_an_organisation_up_and_its_admin_runs_it(world) {
        let (_, root) = world.operator("root@example.com").await;
        let make = r#"mutation { createOrganization(input: { name: "Acme", slug: "acme", firstAdminEmail: "ada@example.com" }) {
            organization { id name slug status config invitations { totalCount nodes { email role status } } }
            invitation { email role status acceptedAt organization { name } invitedBy { email } } } }"#;
        let data = answered(&world, &root, make, json!({})).await;
        let made = &data["createOrganization"];
        let sent = json!({ "email": "ada@example.com", "role": "ADMIN", "status": "PENDING" });
        let listed = json!({ "totalCount": 1, "nodes": [sent] });
        assert_eq!(made["organization"]["invitations"], listed);
        assert_eq!(made["organization"]["config"], Value::Null);
        assert_eq!(made["invitation"]["organization"]["name"], "Acme");
        assert_eq!(made["invitation"]["invitedBy"]["email"], "root@example.com");
        let id = &made["organization"]["id"];
        let org = id.as_str().unwrap().parse().unwrap();

        let ada = world.user("ada@example.com").await;
        world.join(org, ada, OrgRole::Admin).await;
        let admin = world.member_of(org, ada, OrgRole::Admin);
        let configure = r#"mutation($config: JSON) { updateOrganization(input: { config: $config }) { organization { config } } }"#;
        let data = answered(&world, &admin, configure, json!({ "config": { "a": [1] } })).await;
        assert_eq!(world.text("SELECT config FROM organizations", []).await, r#"{"a":[1]}"#);
        assert!(!data["updateOrganization"]["organization"]["config"].is_null());
        answered(&world, &admin, configure, json!({ "config": null })).await;
        assert!(world.texts("SELECT config FROM organizations WHERE config IS NOT NULL", []).await.is_empty());

        let bob = world.user("bob@example.com").await.to_string();
        let add = r#"mutation($org: ID!, $user: ID!) {
            addMember(input: { organizationId: $org, userId: $user, role: ADMIN }) {
                membership { role status pendingRole user { email } organization { name } } } }"#;
        let data = answered(&world, &root, add, json!({ "org": id, "user": bob })).await;
        let asked = json!({
            "role": "MEMBER", "status": "PENDING", "pendingRole": "ADMIN",
            "user": { "email": "bob@example.com" }, "organization": { "name": "Acme" },
        });
        assert_eq!(data["addMember"]["membership"], asked);
        // Two fields of one operation: each payload sees its own write.
        let both = r#"mutation($user: ID!) {
            confirmMember(input: { userId: $user, accept: true, role: ADMIN }) { membership { role status pendingRole } }
            updateMemberRole(input: { userId: $user, role: MEMBER }) { membership { role } }
            removeMember(input: { userId: $user }) { organization { members { nodes { user { email } } } } } }"#;
        let data = answered(&world, &admin, both, json!({ "user": bob })).await;
        let confirmed = json!({ "role": "ADMIN", "status": "ACTIVE", "pendingRole": null });
        assert_eq!(data["confirmMember"]["membership"], confirmed);
        assert_eq!(data["updateMemberRole"]["membership"]["role"], "MEMBER");
        let left = json!([{ "user": { "email": "ada@example.com" } }]);
        assert_eq!(data["removeMember"]["organization"]["members"]["nodes"], left);
    }

    async fn accounts_and_invitations_answer_what_they_became(world) {
        let (org, ada, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let make = r#"mutation { createUser(input: { email: "Eve@example.com", name: "Eve" }) {
            user { id email name status isSuperAdmin lastLoginAt } } }"#;
        let data = answered(&world, &root, make, json!({})).await;
        let mut eve = data["createUser"]["user"].clone();
        let id = eve["id"].take();
        let made = json!({ "id": null, "email": "eve@example.com", "name": "Eve", "status": "ACTIVE",
            "isSuperAdmin": false, "lastLoginAt": null });
        assert_eq!(eve, made);
        let act = r#"mutation($id: ID!) {
            suspendUser(id: $id) { user { status } } reactivateUser(id: $id) { user { status } }
            resetPassword(userId: $id) { user { email } }
            a: setSuperAdmin(userId: $id, isSuperAdmin: true) { user { isSuperAdmin } }
            b: setSuperAdmin(userId: $id, isSuperAdmin: false) { user { isSuperAdmin } }
            deactivateUser(id: $id) { user { status } } }"#;
        let data = answered(&world, &root, act, json!({ "id": id })).await;
        let states = ["suspendUser", "reactivateUser", "deactivateUser"].map(|field| data[field]["user"]["status"].clone());
        assert_eq!(states, ["SUSPENDED", "ACTIVE", "DEACTIVATED"]);
        assert_eq!([&data["a"]["user"]["isSuperAdmin"], &data["b"]["user"]["isSuperAdmin"]], [true, false]);

        // One's own name, in an organisation and outside all.
        let rename = r#"mutation($id: ID!) { updateUser(input: { id: $id, name: "New" }) { user { name } } }"#;
        let bob = world.user("bob@example.com").await;
        for (caller, id) in [(&admin, ada), (&world.unaffiliated(bob), bob), (&root, bob)] {
            let data = answered(&world, caller, rename, json!({ "id": id.to_string() })).await;
            assert_eq!(data["updateUser"]["user"]["name"], "New");
        }

        let invite = r#"mutation { inviteMember(input: { email: "x@example.com", role: MEMBER }) {
            invitation { id email status invitedBy { email } } } }"#;
        let data = answered(&world, &admin, invite, json!({})).await;
        let invitation = &data["inviteMember"]["invitation"];
        assert_eq!(invitation["invitedBy"]["email"], "ada@example.com");
        let revoke = "mutation($id: ID!) { revokeInvitation(id: $id) { deletedId } }";
        let data = answered(&world, &admin, revoke, json!({ "id": invitation["id"] })).await;
        assert_eq!(data["revokeInvitation"]["deletedId"], invitation["id"]);
        let close = r#"mutation($id: ID!) { suspendOrganization(id: $id) { organization { status } }
            reactivateOrganization(id: $id) { organization { status } } archiveOrganization(id: $id) { organization { status } } }"#;
        let data = answered(&world, &root, close, json!({ "id": org.to_string() })).await;
        assert_eq!(data["archiveOrganization"]["organization"]["status"], "ARCHIVED");
    }

    async fn a_guard_refuses_before_anything_is_read(world) {
        let (org, ada, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let member = world.member_of(org, ada, OrgRole::Member);
        for (caller, document, code) in [
            (&admin, r#"mutation { createUser(input: { email: "a", name: "" }) { user { id } } }"#, "FORBIDDEN"),
            (&member, r#"mutation { inviteMember(input: { email: "a", role: ADMIN }) { invitation { id } } }"#, "FORBIDDEN"),
            (&root, r#"mutation { confirmMember(input: { userId: "x", accept: true }) { membership { role } } }"#, "FORBIDDEN"),
            (&root, r#"mutation { suspendUser(id: "org_x") { user { id } } }"#, "VALIDATION"),
            (&root, r#"mutation { updateOrganization(input: { id: "x", config: {} }) { organization { id } } }"#, "VALIDATION"),
            (&world.nobody(), r#"mutation { suspendUser(id: "x") { user { id } } }"#, "UNAUTHENTICATED"),
        ] {
            assert_eq!(ask(&world, caller, document, json!({})).await.1, [code], "{document}");
        }
    }
}

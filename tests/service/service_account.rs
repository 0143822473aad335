//! Below GraphQL, too: a key makes no key, and neither does a member or a super-admin.

use entity::enums::{OrgRole, ServiceScope};
use palisade::service::service_account::{CreateServiceAccountInput, create, revoke, rotate};

use crate::support::empty_world::{World, on_both, refused};

fn new() -> CreateServiceAccountInput {
    CreateServiceAccountInput { name: "A worker".to_owned(), scopes: vec![ServiceScope::TasksRun], agents: None }
}

on_both! {
    async fn only_an_organisations_admin_makes_rotates_and_revokes(world) {
        let (acme, ada, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, _, stranger) = world.admin_of("globex", "bob@example.com").await;
        let chiara = world.user("chiara@example.com").await;
        world.join(acme, chiara, OrgRole::Member).await;
        let member = world.member_of(acme, chiara, OrgRole::Member);
        let (_, operator) = world.operator("ops@example.com").await;
        let key = world.service_account(acme, ada, ServiceScope::ALL, None).await;
        let id = create(admin.cx(), new()).await.unwrap().id;

        let before = world.snapshot().await;
        for who in [&member, &key] {
            refused(create(who.cx(), new()).await, "FORBIDDEN");
            // Neither sees the account of others at all.
            refused(rotate(who.cx(), id, 0).await, "NOT_FOUND");
            refused(revoke(who.cx(), id).await, "NOT_FOUND");
        }
        let own = key.viewer.service_account().unwrap().id;
        refused(rotate(key.cx(), own, 0).await, "FORBIDDEN");
        refused(revoke(key.cx(), own).await, "FORBIDDEN");
        refused(rotate(stranger.cx(), id, 0).await, "NOT_FOUND");
        refused(create(operator.cx(), new()).await, "VALIDATION");
        refused(rotate(operator.cx(), id, 0).await, "FORBIDDEN");
        refused(revoke(operator.cx(), id).await, "FORBIDDEN");
        refused(create(world.nobody().cx(), new()).await, "UNAUTHENTICATED");
        assert_eq!(world.snapshot().await, before);
        for who in [&member, &key, &stranger, &operator] {
            // A request is over sooner: it would give its connection back.
            who.store().end_read().await;
        }

        rotate(admin.cx(), id, 168).await.unwrap();
        revoke(admin.cx(), id).await.unwrap();
        assert_eq!(world.log(acme).await, ["service_account.created", "service_account.key_rotated", "service_account.revoked"]);
    }

    async fn an_issued_key_prints_without_the_key(world) {
        let (_, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let issued = create(admin.cx(), new()).await.unwrap();
        assert_eq!(format!("{issued:?}"), format!("IssuedKey({})", issued.id));
    }
}

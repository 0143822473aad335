//! A key is asked of the rows at every request: it opens while it is the account's, and its maker an active admin.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::{JsonText, Secret},
    enums::{OrgRole, ServiceScope},
    ids::{OrgId, ServiceAccountId, UserId},
    service_account,
};
use palisade::{
    auth::service_key,
    error::Result,
    viewer::{AgentAccess, ServiceViewer, Viewer},
};
use sea_orm::{ActiveValue::Set, EntityTrait};

use crate::support::auth_world::{World, on_both, unauthenticated};

/// A key for all agents, made by `maker`.
pub async fn key(world: &World, org_id: OrgId, maker: UserId) -> (ServiceAccountId, String) {
    let id = world.clock.id();
    let fresh = service_key::fresh(org_id, id);
    let row = service_account::ActiveModel {
        org_id: Set(org_id),
        id: Set(id),
        name: Set("A worker".to_owned()),
        scopes: Set(JsonText::new("[\"TASKS_RUN\",\"READ\"]".to_owned())),
        all_agents: Set(true),
        created_by: Set(maker),
        key_hash: Set(Secret::new(fresh.hash)),
        created_at: Set(world.clock.now()),
        ..Default::default()
    };
    service_account::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
    (id, fresh.text)
}

fn service(viewer: Result<Viewer>) -> ServiceViewer {
    match viewer {
        Ok(Viewer::ServiceAccount(service)) => service,
        other => panic!("{other:?}"),
    }
}

on_both! {
    async fn a_key_is_its_account_with_its_scopes_and_agents(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let (id, key) = key(&world, acme, ada).await;
        let viewer = service(world.viewer(&key).await);
        assert_eq!((viewer.id, viewer.org_id, viewer.agents), (id, acme, AgentAccess::All));
        assert_eq!(viewer.scopes, [ServiceScope::Read, ServiceScope::TasksRun].into());
        world.set("service_accounts", id, "all_agents = false").await;
        assert_eq!(service(world.viewer(&key).await).agents, AgentAccess::Named([].into()));
    }

    async fn unknown_malformed_foreign_and_revoked_keys_are_answered_alike(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let (globex, bob) = world.admin_of("globex", "bob@example.com").await;
        let (id, good) = key(&world, acme, ada).await;
        let (other, _) = key(&world, globex, bob).await;
        let secret = good.splitn(4, '_').last().unwrap();
        for bad in [
            service_key::fresh(acme, id).text,
            service_key::fresh(acme, world.clock.id()).text,
            service_key::text(globex, id, secret),
            service_key::text(globex, other, secret),
            service_key::text(world.clock.id(), id, secret),
            good[..good.len() - 1].to_owned(),
            good.replace("pal_", "palr_"),
            "pal_".to_owned(),
            "pal_x_y_z".to_owned(),
        ] {
            world.refuses(&bad).await;
        }
        assert!(world.viewer(&good).await.is_ok());
        world.set("service_accounts", id, "revoked_at = created_at").await;
        world.refuses(&good).await;
        // As a header among others it is no better than a session's token.
        let header = format!("Bearer {good}");
        unauthenticated(world.identity.authenticate([header.as_bytes(), header.as_bytes()]).await);
    }

    async fn a_key_lapses_while_its_maker_is_no_active_admin(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.member(acme, bob, OrgRole::Admin).await;
        let (_, of_ada) = key(&world, acme, ada).await;
        let (_, of_bob) = key(&world, acme, bob).await;
        for (table, by, lost, found) in [
            ("users", "id", "status = 'SUSPENDED'", "status = 'ACTIVE'"),
            ("users", "id", "status = 'DEACTIVATED'", "status = 'ACTIVE'"),
            ("org_memberships", "user_id", "role = 'MEMBER'", "role = 'ADMIN'"),
            ("org_memberships", "user_id", "status = 'LEFT'", "status = 'ACTIVE'"),
            ("org_memberships", "user_id", "status = 'PENDING'", "status = 'ACTIVE'"),
        ] {
            world.set_where(table, by, ada, lost).await;
            world.refuses(&of_ada).await;
            assert!(world.viewer(&of_bob).await.is_ok(), "{lost}");
            world.set_where(table, by, ada, found).await;
            assert!(world.viewer(&of_ada).await.is_ok(), "{lost}");
        }
        for lost in ["SUSPENDED", "ARCHIVED"] {
            world.set("organizations", acme, &format!("status = '{lost}'")).await;
            world.refuses(&of_ada).await;
            world.refuses(&of_bob).await;
        }
    }

    async fn the_key_before_a_rotation_works_until_its_time_is_over(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let (id, old) = key(&world, acme, ada).await;
        let (new, until) = (service_key::fresh(acme, id), world.clock.now() + TimeDelta::minutes(2));
        let mut row: service_account::ActiveModel = service_account::Entity::find_by_id((acme, id)).one(&world.root).await.unwrap().unwrap().into();
        row.previous_key_hash = Set(Some(row.key_hash.take().unwrap()));
        row.key_hash = Set(Secret::new(new.hash.clone()));
        row.previous_key_expires_at = Set(Some(until));
        service_account::Entity::update(row).exec(&world.root).await.unwrap();
        assert!(world.viewer(&old).await.is_ok() && world.viewer(&new.text).await.is_ok());
        world.pass(TimeDelta::minutes(3));
        world.refuses(&old).await;
        assert!(world.viewer(&new.text).await.is_ok());
    }

    async fn use_is_noted_at_most_once_a_minute_and_nobody_waits_for_it(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let (id, key) = key(&world, acme, ada).await;
        let noted = async || {
            let row = service_account::Entity::find_by_id((acme, id)).one(&world.root).await.unwrap().unwrap();
            row.last_used_at
        };
        let eventually = async |than: Option<DateTime<Utc>>| {
            for _ in 0..200 {
                let last = noted().await;
                if last != than {
                    return last;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            panic!("the use was not noted");
        };
        world.viewer(&key).await.unwrap();
        let first = eventually(None).await;
        for _ in 0..5 {
            world.viewer(&key).await.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(noted().await, first, "noted again within the minute");
        world.pass(TimeDelta::minutes(2));
        world.viewer(&key).await.unwrap();
        assert!(eventually(first).await > first);
    }
}

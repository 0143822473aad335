//! Super-admins make, rename and close organisations; only an organisation's own admins touch its settings.

use entity::enums::OrgRole;
use palisade::{
    service::{
        auth::sessions::SessionTokens,
        invitation::{self, NewInvitation},
        organization::{self, NewOrganization, OrganizationChange},
    },
    viewer::Viewer,
};

use crate::support::empty_world::{URL, World, code, on_both, refused};

fn acme() -> NewOrganization {
    NewOrganization { name: " Acme ".into(), slug: "acme".into(), first_admin_email: None }
}

fn with_admin(email: &str) -> NewOrganization {
    NewOrganization { first_admin_email: Some(email.into()), ..acme() }
}

async fn accept(world: &World, token: String) -> SessionTokens {
    let input = palisade::service::auth::invitations::AcceptInvitation {
        token,
        name: Some("Ada".into()),
        password: Some("correct horse battery".into()),
    };
    world.identity().accept_invitation(&Viewer::Anonymous, input).await.unwrap()
}

on_both! {
    async fn a_new_organisation_is_told_in_both_logs(world) {
        let (_, root) = world.operator("root@example.com").await;
        let made = organization::create(root.cx(), URL, acme()).await.unwrap();
        let row = "SELECT name || '|' || name_folded || '|' || slug || '|' || status FROM organizations WHERE id = $1";
        assert_eq!(world.text(row, [made.id.into()]).await, "Acme|acme|acme|ACTIVE");
        assert_eq!(world.log(made.id).await, ["organization.created"]);
        assert_eq!(world.platform_log().await, ["organization.created"]);
        assert_eq!(world.mailed().await, [""; 0]);
    }

    async fn the_first_admin_of_a_new_organisation_needs_nobodys_confirmation(world) {
        let (_, root) = world.operator("root@example.com").await;
        let made = organization::create(root.cx(), URL, with_admin(" Ada@Example.com")).await.unwrap();
        assert!(made.invitation_id.is_some());
        assert_eq!(world.mailed().await, ["ada@example.com"]);
        let tokens = accept(&world, world.mailed_token("pali_").await).await;
        let tenant = tokens.viewer.tenant().unwrap().clone();
        assert_eq!((tenant.org_id, tenant.org_role), (made.id, OrgRole::Admin));
        assert_eq!(world.log(made.id).await[0], "organization.created");
    }

    async fn a_second_invitation_of_a_first_admin_needs_no_confirmation_either_while_nobody_ever_was_there(world) {
        let (_, root) = world.operator("root@example.com").await;
        let made = organization::create(root.cx(), URL, acme()).await.unwrap();
        let offer = NewInvitation {
            organization_id: Some(made.id),
            email: "ada@example.com".into(),
            role: OrgRole::Admin,
        };
        invitation::create(root.cx(), URL, offer.clone()).await.unwrap();
        let first = world.mailed_token("pali_").await;
        invitation::create(root.cx(), URL, NewInvitation { email: "bob@example.com".into(), ..offer }).await.unwrap();
        let second = world.mailed_token("pali_").await;
        assert!(accept(&world, first).await.viewer.tenant().is_some());
        // Now somebody is there to confirm.
        assert!(accept(&world, second).await.viewer.tenant().is_none());
    }

    async fn only_super_admins_create_organisations(world) {
        let (org, ada, admin) = world.admin_of("globex", "ada@example.com").await;
        let before = world.snapshot().await;
        refused(organization::create(admin.cx(), URL, acme()).await, "FORBIDDEN");
        refused(organization::create(world.member_of(org, ada, OrgRole::Member).cx(), URL, acme()).await, "FORBIDDEN");
        refused(organization::create(world.nobody().cx(), URL, acme()).await, "UNAUTHENTICATED");
        refused(organization::create(world.unaffiliated(ada).cx(), URL, acme()).await, "NOT_FOUND");
        assert_eq!(world.snapshot().await, before);
    }

    async fn a_taken_handle_is_a_conflict_and_leaves_no_mail_behind(world) {
        world.org("acme").await;
        let (_, root) = world.operator("root@example.com").await;
        let before = world.snapshot().await;
        refused(organization::create(root.cx(), URL, with_admin("ada@example.com")).await, "CONFLICT");
        for bad in [
            NewOrganization { name: "a\u{202e}b".into(), slug: "b".into(), first_admin_email: None },
            NewOrganization { name: "b".into(), slug: "B".into(), first_admin_email: None },
            NewOrganization { name: "b".into(), slug: "b".into(), first_admin_email: Some("b".into()) },
        ] {
            refused(organization::create(root.cx(), URL, bad).await, "VALIDATION");
        }
        assert_eq!(world.snapshot().await, before);
    }

    async fn a_super_admin_renames_and_an_admin_configures_and_neither_does_the_others(world) {
        let (org, ada, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let name = OrganizationChange { id: Some(org), name: Some("Ácme".into()), ..Default::default() };
        let config = OrganizationChange { config: Some(Some(r#"{"a": 1}"#.into())), ..Default::default() };
        let config_of = OrganizationChange { id: Some(org), ..config.clone() };
        let both = OrganizationChange { name: name.name.clone(), ..config_of.clone() };

        let before = world.snapshot().await;
        refused(organization::update(admin.cx(), name.clone()).await, "FORBIDDEN");
        refused(organization::update(admin.cx(), both.clone()).await, "FORBIDDEN");
        refused(organization::update(root.cx(), config_of.clone()).await, "FORBIDDEN");
        refused(organization::update(root.cx(), both).await, "FORBIDDEN");
        refused(organization::update(world.member_of(org, ada, OrgRole::Member).cx(), config.clone()).await, "FORBIDDEN");
        let bad = OrganizationChange { config: Some(Some("[]".into())), ..Default::default() };
        refused(organization::update(admin.cx(), bad).await, "VALIDATION");
        refused(organization::update(admin.cx(), OrganizationChange::default()).await, "VALIDATION");
        refused(organization::update(root.cx(), OrganizationChange::default()).await, "VALIDATION");
        assert_eq!(world.snapshot().await, before);

        organization::update(root.cx(), name).await.unwrap();
        organization::update(admin.cx(), config).await.unwrap();
        let row = "SELECT name || '|' || name_folded || '|' || slug || '|' || config FROM organizations WHERE id = $1";
        assert_eq!(world.text(row, [org.into()]).await, r#"Ácme|ácme|acme|{"a": 1}"#);
        let cleared = OrganizationChange { config: Some(None), ..Default::default() };
        organization::update(admin.cx(), cleared).await.unwrap();
        assert_eq!(
            world.log(org).await,
            ["organization.renamed", "organization.configured", "organization.configured"]
        );
        // What an organisation does to itself is not the platform's business.
        assert_eq!(world.platform_log().await, ["organization.renamed"]);
        // The log holds no settings.
        let told = world.texts("SELECT coalesce(payload, '') FROM events", []).await.concat();
        assert!(!told.contains("\"a\""), "{told}");
    }

    async fn another_organisation_and_none_are_the_same_to_a_member(world) {
        let (_, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (other, _, _) = world.admin_of("globex", "bob@example.com").await;
        let before = world.snapshot().await;
        for id in [other, world.clock.id()] {
            let config =
                OrganizationChange { id: Some(id), config: Some(Some("{}".into())), ..Default::default() };
            refused(organization::update(admin.cx(), config).await, "NOT_FOUND");
            refused(organization::suspend(admin.cx(), id).await, "NOT_FOUND");
        }
        assert_eq!(world.snapshot().await, before);
        let (_, root) = world.operator("root@example.com").await;
        let name = OrganizationChange { id: Some(world.clock.id()), name: Some("x".into()), ..Default::default() };
        refused(organization::update(root.cx(), name).await, "NOT_FOUND");
        refused(organization::archive(root.cx(), world.clock.id()).await, "NOT_FOUND");
    }

    async fn states_change_only_along_the_arrows_and_archived_is_final(world) {
        let (_, root) = world.operator("root@example.com").await;
        for (from, suspend, reactivate, archive) in [
            ("ACTIVE", "OK", "CONFLICT", "OK"),
            ("SUSPENDED", "CONFLICT", "OK", "OK"),
            ("ARCHIVED", "CONFLICT", "CONFLICT", "CONFLICT"),
        ] {
            for (act, expected, to) in
                [("suspend", suspend, "SUSPENDED"), ("reactivate", reactivate, "ACTIVE"), ("archive", archive, "ARCHIVED")]
            {
                let org = world.org(&format!("{act}-{}", from.to_lowercase())).await;
                world.set("organizations", org, &format!("status = '{from}'")).await;
                let done = match act {
                    "suspend" => organization::suspend(root.cx(), org).await,
                    "reactivate" => organization::reactivate(root.cx(), org).await,
                    _ => organization::archive(root.cx(), org).await,
                };
                assert_eq!(code(&done), expected, "{act} {from}");
                let status = world.text("SELECT status FROM organizations WHERE id = $1", [org.into()]).await;
                assert_eq!(status, if expected == "OK" { to } else { from });
                assert_eq!(world.log(org).await.len(), usize::from(expected == "OK"));
            }
        }
    }

    async fn an_organisations_own_admin_changes_nothing_of_its_state(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        refused(organization::suspend(admin.cx(), org).await, "FORBIDDEN");
        refused(organization::reactivate(admin.cx(), org).await, "FORBIDDEN");
        refused(organization::archive(admin.cx(), org).await, "FORBIDDEN");
    }

    async fn an_archived_organisation_stays_as_it_is(world) {
        let (org, ada, _) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        world.set("organizations", org, "status = 'ARCHIVED'").await;
        let before = world.snapshot().await;
        let name = OrganizationChange { id: Some(org), name: Some("x".into()), ..Default::default() };
        refused(organization::update(root.cx(), name).await, "CONFLICT");
        let offer =
            NewInvitation { organization_id: Some(org), email: "b@example.com".into(), role: OrgRole::Member };
        refused(invitation::create(root.cx(), URL, offer).await, "CONFLICT");
        let go = palisade::service::member::Removal { organization_id: Some(org), user_id: ada };
        refused(palisade::service::member::remove(root.cx(), go).await, "CONFLICT");
        assert_eq!(world.snapshot().await, before);
    }
}

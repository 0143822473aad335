//! `palisade audit verify` finds an altered, missing or reordered row.

use entity::ids::{OrgId, TypedId as _};
use palisade::store::audit::chain::{self, Fault, Verdict};
use sea_orm::ConnectionTrait as _;

use crate::support::world::{World, on_both};

/// The organisation with the longest log, and where its log ends.
fn longest(world: &World) -> (OrgId, i64) {
    let heads = &world.plan.event_heads;
    let head = heads.iter().max_by_key(|head| head.sequence).unwrap();
    (head.org_id, head.sequence)
}

async fn verify(world: &World) -> Verdict {
    chain::verify(&world.database, longest(world).0).await.unwrap()
}

impl World {
    /// Runs SQL with `ORG` for the organisation, past every wall.
    async fn tamper(&self, sql: &str) {
        let uuid = longest(self).0.uuid();
        let id = if self.kind == "sqlite" { format!("x'{}'", uuid.simple()) } else { format!("'{uuid}'::uuid") };
        let done = self.root.execute_unprepared(&sql.replace("ORG", &id)).await.unwrap();
        assert!(done.rows_affected() > 0, "{sql}");
    }
}

on_both! {
    async fn every_log_of_the_demo_holds_and_so_do_those_that_are_written_to(world) {
        let admin = world.acme_admin().await;
        admin.query("mutation { createTeam(input: { name: \"New\", slug: \"new\" }) { team { id } } }").await;
        let organizations = chain::organizations(&world.database).await.unwrap();
        assert_eq!(organizations.len(), world.plan.organizations.len());
        for organization in organizations {
            let verdict = chain::verify(&world.database, organization).await.unwrap();
            assert!(verdict.events > 0 && verdict.faults.is_empty(), "{verdict:?}");
        }
    }

    async fn an_altered_event_is_found_whichever_of_its_columns_it_is(world) {
        for (column, value) in [
            ("type", "'goal.completed'"),
            ("subject_id", "'goal_01h2xcejqtf2nbrexx3vqjhp41'"),
            ("payload", "'{}'"),
            ("payload_salt", "'00'"),
            ("actor_user_id", "NULL"),
            ("created_at", "'2020-01-01T00:00:00+00:00'"),
            ("hash", "'0000'"),
        ] {
            let world = world.fresh().await;
            world.tamper(&format!("UPDATE events SET {column} = {value} WHERE org_id = ORG AND sequence = 7")).await;
            let faults = verify(&world).await.faults;
            assert!(faults.contains(&Fault::Altered(7)), "{column}: {faults:?}");
        }
    }

    async fn missing_and_reordered_events_are_found(world) {
        let (_, last) = longest(&world);
        world.tamper("DELETE FROM events WHERE org_id = ORG AND sequence IN (5, 6, 9)").await;
        assert_eq!(verify(&world).await.faults, [Fault::Missing(5, 6), Fault::Missing(9, 9)]);

        let world = world.fresh().await;
        for (from, to) in [(3, -1), (4, 3), (-1, 4)] {
            world.tamper(&format!("UPDATE events SET sequence = {to} WHERE org_id = ORG AND sequence = {from}")).await;
        }
        let faults = verify(&world).await.faults;
        assert!(faults.starts_with(&[Fault::Altered(3), Fault::Altered(4)]), "{faults:?}");

        // The tail: only the head knows that there was more.
        let world = world.fresh().await;
        world.tamper(&format!("DELETE FROM events WHERE org_id = ORG AND sequence = {last}")).await;
        assert_eq!(verify(&world).await.faults, [Fault::Head]);
    }
}

//! Arguments of subscriptions, places in lists, and ids among others.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::{
    everywhere::ask,
    objects::{Cast, absent},
    slots::{self, Slot},
};
use crate::support::{server::Node, shape::Shape, subscription_client::Http, world::on_both};

/// How long a stream is looked at that says nothing.
const QUIET: Duration = Duration::from_millis(300);

/// What a stream begins with: its status, headers and first event, if any comes.
async fn begins(mut stream: Http, id: &str) -> String {
    let head = format!("{} {:?}", stream.status, stream.headers).replace(id, "ID");
    // A date is each answer's own.
    let head = head.split("(\"date\"").next().unwrap().to_owned();
    match timeout(QUIET, stream.event()).await {
        Ok(event) => format!("{head} {}", format!("{event:?}").replace(id, "ID")),
        Err(_) => format!("{head} quiet"),
    }
}

on_both! {
    async fn every_id_that_a_subscription_takes_is_answered_alike_whether_foreign_hidden_or_absent(world) {
        let shape = Shape::new();
        let slots: Vec<Slot> = slots::all(&shape).into_iter().filter(|slot| slot.object == "Subscription").collect();
        assert!(slots.len() >= 7, "{slots:?}");
        let node = Node::start(&world).await;
        let theirs = Cast::new(&world, "acme", "PUBLIC", false).await.objects().await;
        let own = Cast::new(&world, "globex", "PUBLIC", false).await.objects().await;
        let hidden = Cast::new(&world, "acme", "TEAM", false).await.objects().await;
        let mut told = Vec::new();
        for (role, own, theirs) in [("Globex admin", &own, &theirs), ("Acme outsider", &theirs, &hidden)] {
            let caller = node.login(role).await;
            for slot in &slots {
                if role == "Acme outsider" && slot.kind == "org" {
                    continue;
                }
                let id = &theirs.ids[slot.kind];
                let never = absent(id);
                let mut seen = Vec::new();
                for id in [id, &never] {
                    let body = slots::body(&shape, own, slot, id);
                    let stream = caller.follow(body["query"].as_str().unwrap(), body["variables"].clone()).await;
                    seen.push(begins(stream, id).await);
                }
                assert_eq!(seen[0], seen[1], "{role}: {}", slot.name());
                told.push(format!("{role} {} {}", slot.name(), seen[0]));
            }
        }
        assert!(told.iter().filter(|told| told.contains("NOT_FOUND")).count() >= 8, "{told:#?}");
    }

    async fn mine_foreign_and_missing_together_are_answered_as_mine_and_missing(world) {
        let theirs = Cast::new(&world, "acme", "PUBLIC", false).await.objects().await;
        let cast = Cast::new(&world, "globex", "PUBLIC", false).await;
        let own = cast.objects().await;
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Goal { goalText } ... on Agent { name systemPrompt } } }";
        for kind in theirs.ids.keys() {
            // Neither is a node.
            if ["inv", "uid"].contains(kind) {
                continue;
            }
            let (foreign, missing, mine) = (&theirs.ids[kind], absent(&theirs.ids[kind]), &own.ids[kind]);
            let mut seen = Vec::new();
            for id in [foreign, &missing] {
                // In every place, and twice, so that neither the order nor a batch tells.
                let body = json!({ "query": query, "variables": { "ids": [mine, id, missing, id, mine] } });
                seen.push(ask(&cast.admin, &body, id).await);
            }
            let (one, other) = (seen[0].body.replace(&missing, "ID"), &seen[1].body);
            assert_eq!(&one, other, "{kind}");
            assert_eq!(seen[0].statements, seen[1].statements, "{kind}");
            if *kind != "org" && *kind != "evt" {
                assert!(one.contains(mine.as_str()), "{kind}: one's own is not there: {one}");
            }
        }
    }

    async fn a_place_in_somebody_elses_list_is_answered_as_one_that_was_never_given(world) {
        let (globex, acme) = (world.globex_admin().await, world.acme_admin().await);
        let lists = ["agents", "goals", "tasks", "teams", "users", "workers", "organizations", "approvalRequests", "chatSessions", "auditEvents"];
        for list in lists {
            let page = acme.query(&format!("{{ {list}(first: 1) {{ pageInfo {{ endCursor }} }} }}")).await;
            let cursor = page.data()[list]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
            // The same length, of the same letters, and sealed by nobody.
            let garbage: String = cursor.chars().rev().collect();
            for side in ["first: 2, after", "last: 2, before"] {
                let mut seen = Vec::new();
                for cursor in [&cursor, &garbage] {
                    let body = json!({
                        "query": format!("query($c: String) {{ {list}({side}: $c) {{ totalCount nodes {{ id }} }} }}"),
                        "variables": { "c": cursor },
                    });
                    seen.push(ask(&globex, &body, cursor).await);
                }
                assert_eq!(seen[0].verdict(), "VALIDATION", "{list}");
                assert_eq!(seen[0], seen[1], "{list}");
            }
        }
    }
}

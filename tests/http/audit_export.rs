//! `GET /audit/export`: the whole log, with what the caller may not read withheld.

use serde_json::Value;

use crate::support::world::on_both;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

on_both! {
    async fn an_admin_takes_the_whole_log_out_in_its_order_and_that_stands_in_it(world) {
        let admin = world.acme_admin().await;
        let org = world.acme();
        let head = world.plan.event_heads.iter().find(|head| head.org_id == org).unwrap().sequence;
        let reply = admin.get("/audit/export").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let lines = lines(&reply.text);
        // More than one piece, else the seam between two is not tried.
        assert!(head > palisade::service::audit_export::PIECE as i64, "{head}");
        let sequences: Vec<i64> = lines.iter().map(|line| line["sequence"].as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(sequences, (1..=head + 1).collect::<Vec<_>>());
        let last = lines.last().unwrap();
        assert_eq!((last["type"].as_str(), last["subjectId"].as_str()), (Some("audit.exported"), Some(&*org.to_string())));
        assert!(lines.iter().any(|line| line["payload"].is_object()));
        assert!(lines.iter().all(|line| line["organizationId"] == *org.to_string() && line.get("redacted").is_none()));
    }

    async fn an_operator_gets_the_same_lines_without_any_payload(world) {
        let operator = world.operator().await;
        assert_eq!(operator.get("/audit/export").await.code(), Some("VALIDATION"));
        let reply = operator.get(&format!("/audit/export?organizationId={}", world.acme())).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let lines = lines(&reply.text);
        assert!(lines.len() > 500, "{}", reply.text);
        assert!(lines.iter().all(|line| line["payload"].is_null() && line["redacted"][0] == "payload"), "{}", lines[0]);
        let log = world.acme_admin().await.query("{ auditEvents(filter: { types: [\"audit.exported\"] }) { nodes { actorName } } }").await;
        assert_eq!(log.data()["auditEvents"]["nodes"][0]["actorName"], "Petra Novak", "{}", log.text);
    }

    async fn nobody_else_gets_a_line(world) {
        let acme = world.acme();
        for role in ["Acme team admin", "Acme member", "Acme agent admin"] {
            assert_eq!(world.login(Some(role)).await.get("/audit/export").await.code(), Some("FORBIDDEN"), "{role}");
        }
        let foreign = world.globex_admin().await.get(&format!("/audit/export?organizationId={acme}")).await;
        let absent = world.globex_admin().await.get("/audit/export?organizationId=org_01h2xcejqtf2nbrexx3vqjhp41").await;
        assert_eq!((foreign.code(), foreign.status), (Some("NOT_FOUND"), absent.status));
        assert_eq!(foreign.text, absent.text);
        assert_eq!(world.anonymous().get("/audit/export").await.status, 401);
    }

    async fn filters_narrow_it_and_bad_ones_are_refused(world) {
        let admin = world.acme_admin().await;
        let reply = admin.get("/audit/export?types=goal.submitted,team.created&from=2000-01-01T00:00:00Z").await;
        let kinds: std::collections::BTreeSet<_> =
            lines(&reply.text).iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["goal.submitted", "team.created"]);
        assert_eq!(admin.get("/audit/export?to=2000-01-01T00:00:00Z").await.text, "");
        for (query, field) in [
            ("organizationId=goal_x", "organizationId"),
            ("actorId=org_x", "actorId"),
            ("from=hunter2", "query"),
            ("hunter2=1", "query"),
            ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ] {
            let reply = admin.get(&format!("/audit/export?{query}")).await;
            assert_eq!(reply.code(), Some("VALIDATION"), "{query}: {}", reply.text);
            assert_eq!(reply.body["errors"][0]["extensions"]["field"], field, "{}", reply.text);
            assert!(!reply.text.contains("hunter2"));
        }
    }
}

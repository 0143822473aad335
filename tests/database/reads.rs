//! Whatever a statement looks like, inside one organisation it finds that organisation's rows, and outside none.

use entity::table::{Class, Table};
use futures_util::TryStreamExt as _;
use sqlx::Row as _;
use uuid::Uuid;

use super::{INSIDE, Session, TENANT, Walls, tenant_tables};

/// Statements with one value each, and the value that shows no row of another organisation.
fn shapes(table: &Table, own: Uuid, other: Uuid, rows: &str) -> Vec<(&'static str, String, String)> {
    let t = table.name;
    let (rows, nothing, own_text) = (rows.to_owned(), "0".to_owned(), own.to_string());
    vec![
        ("count", format!("SELECT count(*)::text FROM {t}"), rows.clone()),
        ("distinct", format!("SELECT string_agg(DISTINCT org_id::text, ',') FROM {t}"), own_text.clone()),
        ("minimum and maximum", format!("SELECT min(org_id::text) || max(org_id::text) FROM {t}"), own_text.repeat(2)),
        ("named", format!("SELECT count(*)::text FROM {t} WHERE org_id = '{other}'"), nothing.clone()),
        (
            "not mine",
            format!("SELECT count(*)::text FROM {t} WHERE org_id <> '{own}' OR org_id IS NULL"),
            nothing.clone(),
        ),
        ("always true", format!("SELECT count(*)::text FROM {t} WHERE org_id = '{own}' OR 1 = 1"), rows.clone()),
        ("EXISTS", format!("SELECT EXISTS (SELECT FROM {t} WHERE org_id = '{other}')::text"), "false".to_owned()),
        ("IN", format!("SELECT count(*)::text FROM {t} WHERE '{other}' IN (SELECT org_id FROM {t})"), nothing.clone()),
        ("subquery", format!("SELECT (SELECT count(*) FROM {t} i WHERE i.org_id <> '{own}')::text"), nothing.clone()),
        ("self join", format!("SELECT count(*)::text FROM {t} a JOIN {t} b ON a.org_id <> b.org_id"), nothing.clone()),
        (
            "join",
            format!("SELECT count(*)::text FROM {t} x JOIN organizations o ON o.id = x.org_id WHERE o.id <> '{own}'"),
            nothing.clone(),
        ),
        (
            "outer join",
            format!(
                "SELECT count(x.org_id)::text FROM (VALUES ('{other}'::uuid)) v (id) LEFT JOIN {t} x ON x.org_id = v.id"
            ),
            nothing.clone(),
        ),
        (
            "lateral",
            format!(
                "SELECT sum(n)::text FROM (VALUES ('{own}'::uuid), ('{other}')) v (id),
                 LATERAL (SELECT count(*) AS n FROM {t} WHERE org_id = v.id) l"
            ),
            rows.clone(),
        ),
        ("WITH", format!("WITH w AS MATERIALIZED (SELECT org_id FROM {t}) SELECT count(*)::text FROM w"), rows.clone()),
        (
            "UNION",
            format!("SELECT count(*)::text FROM (SELECT org_id FROM {t} UNION SELECT org_id FROM {t}) u"),
            "1".to_owned(),
        ),
        ("GROUP BY", format!("SELECT count(*)::text FROM (SELECT org_id FROM {t} GROUP BY 1) g"), "1".to_owned()),
        ("window", format!("SELECT (count(*) OVER ())::text FROM {t} LIMIT 1"), rows.clone()),
        ("sample", format!("SELECT count(*)::text FROM {t} TABLESAMPLE SYSTEM (100)"), rows.clone()),
        ("ONLY", format!("SELECT count(*)::text FROM ONLY {t}"), rows.clone()),
        ("values of all", format!("SELECT count(*)::text FROM (SELECT org_id, {} FROM {t}) s", readable(table)), rows),
        // A cheap function that is asked about every row it is given: the policy is asked first.
        (
            "a condition that would tell",
            format!(
                "SELECT count(*)::text FROM {t} WHERE CASE WHEN org_id <> '{own}' THEN 1 / (length(org_id::text) - 36) = 0 ELSE false END"
            ),
            nothing,
        ),
    ]
}

fn readable(table: &Table) -> String {
    let columns = table.columns.iter().filter(|(name, class)| *class != Class::Secret && *name != "org_id");
    columns.map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn every_kind_of_read_finds_the_rows_of_its_own_organisation_only() {
    let walls = Walls::new().await;
    let (mut asked, mut wrong) = (0, Vec::new());
    for role in INSIDE {
        let mut session = walls.session(role).await;
        for table in tenant_tables() {
            for (own, other) in [(walls.acme, walls.globex), (walls.globex, walls.acme)] {
                let count = |org| format!("SELECT count(*)::text FROM {} WHERE org_id = '{org}'", table.name);
                let (rows, others) = (walls.one(&count(own)).await, walls.one(&count(other)).await);
                assert!(rows != "0" && others != "0", "{}: the world has no rows of both organisations", table.name);
                let inside = own.to_string();
                for (shape, sql, wanted) in shapes(&table, own, other, &rows) {
                    let got = session.value(Some(&inside), &sql).await;
                    asked += 1;
                    if got != Ok(Some(wanted.clone())) {
                        wrong.push(format!("{role} {} {shape}: {got:?} instead of {wanted}", table.name));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{asked} statements");
}

#[tokio::test]
async fn every_column_shows_the_values_of_its_own_organisation_only() {
    let walls = Walls::new().await;
    let acme = walls.acme.to_string();
    for role in INSIDE {
        let mut session = walls.session(role).await;
        for table in tenant_tables() {
            for (column, class) in &table.columns {
                let values = |condition: &str| {
                    let t = table.name;
                    format!(
                        "SELECT count(*) || ' ' || coalesce(md5(string_agg(\"{column}\"::text, ',' ORDER BY \"{column}\"::text)), '')
                         FROM {t} {condition}"
                    )
                };
                if *class == Class::Secret {
                    assert!(session.refusal(Some(&acme), &values("")).await.by_grants(), "{}.{column}", table.name);
                    continue;
                }
                let own = walls.one(&values(&format!("WHERE org_id = '{acme}'"))).await;
                let got = session.value(Some(&acme), &values("")).await;
                assert_eq!(got, Ok(Some(own)), "{role} {}.{column}", table.name);
            }
        }
    }
}

#[tokio::test]
async fn outside_every_organisation_and_in_one_that_is_none_there_are_no_rows() {
    let walls = Walls::new().await;
    let absent = Uuid::from_u128(1).to_string();
    for role in INSIDE {
        let mut session = walls.session(role).await;
        for table in tenant_tables() {
            let t = table.name;
            for org in [None, Some(absent.as_str()), Some("")] {
                for sql in [
                    format!("SELECT count(*)::text FROM {t}"),
                    format!("SELECT count(*)::text FROM (SELECT org_id FROM {t} LIMIT 1) s"),
                    format!("SELECT count(*)::text FROM {t} WHERE org_id IN ('{}', '{}')", walls.acme, walls.globex),
                ] {
                    assert_eq!(session.value(org, &sql).await, Ok(Some("0".to_owned())), "{role} {org:?}: {sql}");
                }
            }
            // What is no id opens nothing: it is an error, and not everybody's rows.
            let said =
                session.refusal(Some("acme' OR '1'='1".replace('\'', "''").as_str()), &format!("TABLE {t}")).await;
            assert!(said.code == "22P02" || said.by_grants(), "{role} {t}: {said:?}");
        }
    }
    // The organisations themselves: a member sees its own.
    let mut tenant = walls.session(TENANT).await;
    let acme = walls.acme.to_string();
    let ids = "SELECT string_agg(id::text, ',') FROM organizations";
    assert_eq!(tenant.value(Some(&acme), ids).await, Ok(Some(acme.clone())));
    assert_eq!(tenant.value(None, ids).await, Ok(None));
}

/// Whole rows: where all columns are theirs to read they are their organisation's, else they are refused.
#[tokio::test]
async fn a_whole_row_in_any_dress_is_its_own_organisations_or_refused() {
    let walls = Walls::new().await;
    let acme = walls.acme.to_string();
    for role in INSIDE {
        let mut session = walls.session(role).await;
        for table in tenant_tables() {
            let t = table.name;
            // A column that the entity does not have is nobody's, and then neither is the whole row.
            let live = format!(
                "SELECT attname::text FROM pg_attribute WHERE attrelid = '{t}'::regclass AND attnum > 0 AND NOT attisdropped"
            );
            let whole = walls.seen(&live).await.len()
                == table.columns.iter().filter(|(_, class)| *class != Class::Secret).count();
            for sql in [
                format!("SELECT * FROM {t}"),
                format!("TABLE {t}"),
                format!("SELECT {t}::text FROM {t}"),
                format!("SELECT row_to_json({t})::text FROM {t}"),
                format!("SELECT to_jsonb(x.*)::text FROM {t} x"),
                format!("SELECT x::text FROM {t} x"),
                format!("SELECT count(x) FROM {t} x GROUP BY x.org_id"),
                format!("SELECT (x).org_id::text FROM {t} x WHERE (x IS NULL) IS NOT NULL GROUP BY 1"),
                format!("SELECT query_to_xml('TABLE {t}', true, false, '')::text"),
                format!("SELECT table_to_xml('{t}', true, false, '')::text"),
            ] {
                match session.ask(Some(&acme), &sql).await {
                    Ok(rows) => {
                        assert!(whole, "{role} read a column that is not its own: {sql}");
                        let text = |row: &sqlx::postgres::PgRow| {
                            let id = row.try_get::<Uuid, _>(0).map(|id| id.to_string());
                            id.or_else(|_| row.try_get::<String, _>(0)).unwrap_or_default()
                        };
                        let text: String = rows.iter().map(text).collect();
                        assert!(!text.contains(&walls.globex.to_string()), "{role}: {sql}");
                        assert!(text.contains(&acme) || sql.contains("count("), "{role}: {sql}");
                        let all = sql.starts_with("SELECT *") || sql.starts_with("TABLE");
                        let own = walls.one(&format!("SELECT count(*)::text FROM {t} WHERE org_id = '{acme}'")).await;
                        assert!(!all || rows.len().to_string() == own, "{role}: {sql}");
                    }
                    Err(said) => assert!(!whole && said.by_grants(), "{role}: {sql}: {said:?}"),
                }
            }
        }
    }
}

async fn copied(session: &mut Session, org: &str, sql: &str) -> String {
    session.begin(Some(org)).await;
    let stream = session.0.copy_out_raw(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let pieces: Vec<_> = stream.try_collect().await.unwrap();
    session.raw("ROLLBACK").await.unwrap();
    String::from_utf8(pieces.concat()).unwrap()
}

#[tokio::test]
async fn copies_cursors_prepared_statements_and_locks_are_no_way_round() {
    let walls = Walls::new().await;
    let (acme, globex) = (walls.acme.to_string(), walls.globex.to_string());
    for role in INSIDE {
        let mut session = walls.session(role).await;
        for table in tenant_tables() {
            let t = table.name;
            let count = |org: &str| format!("SELECT count(*)::text FROM {t} WHERE org_id = '{org}'");
            let (rows, others) = (walls.one(&count(&acme)).await, walls.one(&count(&globex)).await);
            let only = |text: &str, what: &str| {
                assert!(!text.contains(&globex), "{role} {t} {what}");
                assert_eq!(text.matches(&acme).count().to_string(), rows, "{role} {t} {what}");
            };
            only(&copied(&mut session, &acme, &format!("COPY {t} (org_id) TO STDOUT")).await, "COPY table");
            only(&copied(&mut session, &acme, &format!("COPY (SELECT org_id FROM {t}) TO STDOUT")).await, "COPY query");
            let joined = |found: Vec<sqlx::postgres::PgRow>| -> String {
                found.iter().map(|row| row.try_get::<Uuid, _>(0).unwrap().to_string()).collect()
            };
            session.begin(Some(&acme)).await;
            session.raw(&format!("DECLARE c SCROLL CURSOR FOR SELECT org_id FROM {t}")).await.unwrap();
            only(&joined(session.raw("FETCH ALL FROM c").await.unwrap()), "cursor");
            // A cursor keeps the organisation it was opened in, and a later one is another's.
            session.raw(&format!("SET LOCAL palisade.org_id = '{globex}'")).await.unwrap();
            let back = session.raw("FETCH BACKWARD ALL FROM c").await.unwrap();
            session.raw("ROLLBACK").await.unwrap();
            assert!(back.len().to_string() == rows || back.len().to_string() == others, "{role} {t}: both at once");

            // One plan, prepared in one organisation and used in the next.
            session.raw(&format!("PREPARE p AS SELECT org_id FROM {t}")).await.unwrap();
            for _ in 0..7 {
                only(&joined(session.ask(Some(&acme), "EXECUTE p").await.unwrap()), "prepared");
            }
            let next = joined(session.ask(Some(&globex), "EXECUTE p").await.unwrap());
            assert!(!next.contains(&acme) && next.contains(&globex), "{role} {t}: a plan remembers an organisation");
            assert!(session.ask(None, "EXECUTE p").await.unwrap().is_empty(), "{role} {t}");
            session.raw("DEALLOCATE p").await.unwrap();

            match session.ask(Some(&acme), &format!("SELECT org_id FROM {t} FOR UPDATE")).await {
                Ok(found) => only(&joined(found), "FOR UPDATE"),
                Err(said) => assert!(super::classes::LOG.contains(&t) && said.by_grants(), "{role} {t}: {said:?}"),
            }
        }
    }
}

/// EXPLAIN shows a plan that holds the policy, and runs no more than the statement would. What it does tell of others is a
/// number: how many rows the policy turned away.
#[tokio::test]
async fn an_explained_statement_returns_its_own_organisations_rows() {
    let walls = Walls::new().await;
    let acme = walls.acme.to_string();
    for role in INSIDE {
        let mut session = walls.session(role).await;
        for table in tenant_tables() {
            let t = table.name;
            let sql = format!(
                "SET LOCAL max_parallel_workers_per_gather = 0;
                 EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, FORMAT JSON) SELECT org_id FROM {t}"
            );
            let rows = session.ask(Some(&acme), &sql).await.unwrap();
            let plan: serde_json::Value = rows[0].try_get(0).unwrap();
            let own = walls.one(&format!("SELECT count(*)::text FROM {t} WHERE org_id = '{acme}'")).await;
            assert_eq!(plan[0]["Plan"]["Actual Rows"].as_f64().unwrap().to_string(), own, "{role} {t}");
            assert!(plan.to_string().contains("palisade.org_id"), "{role} {t}: the policy is not in the plan: {plan}");
            // Written out, a literal of another organisation's is never in it.
            assert!(!plan.to_string().contains(&walls.globex.to_string()), "{role} {t}");
        }
    }
}

/// The planner's statistics hold values of all organisations.
#[tokio::test]
async fn what_the_planner_and_the_monitor_know_is_not_shown() {
    let walls = Walls::new().await;
    walls.root("ANALYZE").await;
    assert_ne!(walls.one("SELECT count(*)::text FROM pg_stats WHERE schemaname = 'public'").await, "0");
    let mut other = walls.session(TENANT).await;
    other.begin(Some(&walls.globex.to_string())).await;
    other.raw("SELECT count(*) FROM goals WHERE goal_text = 'a secret of globex'").await.unwrap();
    for role in super::ROLES {
        let mut session = walls.session(role).await;
        for table in tenant_tables() {
            let t = table.name;
            let sql = format!("SELECT count(*)::text FROM pg_stats WHERE tablename = '{t}'");
            assert_eq!(session.value(None, &sql).await, Ok(Some("0".to_owned())), "{role} {t}");
            let sql = format!("SELECT stavalues1::text FROM pg_statistic WHERE starelid = '{t}'::regclass");
            assert!(session.refusal(None, &sql).await.by_grants(), "{role} {t}");
        }
        let statements =
            "SELECT coalesce(string_agg(query, ' '), '') FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
        let seen = session.value(None, statements).await.unwrap().unwrap();
        assert!(!seen.contains("a secret of globex"), "{role} reads what others are asking: {seen}");
    }
}

//! Nothing is written to another organisation: an UPDATE or DELETE finds no row there, an INSERT is refused, and whether the
//! row exists makes no difference to either.

use entity::table::{Class, Table};
use serde_json::json;
use uuid::Uuid;

use super::{
    DENIED, INSIDE, ROLES, Walls,
    classes::{KEPT, LOG},
    insert, tenant_tables,
};

/// A column that whoever works inside the organisation may change.
fn changeable(table: &Table) -> &'static str {
    let mut columns = table.columns.iter();
    columns.find(|(name, class)| *class != Class::Secret && !["org_id", "id"].contains(name)).unwrap().0
}

async fn digest(walls: &Walls, table: &Table) -> String {
    let t = table.name;
    walls.one(&format!("SELECT md5(coalesce(string_agg(x::text, '|' ORDER BY x::text), '')) FROM {t} x")).await
}

#[tokio::test]
async fn another_organisations_rows_are_neither_changed_nor_deleted() {
    let walls = Walls::new().await;
    let (acme, globex) = (walls.acme.to_string(), walls.globex.to_string());
    for role in INSIDE {
        let mut session = walls.session(role).await;
        for table in tenant_tables() {
            let (t, column) = (table.name, changeable(&table));
            let own: u64 =
                walls.one(&format!("SELECT count(*)::text FROM {t} WHERE org_id = '{acme}'")).await.parse().unwrap();
            let updates = [
                (format!("UPDATE {t} SET \"{column}\" = \"{column}\" WHERE org_id = '{globex}'"), 0),
                (format!("UPDATE {t} SET \"{column}\" = \"{column}\" WHERE org_id <> '{acme}'"), 0),
                // Without any condition: its own, all of them, and no other.
                (format!("UPDATE {t} SET \"{column}\" = \"{column}\""), own),
                (
                    format!(
                        "UPDATE {t} SET \"{column}\" = {t}.\"{column}\" FROM organizations o
                         WHERE {t}.org_id = '{globex}' RETURNING {t}.org_id"
                    ),
                    0,
                ),
                (
                    format!(
                        "MERGE INTO {t} USING (VALUES ('{globex}'::uuid)) v (id) ON {t}.org_id = v.id
                         WHEN MATCHED THEN UPDATE SET \"{column}\" = {t}.\"{column}\""
                    ),
                    0,
                ),
            ];
            for (sql, rows) in updates {
                let done = session.touch(Some(&acme), &sql).await;
                if LOG.contains(&t) {
                    assert!(done.unwrap_err().by_grants(), "{role}: {sql}");
                } else {
                    assert_eq!(done, Ok(rows), "{role}: {sql}");
                }
            }
            for sql in [
                format!("DELETE FROM {t} WHERE org_id = '{globex}'"),
                format!("DELETE FROM {t} WHERE org_id <> '{acme}' RETURNING org_id"),
                format!("DELETE FROM {t} USING organizations o WHERE {t}.org_id = '{globex}'"),
                format!(
                    "MERGE INTO {t} USING (VALUES ('{globex}'::uuid)) v (id) ON {t}.org_id = v.id WHEN MATCHED THEN DELETE"
                ),
            ] {
                let done = session.touch(Some(&acme), &sql).await;
                if KEPT.contains(&t) {
                    assert!(done.unwrap_err().by_grants(), "{role}: {sql}");
                } else {
                    assert_eq!(done, Ok(0), "{role}: {sql}");
                }
            }
            // A row does not move, and a table is not emptied.
            for sql in [
                format!("UPDATE {t} SET org_id = '{globex}'"),
                format!("UPDATE {t} SET org_id = org_id"),
                format!("TRUNCATE {t}"),
                format!("TRUNCATE {t} CASCADE"),
            ] {
                assert!(session.refusal(Some(&acme), &sql).await.by_grants(), "{role}: {sql}");
            }
            // Without an organisation there is nothing to change.
            let sql = format!("UPDATE {t} SET \"{column}\" = \"{column}\"");
            if !LOG.contains(&t) {
                assert_eq!(session.touch(None, &sql).await, Ok(0), "{role}: {sql}");
            }
        }
    }
}

/// The row that is there, and one that is not, are refused with the same words: neither the key nor a reference is looked at
/// before the policy.
#[tokio::test]
async fn a_row_for_another_organisation_is_refused_alike_whether_it_exists_or_not() {
    let walls = Walls::new().await;
    let acme = walls.acme.to_string();
    for role in INSIDE {
        let mut session = walls.session(role).await;
        for table in tenant_tables() {
            let existing = walls.row(table.name, walls.globex).await;
            let mut absent = existing.clone();
            for (column, value) in absent.as_object_mut().unwrap() {
                if column != "org_id" && value.as_str().is_some_and(|text| text.parse::<Uuid>().is_ok()) {
                    *value = json!(Uuid::from_u128(7));
                }
            }
            let column = changeable(&table);
            let upsert = |end: &str| format!(" ON CONFLICT {end}");
            let key = walls
                .one(&format!(
                    "SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_index x
                     JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)
                     WHERE x.indrelid = '{}'::regclass AND x.indisprimary",
                    table.name
                ))
                .await;
            for end in [
                String::new(),
                upsert("DO NOTHING"),
                upsert(&format!("({key}) DO UPDATE SET \"{column}\" = excluded.\"{column}\"")),
                " RETURNING org_id".to_owned(),
            ] {
                if LOG.contains(&table.name) && end.contains("DO UPDATE") {
                    continue;
                }
                let mut said = Vec::new();
                for row in [&existing, &absent] {
                    for org in [Some(acme.as_str()), None] {
                        let refused = session.refusal(org, &(insert(&table, row) + &end)).await;
                        assert!(refused.by_rows(), "{role} {}{end}: {refused:?}", table.name);
                        said.push(refused);
                    }
                }
                assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{role} {}{end}: {said:#?}", table.name);
            }
            // The wall is not simply shut: what is refused to its own organisation is refused by another rule.
            let mut own = walls.row(table.name, walls.acme).await;
            own["id"] = json!(Uuid::from_u128(8));
            if let Err(said) = session.touch(Some(&acme), &insert(&table, &own)).await {
                assert!(said.code.starts_with("23"), "{role} {}: {said:?}", table.name);
            }
            // COPY never asks the policy row by row; the database refuses it whole.
            session.begin(Some(&acme)).await;
            let copy = session.0.copy_in_raw(&format!("COPY {} (org_id) FROM STDIN", table.name)).await;
            let said = super::Refused::from(copy.err().unwrap_or_else(|| panic!("{role} copies into {}", table.name)));
            session.raw("ROLLBACK").await.unwrap();
            assert!(said.message.contains("row-level security"), "{role} {}: {said:?}", table.name);
        }
    }
}

/// Everything of the above, committed and not taken back, by a session in Acme and by one in no organisation.
#[tokio::test]
async fn what_was_tried_changed_nothing() {
    let walls = Walls::new().await;
    let tables = tenant_tables();
    let mut before = Vec::new();
    for table in &tables {
        before.push(digest(&walls, table).await);
    }
    for role in ROLES {
        let mut session = walls.session(role).await;
        for table in &tables {
            let (t, column, globex) = (table.name, changeable(table), walls.globex);
            for org in [String::new(), walls.acme.to_string()] {
                for sql in [
                    format!("UPDATE {t} SET \"{column}\" = NULL WHERE org_id = '{globex}'"),
                    format!("DELETE FROM {t} WHERE org_id = '{globex}'"),
                    insert(table, &walls.row(t, walls.globex).await),
                ] {
                    let all = format!("BEGIN; SET LOCAL palisade.org_id = '{org}'; {sql}; COMMIT");
                    if let Err(said) = session.raw(&all).await {
                        assert!(said.code == DENIED, "{role}: {sql}: {said:?}");
                        session.raw("ROLLBACK").await.unwrap();
                    }
                }
            }
        }
    }
    for (table, before) in tables.iter().zip(before) {
        assert_eq!(digest(&walls, table).await, before, "{}", table.name);
    }
}

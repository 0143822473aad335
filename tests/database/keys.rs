//! Foreign keys and unique checks look past row-level security: they must not tell what stands there.

use serde_json::json;
use uuid::Uuid;

use super::{INSIDE, Refused, Walls, insert, tenant_tables};

const FOREIGN: &str = "23503";
const UNIQUE: &str = "23505";
const CHECK: &str = "23514";

/// Table, its column, and the tenant table that the column refers to.
async fn references(walls: &Walls) -> Vec<(String, String, String)> {
    let found = walls
        .seen(
            "SELECT t.relname || ' ' || a.attname || ' ' || f.relname
             FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.conkey[2]
             WHERE k.contype = 'f' AND cardinality(k.conkey) = 2 AND t.relnamespace = 'public'::regnamespace
               AND f.relrowsecurity AND f.relname <> 'organizations' ORDER BY 1",
        )
        .await;
    let words = |row: &String| {
        let mut words = row.split(' ').map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap(), words.next().unwrap())
    };
    found.iter().map(words).collect()
}

/// Without the id that was asked about.
fn without(refused: Refused, id: &str) -> Refused {
    Refused { detail: refused.detail.replace(id, "…"), ..refused }
}

#[tokio::test]
async fn a_reference_to_another_organisations_row_is_refused_like_one_to_nothing() {
    let walls = Walls::new().await;
    let acme = walls.acme.to_string();
    let references = references(&walls).await;
    assert!(references.len() > 25, "{references:?}");
    for role in INSIDE {
        let mut session = walls.session(role).await;
        let mut unreached = Vec::new();
        for (table, column, target) in &references {
            let entity = tenant_tables().into_iter().find(|known| known.name == table).unwrap();
            // The referred column is the target's second key column, which is an id of a user in memberships.
            let referred = walls
                .one(&format!(
                    "SELECT a.attname::text FROM pg_constraint k
                     JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = k.conkey[2]
                     JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[2]
                     WHERE k.contype = 'f' AND k.conrelid = '{table}'::regclass AND k.confrelid = '{target}'::regclass
                       AND c.attname = '{column}' AND cardinality(k.conkey) = 2"
                ))
                .await;
            let foreign = walls
                .one(&format!(
                    "SELECT x.{referred}::text FROM {target} x WHERE x.org_id = '{}' AND NOT EXISTS
                       (SELECT FROM {target} y WHERE y.org_id = '{acme}' AND y.{referred} = x.{referred}) LIMIT 1",
                    walls.globex
                ))
                .await;
            let absent = Uuid::from_u128(0xab5e).to_string();
            let mut answers = Vec::new();
            for id in [&foreign, &absent] {
                let mut row = walls.row(table, walls.acme).await;
                let own = row["id"].as_str().unwrap().to_owned();
                row[column.as_str()] = json!(id);
                row["id"] = json!(Uuid::from_u128(0x1d));
                let by_insert =
                    session.touch(Some(&acme), &insert(&entity, &row)).await.map_err(|said| without(said, id));
                let update = format!("UPDATE {table} SET \"{column}\" = '{id}' WHERE id = '{own}'");
                let by_update = session.touch(Some(&acme), &update).await.map_err(|said| without(said, id));
                answers.push((by_insert, by_update));
            }
            assert_eq!(
                answers[0], answers[1],
                "{role} {table}.{column} tells another organisation's {target} from nothing"
            );
            let (by_insert, by_update) = &answers[0];
            let by_key = |answer: &Result<u64, Refused>| answer.as_ref().is_err_and(|said| said.code == FOREIGN);
            assert!(by_insert.is_err(), "{role} {table}.{column} takes what is not there");
            if !by_key(by_insert) && !by_key(by_update) {
                unreached.push(format!("{table}.{column}: {by_insert:?}"));
            }
        }
        // Where another rule speaks first the answers are alike all the same; they are few.
        assert!(unreached.len() <= 3, "{role}: {unreached:#?}");
    }
}

#[tokio::test]
async fn a_key_that_another_organisation_holds_is_free() {
    let walls = Walls::new().await;
    let acme = walls.acme.to_string();
    let mut tried = 0;
    for role in INSIDE {
        let mut session = walls.session(role).await;
        for table in tenant_tables() {
            // Another organisation's row to the letter, its ids too, under this organisation's name.
            let mut row = walls.row(table.name, walls.globex).await;
            row["org_id"] = json!(walls.acme);
            match session.touch(Some(&acme), &insert(&table, &row)).await {
                Ok(rows) => assert_eq!(rows, 1),
                // The demo's organisations are alike, and what is met then is a row of its own.
                Err(said) if said.code == UNIQUE => {
                    let key = said.message.split('"').nth(1).unwrap();
                    let columns = walls
                        .seen(&format!(
                            "SELECT a.attname::text FROM pg_index x JOIN pg_attribute a
                             ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey) WHERE x.indexrelid = '{key}'::regclass"
                        ))
                        .await;
                    let same = columns.iter().map(|column| format!("to_jsonb(x) -> '{column}' = r -> '{column}'"));
                    let own = format!(
                        "SELECT count(*)::text FROM {} x, (SELECT $row${row}$row$::jsonb AS r) AS given WHERE {}",
                        table.name,
                        same.collect::<Vec<_>>().join(" AND ")
                    );
                    assert_eq!(walls.one(&own).await, "1", "{role} {}: {said:?}", table.name);
                }
                // Its references are not there, which the test above is about.
                Err(said) => assert!([FOREIGN, CHECK].contains(&said.code.as_str()), "{role} {}: {said:?}", table.name),
            }
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

/// The platform's own keys span organisations, and who meets one is told so. These are all of them, and who may write there.
#[tokio::test]
async fn keys_that_span_organisations_are_named_here() {
    let walls = Walls::new().await;
    let spanning = walls
        .seen(
            "SELECT t.relname || ': ' || string_agg(a.attname, ', ' ORDER BY k.ordinality)
             FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid, unnest(x.indkey::int2[]) WITH ORDINALITY k (attnum, ordinality),
                  pg_attribute a
             WHERE x.indisunique AND NOT x.indisprimary AND t.relnamespace = 'public'::regnamespace
               AND a.attrelid = t.oid AND a.attnum = k.attnum
             GROUP BY x.indexrelid, t.relname
             HAVING (array_agg(a.attname ORDER BY k.ordinality))[1] <> 'org_id' ORDER BY 1",
        )
        .await;
    assert_eq!(
        spanning,
        [
            // An address has one account: `addMember`, invitations, sign-in and resets answer alike for a known and an unknown one.
            "email_changes: new_token_hash",
            "email_changes: old_token_hash",
            "one_time_tokens: token_hash",
            "organizations: slug",
            "refresh_tokens: token_hash",
            "user_identities: issuer, subject",
            "users: email",
            "users: id, is_super_admin",
        ]
    );
    // Members write to none of these tables but their organisation's settings.
    for table in ["users", "organizations", "user_identities", "one_time_tokens", "email_changes", "refresh_tokens"] {
        let sql = format!("SELECT has_any_column_privilege('palisade_tenant', '{table}', 'INSERT')::text");
        assert_eq!(walls.one(&sql).await, "false", "{table}");
    }
}

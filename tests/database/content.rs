//! An operator's role reads no content, whatever the statement: a column that is not granted may not even be named.

use entity::table::{Class, Table};

use super::{IDENTITY, OPERATOR, ROLES, Walls, classes};

/// Every place in a statement where a column may stand.
fn dresses(table: &Table, c: &str) -> Vec<String> {
    let t = table.name;
    let key = table.columns[0].0;
    vec![
        format!("SELECT \"{c}\" FROM {t}"),
        format!("SELECT x.\"{c}\" IS NULL FROM {t} x"),
        format!("SELECT length(\"{c}\"::text) FROM {t}"),
        format!("SELECT md5(\"{c}\"::text) FROM {t}"),
        format!("SELECT count(\"{c}\") FROM {t}"),
        format!("SELECT count(DISTINCT \"{c}\") FROM {t}"),
        format!("SELECT max(\"{c}\"::text) FROM {t}"),
        format!("SELECT string_agg(\"{c}\"::text, '') FROM {t}"),
        format!("SELECT 1 FROM {t} WHERE \"{c}\" IS NULL"),
        format!("SELECT 1 FROM {t} WHERE \"{c}\"::text LIKE '%a%'"),
        format!("SELECT 1 FROM {t} ORDER BY \"{c}\""),
        format!("SELECT 1 FROM {t} GROUP BY \"{c}\""),
        format!("SELECT DISTINCT ON (\"{c}\") 1 FROM {t}"),
        format!("SELECT 1 FROM {t} GROUP BY \"{key}\" HAVING max(\"{c}\"::text) > ''"),
        format!("SELECT rank() OVER (ORDER BY \"{c}\") FROM {t}"),
        format!("SELECT lag(\"{c}\") OVER () FROM {t}"),
        format!("SELECT 1 FROM {t} a JOIN {t} b ON a.\"{c}\" = b.\"{c}\""),
        format!("SELECT 1 FROM {t} a NATURAL JOIN {t} b"),
        format!("SELECT 1 FROM organizations WHERE EXISTS (SELECT \"{c}\" FROM {t} WHERE \"{c}\" IS NOT NULL)"),
        format!("WITH w AS (SELECT \"{c}\" AS v FROM {t}) SELECT count(*) FROM w"),
        format!("SELECT v FROM (SELECT * FROM {t}) s (v)"),
        format!("SELECT * FROM {t}"),
        format!("TABLE {t}"),
        format!("SELECT {t} FROM {t}"),
        format!("SELECT {t}::text FROM {t}"),
        format!("SELECT row_to_json({t}) FROM {t}"),
        format!("SELECT to_jsonb(x) FROM {t} x"),
        format!("SELECT x.*::text FROM {t} x"),
        format!("SELECT 1 FROM {t} x WHERE x IS NULL"),
        format!("SELECT query_to_xml('SELECT \"{c}\" FROM {t}', true, false, '')"),
        format!("SELECT table_to_xml('{t}', true, false, '')"),
        format!("COPY {t} (\"{c}\") TO STDOUT"),
        format!("COPY {t} TO STDOUT"),
        format!("COPY (SELECT \"{c}\" FROM {t}) TO STDOUT"),
        format!("EXPLAIN SELECT \"{c}\" FROM {t}"),
        format!("EXPLAIN SELECT 1 FROM {t} WHERE \"{c}\"::text = 'x'"),
        format!("DECLARE c CURSOR FOR SELECT \"{c}\" FROM {t}"),
        format!("DEALLOCATE ALL; PREPARE p AS SELECT \"{c}\" FROM {t}; EXECUTE p"),
        format!("DO $do$ BEGIN PERFORM \"{c}\" FROM {t}; END $do$"),
        format!("DO $do$ DECLARE r record; BEGIN SELECT * INTO r FROM {t}; RAISE NOTICE '%', r; END $do$"),
        format!("UPDATE {t} SET \"{key}\" = \"{key}\" RETURNING \"{c}\""),
        format!("UPDATE {t} SET \"{key}\" = \"{key}\" WHERE \"{c}\" IS NULL"),
        format!("DELETE FROM {t} WHERE \"{c}\" IS NULL"),
        format!("DELETE FROM {t} RETURNING \"{c}\""),
        format!("INSERT INTO {t} (\"{key}\") SELECT \"{key}\" FROM {t} WHERE \"{c}\" IS NULL"),
        format!("INSERT INTO {t} (\"{key}\") SELECT \"{key}\" FROM {t} RETURNING \"{c}\""),
        format!("GRANT SELECT (\"{c}\") ON {t} TO PUBLIC; SELECT \"{c}\" FROM {t}"),
        format!("SELECT 1 FROM {t} WHERE \"{c}\" IS NULL FOR UPDATE"),
    ]
}

/// What makes another door to a column: nothing of it may be made.
fn doors(table: &Table, c: &str) -> Vec<String> {
    let t = table.name;
    vec![
        format!("CREATE VIEW public.peek AS SELECT \"{c}\" FROM {t}"),
        format!("CREATE MATERIALIZED VIEW public.peek AS SELECT \"{c}\" FROM {t}"),
        format!("CREATE TABLE public.peek AS SELECT \"{c}\" FROM {t}"),
        format!("SELECT \"{c}\" INTO public.peek FROM {t}"),
        format!("CREATE TEMP VIEW peek AS SELECT \"{c}\" FROM {t}"),
        format!("CREATE TEMP TABLE peek AS SELECT \"{c}\" FROM {t}"),
        format!("CREATE FUNCTION public.peek() RETURNS text LANGUAGE sql AS 'SELECT max(\"{c}\"::text) FROM {t}'"),
        format!(
            "CREATE FUNCTION pg_temp.peek() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT max(\"{c}\"::text) FROM {t}'"
        ),
        format!("CREATE INDEX peek ON {t} (\"{c}\")"),
        format!("CREATE RULE peek AS ON INSERT TO {t} DO ALSO SELECT 1"),
        format!(
            "CREATE TRIGGER peek AFTER INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        ),
        format!("CREATE PUBLICATION peek FOR TABLE {t}"),
        format!("CREATE POLICY peek ON {t} USING (true)"),
        format!("ALTER TABLE {t} ALTER \"{c}\" SET DEFAULT NULL"),
        format!("ALTER TABLE {t} RENAME \"{c}\" TO peek"),
        format!("ALTER TABLE {t} DISABLE ROW LEVEL SECURITY"),
        format!("ALTER TABLE {t} NO FORCE ROW LEVEL SECURITY"),
        format!("ALTER TABLE {t} OWNER TO CURRENT_USER"),
        format!("CREATE TABLE public.peek () INHERITS ({t})"),
        "CREATE SCHEMA peek".to_owned(),
        "CREATE TYPE public.peek AS (a int)".to_owned(),
    ]
}

#[tokio::test]
async fn an_operator_names_no_confidential_or_secret_column_in_any_statement() {
    let walls = Walls::new().await;
    let acme = walls.acme.to_string();
    let mut session = walls.session(OPERATOR).await;
    let (mut asked, mut columns, mut open) = (0, 0, Vec::new());
    for table in entity::tables() {
        for (column, _) in table.columns.iter().filter(|(_, class)| *class != Class::Metadata) {
            columns += 1;
            for sql in dresses(&table, column) {
                for org in [None, Some(acme.as_str())] {
                    asked += 1;
                    match session.ask(org, &sql).await {
                        Err(said) if said.by_grants() => {}
                        other => open.push(format!("{sql}: {:?}", other.map(|rows| rows.len()))),
                    }
                }
            }
        }
    }
    assert!(open.is_empty(), "{open:#?}");
    assert!(columns > 30, "{columns} columns");
    println!("{asked} statements about {columns} columns");
}

/// What is not the operator's is refused by the column, not by chance: the same dresses fit a column that is.
#[tokio::test]
async fn the_same_statements_serve_a_column_that_is_granted() {
    let walls = Walls::new().await;
    let goals = entity::tables().into_iter().find(|table| table.name == "goals").unwrap();
    let mut session = walls.session(OPERATOR).await;
    let mut served = 0;
    for sql in dresses(&goals, "status").into_iter().filter(|sql| !sql.starts_with("COPY")) {
        served += usize::from(session.ask(None, &sql).await.is_ok());
    }
    assert!(served > 20, "{served}");
}

#[tokio::test]
async fn no_role_makes_a_door_of_its_own() {
    let walls = Walls::new().await;
    for role in ROLES {
        let mut session = walls.session(role).await;
        for table in entity::tables() {
            let column = table.columns.last().unwrap().0;
            for sql in doors(&table, column) {
                let said = session.refusal(None, &sql).await;
                let refused = said.code == super::DENIED || said.message.contains("must be owner");
                assert!(refused, "{role}: {sql}: {said:?}");
            }
        }
    }
}

/// Operators see every organisation's metadata, and no more of a chat than its session; sign-in reads no content at all.
#[tokio::test]
async fn what_operators_and_sign_in_do_read_is_metadata_of_all_organisations() {
    let walls = Walls::new().await;
    for role in [OPERATOR, IDENTITY] {
        let mut session = walls.session(role).await;
        for table in super::tenant_tables() {
            for (column, class) in &table.columns {
                let t = table.name;
                let sql = format!("SELECT count(DISTINCT org_id)::text FROM {t} WHERE \"{column}\" IS NULL OR true");
                let read = classes::reads(role, &table, column, *class).unwrap();
                match session.value(None, &sql).await {
                    Ok(orgs) => {
                        assert!(read, "{role} reads {t}.{column}");
                        assert_eq!(orgs, Some(walls.one(&sql).await), "{role} {t}.{column}");
                    }
                    Err(said) => assert!(!read && said.by_grants(), "{role} {t}.{column}: {said:?}"),
                }
            }
        }
    }
}

//! Takes writes back: triggers note the opposite of every change, so that a search goes back to where it was without
//! another database. What was changed can be asked, too.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement, TryGetable as _};

/// Where a search may come back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark(i64);

pub struct Undo {
    backend: DbBackend,
}

const POSTGRES: &str = r#"
CREATE TABLE undo_log (id bigserial PRIMARY KEY, relation text NOT NULL, op text NOT NULL, was jsonb, is_now jsonb);
CREATE FUNCTION undo_note() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO undo_log (relation, op, was, is_now) VALUES (TG_TABLE_NAME, TG_OP, to_jsonb(OLD), to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE FUNCTION undo_to(mark bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    step record;
    columns text;
BEGIN
    -- Neither foreign keys nor the triggers above look at what goes back.
    SET LOCAL session_replication_role = replica;
    FOR step IN SELECT * FROM undo_log WHERE id > mark ORDER BY id DESC LOOP
        IF step.op <> 'DELETE' THEN
            EXECUTE format('DELETE FROM %I t WHERE to_jsonb(t) = $1', step.relation) USING step.is_now;
        END IF;
        IF step.op <> 'INSERT' THEN
            SELECT string_agg(quote_ident(attname), ',') INTO columns FROM pg_attribute
                WHERE attrelid = step.relation::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
            EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM jsonb_populate_record(NULL::%I, $1)',
                step.relation, columns, columns, step.relation) USING step.was;
        END IF;
    END LOOP;
    DELETE FROM undo_log WHERE id > mark;
END $$;
GRANT ALL ON undo_log TO PUBLIC;
"#;

impl Undo {
    /// Notes every change of every table from now on.
    pub async fn install(root: &DatabaseConnection) -> Self {
        let backend = root.get_database_backend();
        let tables: Vec<&str> = entity::tables().iter().map(|table| table.name).collect();
        if backend == DbBackend::Sqlite {
            root.execute_unprepared(
                "CREATE TABLE undo_log (id INTEGER PRIMARY KEY, relation TEXT NOT NULL, statement TEXT NOT NULL)",
            )
            .await
            .unwrap();
            for table in tables {
                Self::watch(root, table).await;
            }
            root.execute_unprepared("PRAGMA foreign_keys = OFF").await.unwrap();
        } else {
            root.execute_unprepared(POSTGRES).await.unwrap();
            for table in tables {
                let trigger = format!(
                    "CREATE TRIGGER undo AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION undo_note()"
                );
                root.execute_unprepared(&trigger).await.unwrap();
            }
        }
        Self { backend }
    }

    async fn watch(root: &DatabaseConnection, table: &str) {
        let sql = format!("SELECT name FROM pragma_table_xinfo('{table}') WHERE hidden = 0");
        let rows = root.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap();
        let columns: Vec<String> = rows.iter().map(|row| String::try_get_by_index(row, 0).unwrap()).collect();
        let sets: Vec<String> =
            columns.iter().map(|column| format!("'\"{column}\"=' || quote(old.\"{column}\")")).collect();
        let values: Vec<String> = columns.iter().map(|column| format!("quote(old.\"{column}\")")).collect();
        let names: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
        let (sets, values, names) = (sets.join(" || ',' || "), values.join(" || ',' || "), names.join(","));
        for (event, statement) in [
            ("INSERT", format!("'DELETE FROM {table} WHERE rowid=' || new.rowid")),
            ("UPDATE", format!("'UPDATE {table} SET ' || {sets} || ' WHERE rowid=' || old.rowid")),
            (
                "DELETE",
                format!("'INSERT INTO {table} (rowid,{names}) VALUES (' || old.rowid || ',' || {values} || ')'"),
            ),
        ] {
            let trigger = format!(
                "CREATE TRIGGER undo_{table}_{event} AFTER {event} ON {table} BEGIN \
                 INSERT INTO undo_log (relation, statement) VALUES ('{table}', {statement}); END"
            );
            root.execute_unprepared(&trigger).await.unwrap();
        }
    }

    /// Here.
    pub async fn mark(&self, root: &DatabaseConnection) -> Mark {
        let sql = "SELECT coalesce(max(id), 0) FROM undo_log";
        let row = root.query_one_raw(Statement::from_string(self.backend, sql)).await.unwrap().unwrap();
        Mark(row.try_get_by_index(0).unwrap())
    }

    /// The tables that were written to since.
    pub async fn touched(&self, root: &DatabaseConnection, mark: Mark) -> Vec<String> {
        let sql = format!("SELECT DISTINCT relation FROM undo_log WHERE id > {} ORDER BY relation", mark.0);
        let rows = root.query_all_raw(Statement::from_string(self.backend, sql)).await.unwrap();
        rows.iter().map(|row| String::try_get_by_index(row, 0).unwrap()).collect()
    }

    /// Back to there.
    pub async fn back(&self, root: &DatabaseConnection, mark: Mark) {
        if self.backend == DbBackend::Postgres {
            root.execute_unprepared(&format!("SELECT undo_to({})", mark.0)).await.unwrap();
            return;
        }
        let sql = format!("SELECT statement FROM undo_log WHERE id > {} ORDER BY id DESC", mark.0);
        let rows = root.query_all_raw(Statement::from_string(self.backend, sql)).await.unwrap();
        let mut script = String::from("BEGIN IMMEDIATE;");
        for row in rows {
            script += &String::try_get_by_index(&row, 0).unwrap();
            script.push(';');
        }
        script += &format!("DELETE FROM undo_log WHERE id > {};COMMIT", mark.0);
        root.execute_unprepared(&script).await.unwrap();
    }
}

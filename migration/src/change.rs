//! Changes of tables that exist, in words that hold on both databases and can be taken back.
//!
//! SQLite cannot add a composite foreign key to a table by any statement. Its documentation gives a way for changes that touch no stored row: edit the table's text in `sqlite_schema`
//! (<https://www.sqlite.org/lang_altertable.html#otheralter>). That happens here and nowhere else, inside the run's
//! transaction.
//!
//! ```ignore
//! let change = Change::tenant("workers").uuid_null("account_id").refers("account_id", "service_accounts");
//! change.apply(manager).await?;
//! change.revert(manager).await?;
//! ```

use sea_orm::{ConnectionTrait as _, DbBackend, Statement, Value};
use sea_orm_migration::{
    SchemaManager,
    prelude::{Alias, DbErr, Index, IndexOrder, SimpleExpr, Table},
};

use crate::schema::Kind;

/// After a column's name in an index: largest first.
const DESCENDING: &str = " DESC";

/// A change of a table.
pub(crate) struct Change {
    table: &'static str,
    tenant: bool,
    columns: Vec<(&'static str, Kind, bool, Option<SimpleExpr>)>,
    keys: Vec<(Vec<&'static str>, &'static str, Vec<&'static str>)>,
    indexes: Vec<(Vec<&'static str>, bool)>,
}

impl Change {
    /// Of a platform table.
    pub(crate) fn platform(table: &'static str) -> Self {
        Self { table, tenant: false, columns: vec![], keys: vec![], indexes: vec![] }
    }

    /// Of an organisation's table.
    pub(crate) fn tenant(table: &'static str) -> Self {
        Self { tenant: true, ..Self::platform(table) }
    }

    /// A new column that old rows leave null.
    pub(crate) fn null(mut self, name: &'static str, kind: Kind) -> Self {
        self.columns.push((name, kind, true, None));
        self
    }

    /// A new column to which old rows, and statements that do not name it, give `value`.
    pub(crate) fn with(mut self, name: &'static str, kind: Kind, value: impl Into<SimpleExpr>) -> Self {
        self.columns.push((name, kind, false, Some(value.into())));
        self
    }

    /// `(org_id, column)` names a row of the same organisation.
    pub(crate) fn refers(mut self, column: &'static str, table: &'static str) -> Self {
        self.keys.push((vec!["org_id", column], table, vec!["org_id", "id"]));
        self
    }

    /// A plain index; on a tenant table it starts with `org_id`. A column may be followed by ` DESC`.
    pub(crate) fn index(mut self, columns: &[&'static str]) -> Self {
        let columns = self.scoped(columns);
        self.indexes.push((columns, false));
        self
    }

    /// A unique index; on a tenant table it starts with `org_id`.
    pub(crate) fn unique(mut self, columns: &[&'static str]) -> Self {
        let columns = self.scoped(columns);
        self.indexes.push((columns, true));
        self
    }

    fn scoped(&self, columns: &[&'static str]) -> Vec<&'static str> {
        let org = self.tenant.then_some("org_id");
        org.into_iter().chain(columns.iter().copied()).collect()
    }

    fn index_name(&self, columns: &[&str], unique: bool) -> String {
        let columns: Vec<_> = columns.iter().map(|column| column.trim_end_matches(DESCENDING)).collect();
        format!("{}_{}_{}", self.table, columns.join("_"), if unique { "key" } else { "idx" })
    }

    /// Name and text of each new foreign key.
    fn foreign_keys(&self) -> Vec<(String, String)> {
        let list = |columns: &[&str]| columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let key = |(from, table, to): &(Vec<&'static str>, &'static str, Vec<&'static str>)| {
            let text = format!("FOREIGN KEY ({}) REFERENCES \"{table}\" ({})", list(from), list(to));
            (format!("{}_{}_fkey", self.table, from.join("_")), text)
        };
        self.keys.iter().map(key).collect()
    }

    /// Makes the change.
    pub(crate) async fn apply(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        for (name, kind, null, default) in &self.columns {
            let mut column = kind.column(name, *null, default.clone(), postgres);
            let table = Alias::new(self.table);
            manager.alter_table(Table::alter().table(table).add_column(&mut column).take()).await?;
        }
        self.constrain(manager, Edit::Add).await?;
        for (columns, unique) in &self.indexes {
            let mut index = Index::create();
            index.name(self.index_name(columns, *unique)).table(Alias::new(self.table));
            if *unique {
                index.unique();
            }
            for column in columns {
                match column.strip_suffix(DESCENDING) {
                    Some(column) => index.col((Alias::new(column), IndexOrder::Desc)),
                    None => index.col(Alias::new(*column)),
                };
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    /// Takes the change back.
    pub(crate) async fn revert(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        for (columns, unique) in &self.indexes {
            let name = self.index_name(columns, *unique);
            let mut index = Index::drop();
            index.name(name).table(Alias::new(self.table));
            manager.drop_index(index).await?;
        }
        self.constrain(manager, Edit::Drop).await?;
        for (name, ..) in &self.columns {
            let (table, column) = (Alias::new(self.table), Alias::new(*name));
            manager.alter_table(Table::alter().table(table).drop_column(column).take()).await?;
        }
        Ok(())
    }

    /// Adds or drops the foreign keys.
    async fn constrain(&self, manager: &SchemaManager<'_>, edit: fn(String, String) -> Edit) -> Result<(), DbErr> {
        let edits: Vec<_> = self.foreign_keys().into_iter().map(|(name, text)| edit(name, text)).collect();
        if edits.is_empty() {
            return Ok(());
        }
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            for edit in &edits {
                db.execute_unprepared(&edit.statement(self.table)).await?;
            }
            return Ok(());
        }
        let select = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = $1";
        let select = Statement::from_sql_and_values(DbBackend::Sqlite, select, [self.table.into()]);
        let found = db.query_one_raw(select).await?.ok_or_else(|| lost(self.table))?;
        let mut sql: String = found.try_get_by_index(0)?;
        for edit in &edits {
            sql = edit.in_text(&sql).ok_or_else(|| lost(self.table))?;
        }
        let version = Statement::from_string(DbBackend::Sqlite, "PRAGMA schema_version");
        let version: i32 =
            db.query_one_raw(version).await?.ok_or_else(|| lost("schema_version"))?.try_get_by_index(0)?;
        db.execute_unprepared("PRAGMA writable_schema = ON").await?;
        let update = "UPDATE sqlite_schema SET sql = $1 WHERE type = 'table' AND name = $2";
        let values: [Value; 2] = [sql.into(), self.table.into()];
        db.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, update, values)).await?;
        // RESET makes this connection read its schema again; the version makes the others.
        let reread = format!("PRAGMA schema_version = {}; PRAGMA writable_schema = RESET", version.wrapping_add(1));
        db.execute_unprepared(&reread).await?;
        Ok(())
    }
}

fn lost(what: &str) -> DbErr {
    DbErr::Migration(format!("{what}: the schema is not what the migrations made"))
}

/// An edit of a table's constraints: name and text.
enum Edit {
    Add(String, String),
    Drop(String, String),
}

impl Edit {
    /// As PostgreSQL is told.
    fn statement(&self, table: &str) -> String {
        let table = format!("ALTER TABLE \"{table}\"");
        match self {
            Self::Add(name, text) => format!("{table} ADD CONSTRAINT \"{name}\" {text}"),
            Self::Drop(name, _) => format!("{table} DROP CONSTRAINT \"{name}\""),
        }
    }

    /// In the text that SQLite keeps; none when it does not hold what is to be changed.
    fn in_text(&self, sql: &str) -> Option<String> {
        match self {
            Self::Add(name, text) => {
                let body = sql.trim_end().strip_suffix(')')?;
                Some(format!("{body}, CONSTRAINT \"{name}\" {text})"))
            }
            Self::Drop(name, text) => {
                let found = format!(", CONSTRAINT \"{name}\" {text}");
                sql.contains(&found).then(|| sql.replacen(&found, "", 1))
            }
        }
    }
}

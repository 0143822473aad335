//! The words that table definitions are written in: one source for both databases.
//!
//! [`Draft`] wraps sea-query's builder with Palisade's habits, so that a definition reads as a list of facts and a habit
//! cannot be forgotten: columns are `NOT NULL` unless they say so, text is `COLLATE "C"` on PostgreSQL (byte order, as on
//! SQLite), a reference between tenant tables is a composite key that starts with `org_id`, every constraint has a name.
//!
//! ```ignore
//! Draft::tenant("teams").text("name").text("slug").times().unique(&["slug"]).create(manager).await?;
//! ```

use sea_orm::DbBackend;
use sea_orm_migration::{
    SchemaManager,
    prelude::{
        Alias, Check, ColumnDef, DbErr, Expr, ForeignKey, Index, IndexCreateStatement, SimpleExpr, Table,
        TableCreateStatement,
    },
};

/// What a column may be. Timestamps are `timestamptz` on PostgreSQL and ISO 8601 text in UTC on SQLite, whose order is
/// the order of time: sqlx writes 0, 3 or 6 digits of fraction followed by `+00:00`, and `+` sorts below `.` and digits.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Uuid,
    Text,
    Int,
    BigInt,
    Bool,
    Time,
}

impl Kind {
    /// A column of this kind.
    pub(crate) fn column(self, name: &str, null: bool, default: Option<SimpleExpr>, postgres: bool) -> ColumnDef {
        let mut column = ColumnDef::new(Alias::new(name));
        match self {
            Self::Uuid => column.uuid(),
            Self::Text if postgres => column.text().extra("COLLATE \"C\""),
            Self::Text => column.text(),
            Self::Int => column.integer(),
            Self::BigInt => column.big_integer(),
            Self::Bool => column.boolean(),
            Self::Time => column.timestamp_with_time_zone(),
        };
        if null {
            column.null();
        } else {
            column.not_null();
        }
        if let Some(default) = default {
            column.default(default);
        }
        column
    }
}

/// A table that is being written down.
pub(crate) struct Draft {
    table: &'static str,
    tenant: bool,
    columns: Vec<(&'static str, Kind, bool, Option<SimpleExpr>)>,
    generated: Option<(&'static str, &'static str)>,
    create: TableCreateStatement,
    indexes: Vec<IndexCreateStatement>,
}

impl Draft {
    fn bare(table: &'static str) -> Self {
        let mut create = Table::create();
        create.table(Alias::new(table));
        Self { table, tenant: false, columns: vec![], generated: None, create, indexes: vec![] }
    }

    /// A table with the key `id`.
    pub(crate) fn platform(table: &'static str) -> Self {
        Self::bare(table).uuid("id").key(&["id"])
    }

    /// A table whose key is something else than `id`.
    pub(crate) fn keyed(table: &'static str) -> Self {
        Self::bare(table)
    }

    /// A table of an organisation's rows: key `(org_id, id)`, and a plain index on `id` for operators' look-ups.
    pub(crate) fn tenant(table: &'static str) -> Self {
        let mut draft = Self::tenant_keyed(table).uuid("id").key(&["org_id", "id"]);
        draft.push_index(&["id"], false);
        draft
    }

    /// A table of an organisation's rows with another key, which starts with `org_id` too.
    pub(crate) fn tenant_keyed(table: &'static str) -> Self {
        let mut draft = Self::bare(table).uuid("org_id");
        draft.tenant = true;
        draft.refers_global("org_id", "organizations")
    }

    fn column(mut self, name: &'static str, kind: Kind, null: bool) -> Self {
        self.columns.push((name, kind, null, None));
        self
    }

    pub(crate) fn uuid(self, name: &'static str) -> Self {
        self.column(name, Kind::Uuid, false)
    }

    pub(crate) fn uuid_null(self, name: &'static str) -> Self {
        self.column(name, Kind::Uuid, true)
    }

    pub(crate) fn text(self, name: &'static str) -> Self {
        self.column(name, Kind::Text, false)
    }

    pub(crate) fn text_null(self, name: &'static str) -> Self {
        self.column(name, Kind::Text, true)
    }

    pub(crate) fn int(self, name: &'static str) -> Self {
        self.column(name, Kind::Int, false)
    }

    pub(crate) fn int_null(self, name: &'static str) -> Self {
        self.column(name, Kind::Int, true)
    }

    pub(crate) fn bigint(self, name: &'static str) -> Self {
        self.column(name, Kind::BigInt, false)
    }

    pub(crate) fn bigint_null(self, name: &'static str) -> Self {
        self.column(name, Kind::BigInt, true)
    }

    pub(crate) fn bool(self, name: &'static str) -> Self {
        self.column(name, Kind::Bool, false)
    }

    pub(crate) fn bool_null(self, name: &'static str) -> Self {
        self.column(name, Kind::Bool, true)
    }

    pub(crate) fn time(self, name: &'static str) -> Self {
        self.column(name, Kind::Time, false)
    }

    pub(crate) fn time_null(self, name: &'static str) -> Self {
        self.column(name, Kind::Time, true)
    }

    /// `created_at` and `updated_at`.
    pub(crate) fn times(self) -> Self {
        self.time("created_at").time("updated_at")
    }

    /// One of some words. They are written out in the migration: what an enum says later is no history.
    pub(crate) fn word(self, name: &'static str, words: &[&str]) -> Self {
        self.text(name).one_of(name, words)
    }

    /// One of some words, or null.
    pub(crate) fn word_null(self, name: &'static str, words: &[&str]) -> Self {
        self.text_null(name).one_of(name, words)
    }

    fn one_of(self, name: &'static str, words: &[&str]) -> Self {
        let list = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
        self.check(name, format!("\"{name}\" IN ({list})"))
    }

    /// Gives the last column a default.
    pub(crate) fn default(mut self, value: impl Into<SimpleExpr>) -> Self {
        if let Some(column) = self.columns.last_mut() {
            column.3 = Some(value.into());
        }
        self
    }

    /// A stored boolean that the database computes; nobody writes it.
    pub(crate) fn generated_bool(mut self, name: &'static str, expression: &'static str) -> Self {
        self.generated = Some((name, expression));
        self
    }

    /// The primary key.
    pub(crate) fn key(mut self, columns: &[&'static str]) -> Self {
        let mut index = Index::create();
        index.name(format!("{}_pkey", self.table));
        for column in columns {
            index.col(Alias::new(*column));
        }
        self.create.primary_key(&mut index);
        self
    }

    /// A unique key; on a tenant table it starts with `org_id`.
    pub(crate) fn unique(mut self, columns: &[&'static str]) -> Self {
        let columns = self.scoped(columns);
        let mut index = Index::create();
        index.unique().name(format!("{}_{}_key", self.table, columns.join("_")));
        for column in &columns {
            index.col(Alias::new(*column));
        }
        self.create.index(&mut index);
        self
    }

    /// A plain index; on a tenant table it starts with `org_id`.
    pub(crate) fn index(mut self, columns: &[&'static str]) -> Self {
        let columns = self.scoped(columns);
        self.push_index(&columns, false);
        self
    }

    /// A plain index without `org_id`, for the few queries that look across organisations.
    pub(crate) fn index_across(mut self, columns: &[&'static str]) -> Self {
        self.push_index(columns, false);
        self
    }

    fn push_index(&mut self, columns: &[&'static str], unique: bool) {
        let mut index = Index::create();
        index.name(format!("{}_{}_idx", self.table, columns.join("_"))).table(Alias::new(self.table));
        if unique {
            index.unique();
        }
        for column in columns {
            index.col(Alias::new(*column));
        }
        self.indexes.push(index);
    }

    fn scoped(&self, columns: &[&'static str]) -> Vec<&'static str> {
        let org = self.tenant.then_some("org_id");
        org.into_iter().chain(columns.iter().copied()).collect()
    }

    /// `(org_id, column)` names a row of the same organisation.
    pub(crate) fn refers(self, column: &'static str, table: &'static str) -> Self {
        self.foreign(&["org_id", column], table, &["org_id", "id"])
    }

    /// `(org_id, column)` names somebody with a membership of the same organisation.
    pub(crate) fn member(self, column: &'static str) -> Self {
        self.foreign(&["org_id", column], "org_memberships", &["org_id", "user_id"])
    }

    /// `column` names a row of a platform table.
    pub(crate) fn refers_global(self, column: &'static str, table: &'static str) -> Self {
        self.foreign(&[column], table, &["id"])
    }

    /// Any foreign key. Never `ON DELETE`: on a composite key SET NULL would clear `org_id`, and CASCADE is invisible.
    pub(crate) fn foreign(mut self, from: &[&'static str], table: &'static str, to: &[&'static str]) -> Self {
        let mut key = ForeignKey::create();
        key.name(format!("{}_{}_fkey", self.table, from.join("_")));
        for column in from {
            key.from_col(Alias::new(*column));
        }
        key.to_tbl(Alias::new(table));
        for column in to {
            key.to_col(Alias::new(*column));
        }
        self.create.foreign_key(key.from_tbl(Alias::new(self.table)));
        self
    }

    /// A condition that every row meets.
    pub(crate) fn check(mut self, name: &str, condition: impl Into<String>) -> Self {
        let name = Alias::new(format!("{}_{name}_check", self.table));
        self.create.check(Check::named(name, Expr::cust(condition.into())));
        self
    }

    /// Makes the table and its indexes.
    pub(crate) async fn create(mut self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        for (name, kind, null, default) in std::mem::take(&mut self.columns) {
            let mut column = kind.column(name, null, default, postgres);
            self.create.col(&mut column);
        }
        if let Some((name, expression)) = self.generated {
            self.create.col(ColumnDef::new(Alias::new(name)).boolean().generated(Expr::cust(expression), true));
        }
        manager.create_table(self.create).await?;
        for index in self.indexes {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// Drops tables, children first.
pub(crate) async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&'static str]) -> Result<(), DbErr> {
    for table in tables {
        manager.drop_table(Table::drop().table(Alias::new(*table)).take()).await?;
    }
    Ok(())
}

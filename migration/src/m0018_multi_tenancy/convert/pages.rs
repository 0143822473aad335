//! Reading old rows a page at a time, and writing new ones many at a time.

use chrono::{DateTime, SubsecRound as _, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use sea_orm_migration::{
    SchemaManagerConnection,
    prelude::{Alias, Query, SimpleExpr},
};
use uuid::Uuid;

/// Rows read or written by one statement: 20 columns of them stay below SQLite's 32,766 parameters.
const PAGE: usize = 500;

/// A walk through an old table in order of id.
pub(super) struct Pages {
    select: String,
    after: Option<Uuid>,
    done: bool,
}

impl Pages {
    /// `select` is everything up to WHERE and calls the table `l`.
    pub(super) fn new(select: impl Into<String>) -> Self {
        Self { select: select.into(), after: None, done: false }
    }

    /// The next rows; empty at the end.
    pub(super) async fn next(&mut self, db: &SchemaManagerConnection<'_>) -> Result<Vec<QueryResult>, DbErr> {
        if self.done {
            return Ok(vec![]);
        }
        let (condition, values) = match self.after {
            None => ("", vec![]),
            Some(after) => (" WHERE l.id > $1", vec![Value::from(after)]),
        };
        let sql = format!("{}{condition} ORDER BY l.id LIMIT {PAGE}", self.select);
        let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
        self.done = rows.len() < PAGE;
        if let Some(last) = rows.last() {
            self.after = Some(last.try_get("", "id")?);
        }
        Ok(rows)
    }
}

/// Rows on their way into a new table.
pub(super) struct Batch {
    table: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

impl Batch {
    pub(super) fn new(table: &'static str, columns: &'static [&'static str]) -> Self {
        Self { table, columns, rows: vec![] }
    }

    /// Adds a row, its values in the order of the columns.
    pub(super) async fn push(&mut self, db: &SchemaManagerConnection<'_>, row: Vec<Value>) -> Result<(), DbErr> {
        self.rows.push(row);
        if self.rows.len() < PAGE { Ok(()) } else { self.flush(db).await }
    }

    /// Writes what has gathered.
    pub(super) async fn flush(&mut self, db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut insert = Query::insert();
        insert.into_table(Alias::new(self.table)).columns(self.columns.iter().map(|name| Alias::new(*name)));
        for row in self.rows.drain(..) {
            let row = row.into_iter().map(SimpleExpr::from);
            insert.values(row).map_err(|error| DbErr::Migration(format!("{}: {error}", self.table)))?;
        }
        db.execute(&insert).await.map(drop)
    }
}

/// A row of values of different types.
macro_rules! row {
    ($($value:expr),* $(,)?) => { vec![$(sea_orm::Value::from($value)),*] };
}
pub(super) use row;

/// Typed access to an old row, in which any column but the id may be null.
pub(super) trait Old {
    fn id(&self) -> Result<Uuid, DbErr>;
    fn reference(&self, column: &str) -> Result<Option<Uuid>, DbErr>;
    fn text(&self, column: &str) -> Result<Option<String>, DbErr>;
    fn int(&self, column: &str) -> Result<Option<i32>, DbErr>;
    fn bigint(&self, column: &str) -> Result<Option<i64>, DbErr>;
    fn flag(&self, column: &str) -> Result<Option<bool>, DbErr>;
    /// Cut to microseconds.
    fn time(&self, column: &str) -> Result<Option<DateTime<Utc>>, DbErr>;
}

impl Old for QueryResult {
    fn id(&self) -> Result<Uuid, DbErr> {
        self.try_get("", "id")
    }

    fn reference(&self, column: &str) -> Result<Option<Uuid>, DbErr> {
        self.try_get("", column)
    }

    fn text(&self, column: &str) -> Result<Option<String>, DbErr> {
        self.try_get("", column)
    }

    fn int(&self, column: &str) -> Result<Option<i32>, DbErr> {
        self.try_get("", column)
    }

    fn bigint(&self, column: &str) -> Result<Option<i64>, DbErr> {
        self.try_get("", column)
    }

    fn flag(&self, column: &str) -> Result<Option<bool>, DbErr> {
        self.try_get("", column)
    }

    fn time(&self, column: &str) -> Result<Option<DateTime<Utc>>, DbErr> {
        Ok(self.try_get::<Option<DateTime<Utc>>>("", column)?.map(|time| time.trunc_subsecs(6)))
    }
}

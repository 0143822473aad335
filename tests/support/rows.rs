//! Rows of any table, inserted by who may write anything: how tests set a scene that no use case would make.

use sea_orm::{
    ConnectionTrait, Value,
    sea_query::{Alias, Expr, Query},
};

/// A row's columns; those that are left out are null, or the table's default.
pub type Row = Vec<(&'static str, Value)>;

/// Inserts rows in few statements. Tables are filled in the order of their first row; a row must not refer to a table
/// that comes after its own.
pub async fn insert(connection: &impl ConnectionTrait, rows: Vec<(&'static str, Row)>) {
    let mut order: Vec<(&'static str, Vec<Row>)> = Vec::new();
    for (table, row) in rows {
        let alike = |(name, rows): &&mut (&str, Vec<Row>)| {
            *name == table && rows[0].iter().map(|(column, _)| column).eq(row.iter().map(|(column, _)| column))
        };
        match order.iter_mut().find(alike) {
            Some((_, rows)) => rows.push(row),
            None => order.push((table, vec![row])),
        }
    }
    for (table, rows) in order {
        let mut insert = Query::insert();
        insert.into_table(Alias::new(table)).columns(rows[0].iter().map(|(column, _)| Alias::new(*column)));
        for row in rows {
            insert.values_panic(row.into_iter().map(|(_, value)| Expr::val(value)));
        }
        connection.execute(&insert).await.unwrap_or_else(|error| panic!("{table}: {error}"));
    }
}

//! What a selection needs of the database.

use async_graphql::{Context, SelectionField};

use crate::store::list::row::{Columns, Row};

/// Names of the fields selected below the one that is being resolved, fragments included.
pub fn fields<'a>(ctx: &'a Context<'_>) -> Vec<&'a str> {
    ctx.field().selection_set().map(|field| field.name()).collect()
}

/// Fields selected of a connection's nodes, through `nodes` and through `edges { node }`.
pub fn node_fields<'a>(ctx: &'a Context<'_>) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut take = |field: SelectionField<'a>| names.extend(field.selection_set().map(|field| field.name()));
    for field in ctx.field().selection_set() {
        match field.name() {
            "nodes" => take(field),
            "edges" => field.selection_set().filter(|field| field.name() == "node").for_each(&mut take),
            _ => {}
        }
    }
    names
}

/// Whether a field of this name is selected.
pub fn selects(ctx: &Context<'_>, name: &str) -> bool {
    ctx.field().selection_set().any(|field| field.name() == name)
}

/// The columns that the selection needs of a row.
pub fn columns<R: Row>(ctx: &Context<'_>) -> Columns<R::Entity> {
    R::columns(fields(ctx))
}

/// The columns that the selection needs of a connection's rows.
pub fn node_columns<R: Row>(ctx: &Context<'_>) -> Columns<R::Entity> {
    R::columns(node_fields(ctx))
}

/// The columns that the selection needs of an edge's row.
pub fn edge_columns<R: Row>(ctx: &Context<'_>) -> Columns<R::Entity> {
    let mut names = Vec::new();
    let mut take = |field: SelectionField<'_>| names.extend(field.selection_set().map(|field| field.name().to_owned()));
    ctx.field().selection_set().filter(|field| field.name() == "node").for_each(&mut take);
    R::columns(names.iter().map(String::as_str))
}

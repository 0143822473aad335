//! Keyset paging: a page costs the same wherever it is in the list, and a row that is added or removed elsewhere moves
//! nothing.
//!
//! A list is made of branches (tables, in effect) that select the same columns; a page takes the next rows of all of
//! them in one statement. The children of all parents of a level are fetched together, in one statement too.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, Order, QueryResult, Statement, TryGetable, Value,
    sea_query::{
        Alias, Asterisk, Cond, Expr, ExprTrait, Func, PostgresQueryBuilder, Query, SelectStatement, UnionType,
        WindowStatement,
    },
};
use uuid::Uuid;

use super::cursor::{Position, SortValue};
use crate::error::{Error, Result};
use crate::store::db::Tx;

/// The most rows of one page.
pub const MAX_PAGE: u32 = 100;
/// Rows of a page when the client names no number.
pub const DEFAULT_PAGE: u32 = 20;

/// Which part of a list is wanted.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PageRequest {
    /// How many rows.
    pub size: u32,
    /// From the end instead of the beginning.
    pub backward: bool,
    /// Only rows after this one.
    pub after: Option<Position>,
    /// Only rows before this one.
    pub before: Option<Position>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { size: DEFAULT_PAGE, backward: false, after: None, before: None }
    }
}

/// What type of value a list is ordered by, before the id.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SortKind {
    /// The id alone, which is the order of creation.
    Id,
    /// Text.
    Text,
    /// A number.
    Int,
    /// A number of the larger kind.
    BigInt,
    /// A time.
    Time,
}

/// A list's order.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Sort {
    /// What it is ordered by.
    pub kind: SortKind,
    /// Largest first.
    pub descending: bool,
}

/// One table's part in a list.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The table.
    pub table: &'static str,
    /// Selects the row's columns; every branch of a list the same ones.
    pub select: SelectStatement,
    /// The value that the list is ordered by; none when by id.
    pub sort: Option<Expr>,
    /// The row's id.
    pub id: Expr,
}

/// A row and where it stands.
#[derive(Clone, Debug)]
pub struct Edge<T> {
    /// The row.
    pub node: T,
    /// Its place in the list.
    pub position: Position,
}

/// Part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub edges: Vec<Edge<T>>,
    /// Whether there are rows after the last.
    pub has_next: bool,
    /// Whether there are rows before the first.
    pub has_previous: bool,
}

impl<T> Page<T> {
    /// A page without rows.
    pub const fn empty() -> Self {
        Self { edges: Vec::new(), has_next: false, has_previous: false }
    }
}

const SORT: &str = "_sort";
const ID: &str = "_id";

fn value_of(sort: &SortValue) -> Option<Value> {
    match sort {
        SortValue::Id => None,
        SortValue::Text(text) => Some(text.clone().into()),
        SortValue::Int(number) => Some((*number).into()),
        SortValue::Time(time) => Some((*time).into()),
    }
}

/// `(sort, id) > (…)` or `<`, as a row comparison, which both databases answer from an index.
fn beyond(branch: &Branch, position: &Position, greater: bool) -> Expr {
    match (&branch.sort, value_of(&position.sort)) {
        (Some(sort), Some(value)) => {
            let left = Expr::tuple([sort.clone(), branch.id.clone()]);
            let right = Expr::tuple([Expr::val(value), Expr::val(position.id)]);
            if greater { left.gt(right) } else { left.lt(right) }
        }
        _ if greater => branch.id.clone().gt(position.id),
        _ => branch.id.clone().lt(position.id),
    }
}

impl Sort {
    /// The direction in which rows are fetched.
    fn order(self, page: &PageRequest) -> Order {
        if self.descending != page.backward { Order::Desc } else { Order::Asc }
    }

    fn read(self, row: &QueryResult, at: usize) -> Result<Position, DbErr> {
        let sort = match self.kind {
            SortKind::Id => SortValue::Id,
            SortKind::Text => SortValue::Text(String::try_get_by_index(row, at)?),
            SortKind::Int => SortValue::Int(i64::from(i32::try_get_by_index(row, at)?)),
            SortKind::BigInt => SortValue::Int(i64::try_get_by_index(row, at)?),
            SortKind::Time => SortValue::Time(TryGetable::try_get_by_index(row, at)?),
        };
        Ok(Position { sort, id: Uuid::try_get_by_index(row, at + usize::from(self.kind != SortKind::Id))? })
    }
}

/// Adds position, bounds, order and limit (one more than wanted) to a branch.
fn bounded(branch: Branch, sort: Sort, page: &PageRequest) -> SelectStatement {
    let order = sort.order(page);
    let mut select = branch.select.clone();
    if let Some(after) = &page.after {
        select.and_where(beyond(&branch, after, !sort.descending));
    }
    if let Some(before) = &page.before {
        select.and_where(beyond(&branch, before, sort.descending));
    }
    if let Some(value) = &branch.sort {
        select.expr_as(value.clone(), Alias::new(SORT));
        select.order_by_expr(value.clone(), order.clone());
    }
    select.expr_as(branch.id.clone(), Alias::new(ID));
    select.order_by_expr(branch.id, order);
    select.limit(u64::from(page.size) + 1);
    select
}

fn assemble<T>(mut edges: Vec<Edge<T>>, page: &PageRequest) -> Page<T> {
    let more = edges.len() > page.size as usize;
    edges.truncate(page.size as usize);
    if page.backward {
        edges.reverse();
        Page { edges, has_next: page.before.is_some(), has_previous: more }
    } else {
        Page { edges, has_next: more, has_previous: page.after.is_some() }
    }
}

/// Fetches a page in one statement. `width` is the number of columns that `read` takes from the front of a row.
pub async fn fetch<T>(
    tx: &Tx,
    branches: Vec<Branch>,
    sort: Sort,
    page: &PageRequest,
    width: usize,
    read: impl Fn(&QueryResult) -> Result<T, DbErr>,
) -> Result<Page<T>> {
    let mut branches: Vec<SelectStatement> = branches.into_iter().map(|branch| bounded(branch, sort, page)).collect();
    let Some(first) = branches.pop() else { return Ok(Page::empty()) };
    let select = if branches.is_empty() { first } else { united(first, branches, sort, page) };
    let mut edges = Vec::new();
    for row in tx.query_all(&select).await? {
        edges.push(Edge { node: read(&row)?, position: sort.read(&row, width)? });
    }
    Ok(assemble(edges, page))
}

/// Several branches as one list. Each is wrapped: SQLite takes no parentheses round the parts of a union, and a limit
/// inside a part needs them.
fn united(first: SelectStatement, rest: Vec<SelectStatement>, sort: Sort, page: &PageRequest) -> SelectStatement {
    let wrap =
        |select: SelectStatement| Query::select().column(Asterisk).from_subquery(select, Alias::new("part")).to_owned();
    let mut union = wrap(first);
    for part in rest {
        union.union(UnionType::All, wrap(part));
    }
    let order = sort.order(page);
    let mut select = Query::select();
    select.column(Asterisk).from_subquery(union, Alias::new("list"));
    if sort.kind != SortKind::Id {
        select.order_by(Alias::new(SORT), order.clone());
    }
    select.order_by(Alias::new(ID), order).limit(u64::from(page.size) + 1);
    select
}

/// How many rows a list has, in one statement.
pub async fn count(tx: &Tx, selects: Vec<SelectStatement>) -> Result<i64> {
    let mut total = Query::select();
    let mut sum: Option<Expr> = None;
    for mut select in selects {
        select.clear_selects().expr(Func::count(Expr::col(Asterisk)));
        let one = Expr::SubQuery(None, Box::new(select.into()));
        sum = Some(match sum {
            Some(sum) => sum.add(one),
            None => one,
        });
    }
    let Some(sum) = sum else { return Ok(0) };
    total.expr(sum);
    let row = tx.query_one(&total).await?.ok_or_else(|| Error::internal("count gave no row"))?;
    Ok(i64::try_get_by_index(&row, 0)?)
}

/// A parent in a batch: the organisation and the id that its children refer to.
pub type ParentKey = (Uuid, Uuid);

/// The parent of the row at hand, for correlating children with: columns of the batch, under the name `p`.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The parent's organisation.
    pub org_id: Expr,
    /// The parent's id.
    pub id: Expr,
}

impl Parent {
    fn of(backend: DbBackend) -> Self {
        let cust = |sql: &'static str| Expr::cust(sql);
        match backend {
            DbBackend::Sqlite => Self { org_id: cust("unhex(p.value ->> 0)"), id: cust("unhex(p.value ->> 1)") },
            _ => Self { org_id: cust("p.org_id"), id: cust("p.id") },
        }
    }
}

/// Fetches a page of children for each of `parents`, in one statement: a lateral join on PostgreSQL (the index serves
/// each parent), a window on SQLite. `branch` gets the parent's columns to correlate with. Answers in the order of
/// `parents`.
pub async fn fetch_children<T>(
    tx: &Tx,
    parents: &[ParentKey],
    sort: Sort,
    page: &PageRequest,
    width: usize,
    branch: impl FnOnce(Parent) -> Branch,
    read: impl Fn(&QueryResult, usize) -> Result<T, DbErr>,
) -> Result<Vec<Page<T>>> {
    let backend = tx.get_database_backend();
    let branch = branch(Parent::of(backend));
    let mut lists: Vec<Vec<Edge<T>>> = parents.iter().map(|_| Vec::new()).collect();
    // The parent's place in `parents` comes first in every row.
    for row in tx.query_all_raw(children_statement(backend, parents, sort, page, branch)).await? {
        let parent = usize::try_from(i64::try_get_by_index(&row, 0)?).map_err(|_| Error::internal("parent's place"))?;
        let list = lists.get_mut(parent).ok_or_else(|| Error::internal("parent's place"))?;
        list.push(Edge { node: read(&row, 1)?, position: sort.read(&row, 1 + width)? });
    }
    Ok(lists.into_iter().map(|edges| assemble(edges, page)).collect())
}

fn children_statement(
    backend: DbBackend,
    parents: &[ParentKey],
    sort: Sort,
    page: &PageRequest,
    branch: Branch,
) -> Statement {
    if backend == DbBackend::Sqlite {
        return sqlite_children(parents, sort, page, branch);
    }
    let order = if sort.order(page) == Order::Desc { "DESC" } else { "ASC" };
    let sorted = if sort.kind == SortKind::Id { String::new() } else { format!("c.\"{SORT}\" {order}, ") };
    let (inner, mut values) = bounded(branch, sort, page).build(PostgresQueryBuilder);
    let (orgs, ids) = (values.0.len() + 1, values.0.len() + 2);
    // Keys travel as two arrays, so that the statement has one text whatever their number.
    values.0.push(array(parents.iter().map(|(org_id, _)| org_id)).into());
    values.0.push(array(parents.iter().map(|(_, id)| id)).into());
    let sql = format!(
        "SELECT p.n - 1, c.* FROM unnest(CAST(${orgs} AS uuid[]), CAST(${ids} AS uuid[])) WITH ORDINALITY \
         AS p(org_id, id, n) CROSS JOIN LATERAL ({inner}) AS c ORDER BY p.n, {sorted}c.\"{ID}\" {order}"
    );
    Statement { sql, values: Some(values), db_backend: DbBackend::Postgres }
}

fn array<'a>(keys: impl Iterator<Item = &'a Uuid>) -> String {
    let keys: Vec<String> = keys.map(Uuid::to_string).collect();
    format!("{{{}}}", keys.join(","))
}

fn pairs(parents: &[ParentKey]) -> String {
    let pairs: Vec<String> =
        parents.iter().map(|(org_id, id)| format!("[\"{}\",\"{}\"]", org_id.simple(), id.simple())).collect();
    format!("[{}]", pairs.join(","))
}

fn sqlite_children(parents: &[ParentKey], sort: Sort, page: &PageRequest, branch: Branch) -> Statement {
    const RANK: &str = "_rank";
    const PARENT: &str = "_parent";
    let order = sort.order(page);
    let mut window = WindowStatement::partition_by_custom("p.key");
    if let Some(value) = &branch.sort {
        window.order_by_expr(value.clone(), order.clone());
    }
    window.order_by_expr(branch.id.clone(), order.clone());
    let table = Alias::new(branch.table);
    let mut inner = bounded(branch, sort, page);
    inner.reset_limit().clear_order_by();
    // CROSS JOIN: SQLite keeps its order, so that the index finds each parent's children. Left to itself the planner may
    // walk all of an organisation's rows for every parent.
    inner
        .from_clear()
        .from_function(Func::cust(Alias::new("json_each")).arg(pairs(parents)), Alias::new("p"))
        .cross_join(table)
        .expr_window_as(Func::cust(Alias::new("row_number")), window, Alias::new(RANK))
        .expr_as(Expr::cust("p.key"), Alias::new(PARENT));
    let mut outer = Query::select();
    outer.expr(Expr::col(Alias::new(PARENT))).column((Alias::new("c"), Asterisk)).from_subquery(inner, Alias::new("c"));
    outer.cond_where(Cond::all().add(Expr::col(Alias::new(RANK)).lte(page.size + 1)));
    outer.order_by(Alias::new(PARENT), Order::Asc);
    if sort.kind != SortKind::Id {
        outer.order_by(Alias::new(SORT), order.clone());
    }
    outer.order_by(Alias::new(ID), order);
    DbBackend::Sqlite.build(&outer)
}

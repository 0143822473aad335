//! The only room that builds queries.
//!
//! A [`Store`] is bound to one viewer for one request. Reads start from its [`Scope`], share one read-only transaction
//! that is opened when the first of them needs it, and carry at most the columns that were asked for. Writes run in a
//! transaction of their own and take a permit. Nobody outside this room sees a connection.
#![allow(clippy::disallowed_methods, reason = "the one room that may build queries")]

pub mod audit;
pub mod auth;
pub mod db;
pub mod list;
pub mod read;
pub mod scope;
pub mod seed;
pub mod write;

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use entity::{
    ids::{OrgId, TypedId},
    table::Classified,
};
use sea_orm::{
    ConnectionTrait, DbErr, QueryResult, TryGetable,
    sea_query::{Asterisk, Expr, ExprTrait, Func, IntoColumnRef, SelectStatement},
};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    viewer::Viewer,
};
use db::{Database, Role, Tx};
use list::{
    page::{self, Branch, Page, PageRequest, Parent, ParentKey, Sort},
    row::{Columns, Row},
};
use scope::{Scope, Visible};

/// One viewer's access to the database, for one request.
#[derive(Debug)]
pub struct Store {
    db: Database,
    viewer: Arc<Viewer>,
    read: tokio::sync::Mutex<Option<Arc<Tx>>>,
    statements: Arc<AtomicU64>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tx")
    }
}

impl Store {
    /// Binds `db` to `viewer`. Opens nothing yet.
    pub fn new(db: Database, viewer: Arc<Viewer>) -> Self {
        Self { db, viewer, read: tokio::sync::Mutex::new(None), statements: Arc::default() }
    }

    /// What the viewer may read; a viewer without any scope is told to sign in, or that nothing is there.
    pub fn scope(&self) -> Result<Scope<'_>> {
        Scope::of(&self.viewer).ok_or(match *self.viewer {
            Viewer::Anonymous => Error::Unauthenticated,
            _ => Error::NotFound,
        })
    }

    /// The read-only transaction of this operation, opened on first use.
    pub async fn read(&self) -> Result<Arc<Tx>> {
        let mut read = self.read.lock().await;
        if let Some(tx) = &*read {
            return Ok(Arc::clone(tx));
        }
        let scope = self.scope()?;
        let (role, org) = match scope {
            Scope::Tenant(_) | Scope::Service(_) => (Role::Tenant, scope.org_id()),
            Scope::Operator => (Role::Operator, None),
        };
        let tx = Arc::new(self.db.begin_read(role, org).await?.counted(&self.statements));
        *read = Some(Arc::clone(&tx));
        Ok(tx)
    }

    /// Ends the shared read: what is read next sees what was committed meanwhile. Called round every mutation field.
    pub async fn end_read(&self) {
        self.read.lock().await.take();
    }

    /// Begins a write inside `org`: a member's or a service account's own organisation, or the one that an operator acts on.
    pub async fn begin_write(&self, org: Option<OrgId>) -> Result<Tx> {
        self.end_read().await;
        let scope = self.scope()?;
        let role = match scope {
            Scope::Tenant(_) | Scope::Service(_) if org == scope.org_id() => Role::Tenant,
            // A write into another organisation is a fault of ours: the permit should have refused.
            Scope::Tenant(_) | Scope::Service(_) => return Err(Error::NotFound),
            Scope::Operator => Role::Operator,
        };
        Ok(self.db.begin_write(role, org).await?.counted(&self.statements))
    }

    /// Begins a transaction as one of the platform's own roles, for what no viewer's role may do itself.
    pub async fn begin_as(&self, role: Role, org: Option<OrgId>) -> Result<Tx> {
        self.end_read().await;
        Ok(self.db.begin_write(role, org).await?.counted(&self.statements))
    }

    /// How many statements this operation's reads have run, the opening ones not counted.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// The database itself, for what is read by `identity`.
    pub const fn database(&self) -> &Database {
        &self.db
    }

    /// Who reads.
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// The tripwire: a row of another organisation must never have come this far. If one did, a wall is down: say so
    /// loudly and answer as if there were nothing.
    fn tripwire(&self, org_id: OrgId, table: &'static str) -> Result<()> {
        if self.viewer.org_id().is_some_and(|own| own != org_id) {
            tracing::error!(table, "TRIPWIRE: a row of another organisation was loaded");
            return Err(Error::NotFound);
        }
        Ok(())
    }

    /// Reads rows of one table by statement.
    async fn rows<R: OrgRow>(&self, select: &SelectStatement, columns: Columns<R::Entity>) -> Result<Vec<R>> {
        let tx = self.read().await?;
        let mut rows = Vec::new();
        for row in tx.query_all(select).await? {
            let row = R::read(&row, columns, 0)?;
            self.tripwire_row(&row)?;
            rows.push(row);
        }
        Ok(rows)
    }

    fn tripwire_row<R: OrgRow>(&self, row: &R) -> Result<()> {
        row.org_id().map_or(Ok(()), |org_id| self.tripwire(org_id, table::<R::Entity>()))
    }

    /// Looks rows up by id, all of a level at once. Ids that are absent, hidden or another organisation's are missing
    /// from the answer alike.
    async fn by_ids<R>(&self, ids: &[Uuid], columns: Columns<R::Entity>) -> Result<Vec<R>>
    where
        R: OrgRow,
        R::Entity: Visible,
    {
        let scope = self.scope()?;
        let columns = scope.project(columns);
        let mut select = scope.find::<R::Entity>(columns);
        select.and_where(any_of(id_column::<R::Entity>(), ids, self.db.backend()));
        self.rows(&select, columns).await
    }

    /// A page of a list of one table.
    async fn list<R>(&self, list: List<R>, page: &PageRequest) -> Result<Page<R>>
    where
        R: OrgRow,
        R::Entity: Visible,
    {
        let scope = self.scope()?;
        let columns = scope.project(list.columns);
        let mut select = scope.find::<R::Entity>(columns);
        for condition in list.conditions {
            select.and_where(condition);
        }
        let branch = Branch { table: table::<R::Entity>(), select, sort: list.sort_by, id: id_column::<R::Entity>() };
        let tx = self.read().await?;
        let read = |row: &QueryResult| R::read(row, columns, 0);
        let page = page::fetch(&tx, vec![branch], list.sort, page, columns.len(), read).await?;
        self.checked(page)
    }

    fn checked<R: OrgRow>(&self, page: Page<R>) -> Result<Page<R>> {
        page.edges.iter().try_for_each(|edge| self.tripwire_row(&edge.node))?;
        Ok(page)
    }

    /// How many rows a list has.
    async fn list_count<R>(&self, list: List<R>) -> Result<i64>
    where
        R: OrgRow,
        R::Entity: Visible,
    {
        let mut select = self.scope()?.rows::<R::Entity>();
        for condition in list.conditions {
            select.and_where(condition);
        }
        page::count(&*self.read().await?, vec![select]).await
    }

    /// A page of children for each parent, one statement for all.
    async fn children<R>(
        &self,
        parents: &[ParentKey],
        list: List<R>,
        page: &PageRequest,
        correlate: impl FnOnce(Parent) -> Vec<Expr>,
    ) -> Result<Vec<Page<R>>>
    where
        R: OrgRow,
        R::Entity: Visible,
    {
        let scope = self.scope()?;
        let columns = scope.project(list.columns);
        let tx = self.read().await?;
        let branch = |parent: Parent| {
            let mut select = scope.find::<R::Entity>(columns);
            for condition in list.conditions.into_iter().chain(correlate(parent)) {
                select.and_where(condition);
            }
            Branch { table: table::<R::Entity>(), select, sort: list.sort_by, id: id_column::<R::Entity>() }
        };
        let read = |row: &QueryResult, first: usize| -> Result<R, DbErr> { R::read(row, columns, first) };
        let pages = page::fetch_children(&tx, parents, list.sort, page, columns.len(), branch, read).await?;
        pages.into_iter().map(|page| self.checked(page)).collect()
    }
}

/// Counting, one statement for all parents of a level.
impl Store {
    /// How many rows of a list refer to each of `ids` by `column`. Parents without any are missing from the answer.
    async fn child_counts<R, K>(&self, list: List<R>, column: &'static str, ids: &[K]) -> Result<HashMap<K, i64>>
    where
        R: OrgRow,
        R::Entity: Visible,
        K: TypedId + TryGetable + Eq + Hash,
    {
        let column = table_column::<R::Entity>(column);
        let mut select = self.scope()?.rows::<R::Entity>();
        for condition in list.conditions {
            select.and_where(condition);
        }
        select
            .expr(column.clone())
            .expr(Func::count(Expr::col(Asterisk)))
            .and_where(any_of(column.clone(), &uuids(ids), self.db.backend()))
            .add_group_by([column]);
        let mut counts = HashMap::new();
        for row in self.read().await?.query_all(&select).await? {
            counts.insert(K::try_get_by_index(&row, 0)?, i64::try_get_by_index(&row, 1)?);
        }
        Ok(counts)
    }

    /// How many rows refer to each of `ids` by `column`, per stored word of `status`.
    async fn count_states<E, K>(&self, column: &'static str, ids: &[K]) -> Result<Vec<(K, String, i64)>>
    where
        E: Visible,
        K: TypedId + TryGetable,
    {
        let (column, status) = (table_column::<E>(column), table_column::<E>("status"));
        let mut select = self.scope()?.rows::<E>();
        select
            .expr(column.clone())
            .expr(status.clone())
            .expr(Func::count(Expr::col(Asterisk)))
            .and_where(any_of(column.clone(), &uuids(ids), self.db.backend()))
            .add_group_by([column, status]);
        let mut counts = Vec::new();
        for row in self.read().await?.query_all(&select).await? {
            counts.push((
                K::try_get_by_index(&row, 0)?,
                String::try_get_by_index(&row, 1)?,
                i64::try_get_by_index(&row, 2)?,
            ));
        }
        Ok(counts)
    }
}

/// A list of one table before paging.
#[derive(Clone, Debug)]
pub struct List<R: Row> {
    columns: Columns<R::Entity>,
    conditions: Vec<Expr>,
    sort: Sort,
    sort_by: Option<Expr>,
}

impl<R: Row> List<R> {
    /// All rows, in order of creation.
    pub const fn new(columns: Columns<R::Entity>) -> Self {
        Self {
            columns,
            conditions: Vec::new(),
            sort: Sort { kind: page::SortKind::Id, descending: false },
            sort_by: None,
        }
    }

    /// Only rows for which the condition holds.
    #[must_use]
    fn only(mut self, condition: Option<Expr>) -> Self {
        self.conditions.extend(condition);
        self
    }

    /// In another order.
    #[must_use]
    fn sorted(mut self, sort: Sort, by: Option<Expr>) -> Self {
        self.sort = sort;
        self.sort_by = by;
        self
    }
}

/// A row that may belong to an organisation.
pub trait OrgRow: Row {
    /// The organisation; none for rows of the platform.
    fn org_id(&self) -> Option<OrgId>;
}

/// A table's name.
fn table<E: Classified>() -> &'static str {
    E::default().table_name()
}

/// The column `id` of a table.
fn id_column<E: Classified>() -> Expr {
    table_column::<E>("id")
}

fn table_column<E: Classified>(name: &'static str) -> Expr {
    Expr::col((E::default(), sea_orm::sea_query::Alias::new(name)).into_column_ref())
}

/// `column` is one of `ids`, with the ids bound as one value: one statement text whatever their number.
pub fn any_of(column: Expr, ids: &[Uuid], backend: sea_orm::DbBackend) -> Expr {
    if backend == sea_orm::DbBackend::Sqlite {
        let list: Vec<String> = ids.iter().map(|id| format!("\"{}\"", id.simple())).collect();
        let list = format!("[{}]", list.join(","));
        // SQLite's placeholder has no number: a `$1` here would be sent as it is, and mean the statement's first value.
        Expr::cust_with_exprs("? IN (SELECT unhex(value) FROM json_each(?))", [column, Expr::val(list)])
    } else {
        let list: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        let list = format!("{{{}}}", list.join(","));
        Expr::cust_with_exprs("$1 = ANY(CAST($2 AS uuid[]))", [column, Expr::val(list)])
    }
}

/// A pattern that finds `text` anywhere in a folded column.
fn contains(column: Expr, text: &str) -> Expr {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for char in fold(text).chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    column.like(sea_orm::sea_query::LikeExpr::new(pattern).escape('\\'))
}

/// Folds text for search, in Rust, so that both databases find the same.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// The bare UUIDs of typed ids.
fn uuids<I: TypedId>(ids: &[I]) -> Vec<Uuid> {
    ids.iter().map(|id| id.uuid()).collect()
}

/// The sort of a list that is ordered by one metadata column, or by id.
fn metadata_sort(by: Option<Expr>, is_time: bool) -> (page::SortKind, Option<Expr>) {
    let kind = match by {
        None => page::SortKind::Id,
        Some(_) if is_time => page::SortKind::Time,
        Some(_) => page::SortKind::Int,
    };
    (kind, by)
}

/// Turns stored words back into states; a word that is none (which a CHECK rules out) is left out.
fn states<K, S: Copy>(counted: Vec<(K, String, i64)>, all: &[S], word: fn(S) -> &'static str) -> Vec<(K, S, i64)> {
    counted
        .into_iter()
        .filter_map(|(key, state, count)| {
            all.iter().find(|known| word(**known) == state).map(|state| (key, *state, count))
        })
        .collect()
}

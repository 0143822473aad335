//! Inserts the demo platform.
//!
//! The one place that writes rows of many organisations at once, and without a permit: it runs before anybody can sign
//! in, on a database that holds nothing. It refuses a database that holds something, so that `palisade demo`, pointed at
//! a live database by mistake, changes nothing.
//!
//! Everything is one transaction, and the mark that [`is_demo`] looks for is its last row: a seed that was interrupted has
//! not happened, and the next start makes it anew. A database with the mark is left as it is.
//!
//! ```ignore
//! if !seed::is_demo(&db).await? {
//!     seed::insert(&db, &demo::plan(clock.now())).await?;
//! }
//! ```

use entity::{
    ids::{OrgId, ServiceAccountId},
    organization, platform_setting, service_account, user,
};
use sea_orm::{
    ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, ModelTrait, Order, TryGetable,
    sea_query::{Expr, ExprTrait, Query},
};

use super::db::{Database, Role};
use crate::{
    demo::{self, DemoKey, DemoPlatform},
    error::{Error, Result},
};

/// The setting that says so.
const MARK: &str = "demo";

/// Values in one statement: both databases bind at most some 32,000.
const VALUES: usize = 16_000;

/// Whether the database was made by [`insert`], and completely.
pub async fn is_demo(db: &Database) -> Result<bool> {
    // Only this role reads settings on PostgreSQL.
    let tx = db.begin_read(Role::Identity, None).await?;
    let mut select = Query::select();
    select
        .column(platform_setting::Column::Value)
        .from(platform_setting::Entity)
        .and_where(Expr::col(platform_setting::Column::Key).eq(MARK));
    Ok(tx.query_one(&select).await?.is_some())
}

/// The keys of the demo's service accounts, which name ids that were made with the database.
pub async fn demo_keys(db: &Database) -> Result<Vec<DemoKey>> {
    use service_account::{Column, Entity};
    let tx = db.begin_read(Role::Identity, None).await?;
    let of_org = |column| Expr::col((organization::Entity, column));
    let mut select = Query::select();
    select
        .column((organization::Entity, organization::Column::Name))
        .columns([(Entity, Column::OrgId), (Entity, Column::Id)])
        .column((Entity, Column::Name))
        .from(Entity)
        .inner_join(organization::Entity, of_org(organization::Column::Id).equals((Entity, Column::OrgId)))
        .order_by((Entity, Column::OrgId), Order::Asc)
        .order_by((Entity, Column::Id), Order::Asc);
    let mut keys = Vec::new();
    for row in tx.query_all(&select).await? {
        let organization = String::try_get_by_index(&row, 0)?;
        let (org_id, id) = (OrgId::try_get_by_index(&row, 1)?, ServiceAccountId::try_get_by_index(&row, 2)?);
        keys.extend(demo::key(&organization, org_id, id, &String::try_get_by_index(&row, 3)?));
    }
    Ok(keys)
}

/// Inserts the platform, or refuses: `CONFLICT` where there are accounts or organisations already.
///
/// For SQLite. No role of the server may write accounts and organisations' rows alike on PostgreSQL, on purpose: see
/// [`write`](fn@write).
pub async fn insert(db: &Database, platform: &DemoPlatform) -> Result<()> {
    let tx = db.begin_write(Role::System, None).await?;
    write(&tx, platform).await?;
    tx.commit().await
}

/// Inserts the platform in the caller's transaction. On PostgreSQL the connection must be a superuser's: tests and
/// benchmarks have one, the server does not.
pub async fn write(connection: &impl ConnectionTrait, platform: &DemoPlatform) -> Result<()> {
    empty::<user::Entity>(connection).await?;
    empty::<organization::Entity>(connection).await?;

    // Parents first: foreign keys are checked as the rows come.
    rows(connection, &platform.users).await?;
    rows(connection, &platform.organizations).await?;
    rows(connection, &platform.global_agents).await?;
    rows(connection, &platform.global_agent_documents).await?;
    rows(connection, &platform.platform_events).await?;
    rows(connection, &platform.org_memberships).await?;
    rows(connection, &platform.invitations).await?;
    rows(connection, &platform.teams).await?;
    rows(connection, &platform.team_memberships).await?;
    rows(connection, &platform.agents).await?;
    rows(connection, &platform.agent_collaborators).await?;
    rows(connection, &platform.agent_admins).await?;
    rows(connection, &platform.service_accounts).await?;
    rows(connection, &platform.service_account_agents).await?;
    rows(connection, &platform.workers).await?;
    rows(connection, &platform.goals).await?;
    rows(connection, &platform.workspace_files).await?;
    rows(connection, &platform.workspace_usage).await?;
    rows(connection, &platform.agent_documents).await?;
    rows(connection, &platform.tasks).await?;
    rows(connection, &platform.task_dependencies).await?;
    rows(connection, &platform.executions).await?;
    rows(connection, &platform.approval_requests).await?;
    rows(connection, &platform.approval_decisions).await?;
    rows(connection, &platform.chat_sessions).await?;
    rows(connection, &platform.chat_messages).await?;
    rows(connection, &platform.llm_usage).await?;
    rows(connection, &platform.usage_days).await?;
    rows(connection, &platform.budgets).await?;
    rows(connection, &platform.events).await?;
    rows(connection, &platform.event_heads).await?;
    rows(connection, &[platform_setting::Model { key: MARK.to_owned(), value: "true".to_owned() }]).await
}

async fn empty<E: EntityTrait>(connection: &impl ConnectionTrait) -> Result<()> {
    let mut select = Query::select();
    select.expr(Expr::val(1)).from(E::default()).limit(1);
    match connection.query_one(&select).await? {
        None => Ok(()),
        Some(_) => Err(Error::Conflict("The database holds data already; the demo needs an empty one.")),
    }
}

/// Inserts the rows of one table, many in a statement.
async fn rows<M>(connection: &impl ConnectionTrait, rows: &[M]) -> Result<()>
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
{
    let columns = <M::Entity as EntityTrait>::Column::iter().count();
    for rows in rows.chunks(VALUES / columns.max(1)) {
        let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
        M::Entity::insert_many(rows).exec_without_returning(connection).await?;
    }
    Ok(())
}

//! Usage, as it is reported: the calls, and what they add to the sums of their days, in one transaction.
//!
//! Calls are inserted in the order of their request ids and days added to in the order of their keys, so that reporters who
//! overlap wait for each other and never in a circle. Each function is one statement, or a fixed number, whatever the
//! number of calls.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use entity::{
    agent, chat_session, goal,
    ids::{AgentId, ChatSessionId, GoalId, LlmUsageId, OrgId, ServiceAccountId, TaskId, UserId},
    llm_usage, org_membership, task, usage_day,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbBackend, EntityTrait, Order, QueryTrait, TryGetable,
    sea_query::{Alias, Expr, ExprTrait, LockType, OnConflict, Query},
};

use crate::{
    error::{Error, Result},
    policy::permit::{Permit, RecordUsage},
    store::{
        Store, any_of,
        db::Tx,
        read::usage::keyed,
        scope::{TenantPrincipal, visible_through_agent},
        table_column, uuids,
    },
};

/// A call of a model, as it is stored. Its order is that of its request id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsageDraft {
    /// The reporter's own id.
    pub request_id: String,
    /// What was called and what it came to.
    pub call: Call,
    /// Whose usage it is.
    pub user_id: Option<UserId>,
    /// When it was spent.
    pub at: DateTime<Utc>,
}

/// What makes two reports of one request the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// The model.
    pub model: String,
    /// Tokens read.
    pub tokens_in: i64,
    /// Tokens written.
    pub tokens_out: i64,
    /// Cost in billionths of a US dollar.
    pub cost_nanos: i64,
    /// The agent that called.
    pub agent_id: AgentId,
    /// The goal it worked for.
    pub goal_id: Option<GoalId>,
    /// The task of that goal.
    pub task_id: Option<TaskId>,
    /// The chat that it answered in.
    pub session_id: Option<ChatSessionId>,
}

/// What calls can be for, as far as the reporter sees it.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    /// Agents of the organisation, installed ones included.
    pub agents: Vec<AgentId>,
    /// Tasks: their agent and goal.
    pub tasks: HashMap<TaskId, (AgentId, GoalId)>,
    /// Goals: their agent and submitter.
    pub goals: HashMap<GoalId, (AgentId, Option<UserId>)>,
    /// Chats: their agent and user.
    pub sessions: HashMap<ChatSessionId, (AgentId, Option<UserId>)>,
}

/// What calls are said to be for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Agents.
    pub agents: Vec<AgentId>,
    /// Tasks, whose goals are looked up too.
    pub tasks: Vec<TaskId>,
    /// Goals.
    pub goals: Vec<GoalId>,
    /// Chats.
    pub sessions: Vec<ChatSessionId>,
}

impl Store {
    /// Looks up what calls are said to be for, among the reporter's agents. Not by [`crate::store::scope::Scope::find`]:
    /// a key that reports usage need not be one that reads goals, and is told nothing of them here.
    pub async fn usage_subjects(&self, tx: &Tx, permit: &Permit<RecordUsage>, wanted: Wanted) -> Result<Subjects> {
        let principal = self.scope()?.principal().ok_or(Error::NotFound)?;
        let org_id = permit.key();
        let mut found = Subjects::default();
        for row in subjects::<agent::Entity>(tx, principal, org_id, &["id"], "id", &uuids(&wanted.agents)).await? {
            found.agents.push(AgentId::try_get_by_index(&row, 0)?);
        }
        let mut goals = wanted.goals;
        if !wanted.tasks.is_empty() {
            let columns = &["id", "agent_id", "goal_id"];
            for row in
                subjects::<task::Entity>(tx, principal, org_id, columns, "agent_id", &uuids(&wanted.tasks)).await?
            {
                let goal_id = GoalId::try_get_by_index(&row, 2)?;
                goals.push(goal_id);
                let task = (AgentId::try_get_by_index(&row, 1)?, goal_id);
                found.tasks.insert(TaskId::try_get_by_index(&row, 0)?, task);
            }
        }
        if !goals.is_empty() {
            let columns = &["id", "agent_id", "submitted_by"];
            for row in subjects::<goal::Entity>(tx, principal, org_id, columns, "agent_id", &uuids(&goals)).await? {
                let goal = (AgentId::try_get_by_index(&row, 1)?, Option::try_get_by_index(&row, 2)?);
                found.goals.insert(GoalId::try_get_by_index(&row, 0)?, goal);
            }
        }
        if !wanted.sessions.is_empty() {
            let columns = &["id", "agent_id", "user_id"];
            let ids = uuids(&wanted.sessions);
            for row in subjects::<chat_session::Entity>(tx, principal, org_id, columns, "agent_id", &ids).await? {
                let session = (AgentId::try_get_by_index(&row, 1)?, Option::try_get_by_index(&row, 2)?);
                found.sessions.insert(ChatSessionId::try_get_by_index(&row, 0)?, session);
            }
        }
        Ok(found)
    }
}

/// Rows by id, of the agents that `principal` sees.
async fn subjects<E: entity::table::Classified>(
    tx: &Tx,
    principal: TenantPrincipal<'_>,
    org_id: OrgId,
    columns: &[&'static str],
    agent: &'static str,
    ids: &[uuid::Uuid],
) -> Result<Vec<sea_orm::QueryResult>> {
    let mut select = Query::select();
    select
        .exprs(columns.iter().map(|column| table_column::<E>(column)))
        .from(E::default())
        .and_where(table_column::<E>("org_id").eq(org_id))
        .and_where(any_of(table_column::<E>("id"), ids, tx.get_database_backend()));
    if let Some(condition) = visible_through_agent(principal, table_column::<E>(agent)) {
        select.cond_where(condition);
    }
    Ok(tx.query_all(&select).await?)
}

/// Holds the memberships of those whose usage it is: the rows that follow refer to them, and memberships are locked before
/// agents.
pub async fn usage_hold_users(tx: &Tx, permit: &Permit<RecordUsage>, users: &[UserId]) -> Result<()> {
    use org_membership::{Column, Entity};
    let mut select = Query::select();
    select
        .column(Column::Id)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(permit.key()))
        .and_where(any_of(Expr::col(Column::UserId), &uuids(users), tx.get_database_backend()))
        .order_by(Column::Id, Order::Asc)
        .lock(LockType::KeyShare);
    tx.query_all(&select).await?;
    Ok(())
}

/// Inserts calls that were not reported before, `drafts` being in the order of their request ids, and gives the request
/// ids of those that were inserted.
pub async fn usage_insert(
    tx: &Tx,
    permit: &Permit<RecordUsage>,
    reporter: Option<ServiceAccountId>,
    drafts: &[(LlmUsageId, UsageDraft)],
) -> Result<Vec<String>> {
    use llm_usage::{Column, Entity};
    let rows =
        drafts.iter().cloned().map(|(id, UsageDraft { request_id, call, user_id, at })| llm_usage::ActiveModel {
            org_id: Set(permit.key()),
            id: Set(id),
            agent_id: Set(Some(call.agent_id)),
            goal_id: Set(call.goal_id),
            task_id: Set(call.task_id),
            session_id: Set(call.session_id),
            user_id: Set(user_id),
            service_account_id: Set(reporter),
            model: Set(call.model),
            request_id: Set(request_id),
            tokens_in: Set(call.tokens_in),
            tokens_out: Set(call.tokens_out),
            cost_nanos: Set(call.cost_nanos),
            created_at: Set(at),
        });
    let mut insert = Entity::insert_many(rows).into_query();
    insert
        .on_conflict(OnConflict::columns([Column::OrgId, Column::RequestId]).do_nothing().to_owned())
        .returning(Query::returning().column(Column::RequestId));
    let rows = tx.query_all(&insert).await?;
    rows.iter().map(|row| Ok(String::try_get_by_index(row, 0)?)).collect()
}

/// Calls that were reported before, by request id.
pub async fn usage_reported(
    tx: &Tx,
    permit: &Permit<RecordUsage>,
    request_ids: &[&str],
) -> Result<HashMap<String, Call>> {
    use llm_usage::{Column, Entity};
    // The ids travel as one value, so that the statement has one text whatever their number.
    let ids = serde_json::to_string(request_ids).map_err(|error| Error::internal(error.to_string()))?;
    let (any, ids) = match tx.get_database_backend() {
        DbBackend::Sqlite => ("? IN (SELECT value FROM json_each(?))", ids),
        _ => ("$1 IN (SELECT json_array_elements_text(CAST($2 AS json)))", ids),
    };
    let mut select = Query::select();
    select
        .columns([
            Column::RequestId,
            Column::Model,
            Column::TokensIn,
            Column::TokensOut,
            Column::CostNanos,
            Column::AgentId,
            Column::GoalId,
            Column::TaskId,
            Column::SessionId,
        ])
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(permit.key()))
        .and_where(Expr::cust_with_exprs(any, [Expr::col(Column::RequestId), Expr::val(ids)]));
    let mut calls = HashMap::new();
    for row in tx.query_all(&select).await? {
        let call = Call {
            model: String::try_get_by_index(&row, 1)?,
            tokens_in: i64::try_get_by_index(&row, 2)?,
            tokens_out: i64::try_get_by_index(&row, 3)?,
            cost_nanos: i64::try_get_by_index(&row, 4)?,
            agent_id: keyed(Option::try_get_by_index(&row, 5)?),
            goal_id: Option::try_get_by_index(&row, 6)?,
            task_id: Option::try_get_by_index(&row, 7)?,
            session_id: Option::try_get_by_index(&row, 8)?,
        };
        calls.insert(String::try_get_by_index(&row, 0)?, call);
    }
    Ok(calls)
}

/// Adds calls to the sums of their days.
pub async fn usage_add_up<'a>(
    tx: &Tx,
    permit: &Permit<RecordUsage>,
    calls: impl Iterator<Item = &'a UsageDraft>,
) -> Result<()> {
    use usage_day::{Column, Entity};
    let mut days: BTreeMap<_, [i64; 4]> = BTreeMap::new();
    for UsageDraft { call, user_id, at, .. } in calls {
        let key = (at.date_naive().to_string(), &call.model, call.agent_id, keyed(*user_id));
        let sums = days.entry(key).or_default();
        for (sum, one) in sums.iter_mut().zip([1, call.tokens_in, call.tokens_out, call.cost_nanos]) {
            *sum = sum.checked_add(one).ok_or_else(|| Error::internal("a batch's sum is out of range"))?;
        }
    }
    if days.is_empty() {
        return Ok(());
    }
    let rows =
        days.into_iter().map(|((day, model, agent_id, user_id), [requests, tokens_in, tokens_out, cost_nanos])| {
            usage_day::ActiveModel {
                org_id: Set(permit.key()),
                day: Set(day),
                model: Set(model.clone()),
                agent_id: Set(agent_id),
                user_id: Set(user_id),
                requests: Set(requests),
                tokens_in: Set(tokens_in),
                tokens_out: Set(tokens_out),
                cost_nanos: Set(cost_nanos),
            }
        });
    let sums = [Column::Requests, Column::TokensIn, Column::TokensOut, Column::CostNanos];
    let key = [Column::OrgId, Column::Day, Column::Model, Column::AgentId, Column::UserId];
    let mut add = OnConflict::columns(key);
    add.values(sums.map(|sum| (sum, Expr::col((Entity, sum)).add(Expr::col((Alias::new("excluded"), sum))))));
    let mut insert = Entity::insert_many(rows).into_query();
    insert.on_conflict(add).returning(Query::returning().columns(sums));
    for row in tx.query_all(&insert).await? {
        // SQLite makes a float of a sum that is out of range, and would keep it: what comes back must be whole.
        for at in 0..sums.len() {
            i64::try_get_by_index(&row, at)?;
        }
    }
    Ok(())
}

//! The same rows by hand-written SQL: one statement each, prepared, on a pool of the same size, as a superuser without a
//! transaction. What is left out, on purpose, is all that Palisade is for: who asks, what they may see, and GraphQL.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::{
    AssertSqlSafe, PgPool, SqlitePool, postgres::PgPoolOptions, sqlite::SqlitePoolOptions, types::Uuid as SqlUuid,
};
use uuid::Uuid;

use super::{
    load::{AsyncAsk, Server},
    world::{Kind, World},
};

const TASK: &str = "SELECT id, type, status, priority, created_at, updated_at FROM tasks WHERE org_id = $1 AND id = $2";

const LIST: &str = "SELECT id, type, status, priority, created_at, updated_at FROM tasks \
     WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT 21";

const TREE_POSTGRES: &str = "SELECT a.id, a.name, g.id, g.status, t.id, t.type, t.status FROM agents a \
     CROSS JOIN LATERAL (SELECT id, status FROM goals \
         WHERE org_id = a.org_id AND agent_id = a.id ORDER BY id DESC LIMIT 6) g \
     CROSS JOIN LATERAL (SELECT id, type, status FROM tasks \
         WHERE org_id = a.org_id AND goal_id = g.id ORDER BY id LIMIT 6) t \
     WHERE a.org_id = $1 AND a.id = ANY(CAST($2 AS uuid[]))";

const TREE_SQLITE: &str = "SELECT a.id, a.name, g.id, g.status, t.id, t.type, t.status FROM agents a \
     CROSS JOIN goals g ON g.org_id = a.org_id AND g.id IN (SELECT id FROM goals \
         WHERE org_id = a.org_id AND agent_id = a.id ORDER BY id DESC LIMIT 6) \
     CROSS JOIN tasks t ON t.org_id = a.org_id AND t.id IN (SELECT id FROM tasks \
         WHERE org_id = a.org_id AND goal_id = g.id ORDER BY id LIMIT 6) \
     WHERE a.org_id = $1 AND a.id IN (SELECT unhex(value) FROM json_each($2))";

type TaskRow = (SqlUuid, String, String, i32, DateTime<Utc>, DateTime<Utc>);
type TreeRow = (SqlUuid, String, SqlUuid, String, SqlUuid, String, String);

/// A pool beside the server's own.
#[derive(Clone, Debug)]
pub enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// What is read, of one organisation.
#[derive(Clone, Debug)]
pub enum Read {
    /// One of these tasks.
    Task(Vec<Uuid>),
    /// Twenty tasks before one of these.
    List(Vec<Uuid>),
    /// Goals and tasks of these agents.
    Tree(Vec<Uuid>),
}

impl Pool {
    pub async fn of(world: &World) -> Self {
        match world.kind {
            Kind::Sqlite => {
                let pool = SqlitePoolOptions::new().max_connections(world.connections);
                Self::Sqlite(pool.connect(&world.url).await.unwrap())
            }
            Kind::Postgres => {
                let pool = PgPoolOptions::new().max_connections(world.connections);
                Self::Postgres(pool.connect(&world.url).await.unwrap())
            }
        }
    }

    /// The server's processes.
    pub async fn server(&self) -> Server {
        match self {
            Self::Sqlite(_) => Server::default(),
            Self::Postgres(pool) => {
                Server::of_backend(sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(pool).await.unwrap())
            }
        }
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A statement that can be run as often as wanted.
#[derive(Clone, Debug)]
pub struct Baseline {
    pub pool: Pool,
    pub organization: Uuid,
    pub read: Arc<Read>,
}

impl Baseline {
    /// Runs it and answers how many rows came.
    pub async fn rows(&self, number: usize) -> usize {
        /// The two databases' types have nothing in common that could be generic.
        macro_rules! fetch {
            ($pool:expr, $row:ty, $sql:expr, $second:expr) => {{
                let query = sqlx::query_as::<_, $row>(AssertSqlSafe($sql)).bind(self.organization).bind($second);
                query.fetch_all($pool).await.unwrap().len()
            }};
        }
        let one = |ids: &[Uuid]| ids[number % ids.len()];
        match (&*self.read, &self.pool) {
            (Read::Task(ids), Pool::Sqlite(pool)) => fetch!(pool, TaskRow, TASK, one(ids)),
            (Read::Task(ids), Pool::Postgres(pool)) => fetch!(pool, TaskRow, TASK, one(ids)),
            (Read::List(ids), Pool::Sqlite(pool)) => fetch!(pool, TaskRow, LIST, one(ids)),
            (Read::List(ids), Pool::Postgres(pool)) => fetch!(pool, TaskRow, LIST, one(ids)),
            (Read::Tree(ids), Pool::Sqlite(pool)) => {
                let ids: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
                fetch!(pool, TreeRow, TREE_SQLITE, serde_json::json!(ids).to_string())
            }
            (Read::Tree(ids), Pool::Postgres(pool)) => fetch!(pool, TreeRow, TREE_POSTGRES, ids.clone()),
        }
    }
}

impl AsyncAsk for Baseline {
    async fn ask(&self, number: usize) {
        assert!(self.rows(number).await > 0);
    }
}

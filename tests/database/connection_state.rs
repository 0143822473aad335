//! One connection serves one request after the other: whatever became of the last, nothing of it is there for the next.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use entity::ids::{OrgId, TypedId as _};
use palisade::store::db::{Database, PoolLimits, Role, Tx};
use sea_orm::{ConnectionTrait as _, Statement};
use uuid::Uuid;

use super::Walls;

/// The server's pools with one connection each.
struct One {
    db: Database,
    walls: Walls,
}

impl One {
    async fn new() -> Self {
        let walls = Walls::new().await;
        let limits = PoolLimits { max_connections: 1, acquire_timeout: Duration::from_secs(20) };
        Self { db: Database::open(&walls.url(), limits).unwrap(), walls }
    }

    fn org(&self, id: Uuid) -> Option<OrgId> {
        Some(OrgId::from_uuid(id))
    }

    async fn acme(&self) -> Tx {
        self.db.begin_write(Role::Tenant, self.org(self.walls.acme)).await.unwrap()
    }

    /// The next user of the connection finds the role that the pool is for, no organisation, no row, and then its own.
    async fn is_clean(&self, after: &str) -> i32 {
        let tx = self.db.begin_read(Role::Tenant, None).await.unwrap_or_else(|error| panic!("{after}: {error}"));
        let told = text(
            &tx,
            "SELECT current_user || ' <' || coalesce(current_setting('palisade.org_id', true), '') || '> '
             || (SELECT count(*) FROM goals) || ' ' || current_setting('statement_timeout') || ' '
             || (SELECT count(*) FROM pg_class WHERE relpersistence = 't') || ' ' || current_setting('row_security')",
        )
        .await;
        assert_eq!(told.unwrap(), "palisade_tenant <> 0 0 0 on", "after {after}");
        drop(tx);
        let tx = self.db.begin_read(Role::Tenant, self.org(self.walls.globex)).await.unwrap();
        let orgs = text(&tx, "SELECT string_agg(DISTINCT org_id::text, ',') FROM goals").await;
        assert_eq!(orgs.unwrap(), self.walls.globex.to_string(), "after {after}");
        text(&tx, "SELECT pg_backend_pid()::text").await.unwrap().parse().unwrap()
    }
}

async fn text(tx: &Tx, sql: &str) -> Result<String, sea_orm::DbErr> {
    let row = tx.query_one_raw(Statement::from_string(sea_orm::DbBackend::Postgres, sql)).await?;
    row.unwrap().try_get_by_index(0)
}

/// Polls a future so many times and drops it.
async fn dropped_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_of_any_kind_leaves_the_connection_as_it_was() {
    let one = One::new().await;
    let pid = one.is_clean("nothing").await;

    let tx = one.acme().await;
    assert_ne!(text(&tx, "SELECT count(*)::text FROM goals").await.unwrap(), "0");
    tx.commit().await.unwrap();
    assert_eq!(one.is_clean("a commit").await, pid, "it is the same connection");

    drop(one.acme().await);
    assert_eq!(one.is_clean("a transaction that was dropped").await, pid);

    let tx = one.acme().await;
    assert!(text(&tx, "SELECT 1 / 0").await.is_err());
    assert!(text(&tx, "SELECT count(*)::text FROM goals").await.is_err(), "a failed transaction answers nothing");
    drop(tx);
    assert_eq!(one.is_clean("an error").await, pid);

    let tx = one.acme().await;
    assert!(text(&tx, "SELECT id FROM nothing_like_it").await.is_err());
    assert!(tx.commit().await.is_ok() && one.is_clean("the commit of a failed transaction").await == pid);

    let tx = one.acme().await;
    tx.execute_unprepared("SET LOCAL statement_timeout = 50").await.unwrap();
    let said = text(&tx, "SELECT pg_sleep(5)::text").await.unwrap_err().to_string();
    assert!(said.contains("statement timeout"), "{said}");
    drop(tx);
    assert_eq!(one.is_clean("a statement that took too long").await, pid);

    let tx = one.acme().await;
    tx.enter(OrgId::from_uuid(one.walls.globex)).await.unwrap();
    drop(tx);
    assert_eq!(one.is_clean("a second organisation").await, pid);

    let tx = one.acme().await;
    tx.execute_unprepared("SET LOCAL ROLE palisade_operator").await.unwrap();
    drop(tx);
    assert_eq!(one.is_clean("another role").await, pid);

    let tx = one.acme().await;
    tx.execute_unprepared("SET LOCAL palisade.org_id = DEFAULT").await.unwrap();
    assert_eq!(text(&tx, "SELECT count(*)::text FROM goals").await.unwrap(), "0");
    drop(tx);
    assert_eq!(one.is_clean("a setting taken back").await, pid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_cancelled_or_panics_leaves_nothing() {
    let one = One::new().await;
    one.is_clean("nothing").await;

    // In the middle of a statement.
    let tx = one.acme().await;
    let asked = text(&tx, "SELECT pg_sleep(0.5)::text || count(*)::text FROM goals");
    assert!(tokio::time::timeout(Duration::from_millis(100), asked).await.is_err());
    drop(tx);
    one.is_clean("a cancelled statement").await;

    // At every step of beginning, asking and committing.
    let mut finished = 0;
    for polls in 0..40 {
        let whole = async {
            let tx = one.acme().await;
            text(&tx, "SELECT count(*)::text FROM goals").await.unwrap();
            tx.commit().await.unwrap();
        };
        finished += usize::from(dropped_after(polls, whole).await.is_some());
        one.is_clean(&format!("a request dropped after {polls} polls")).await;
    }
    assert!(finished < 40, "no request was cut short");

    let db = one.db.clone();
    let org = one.org(one.walls.acme);
    let task = tokio::spawn(async move {
        let tx = db.begin_write(Role::Tenant, org).await.unwrap();
        text(&tx, "SELECT count(*)::text FROM goals").await.unwrap();
        panic!("on purpose: a resolver fails");
    });
    assert!(task.await.unwrap_err().is_panic());
    one.is_clean("a panic").await;

    let db = one.db.clone();
    let task = tokio::spawn(async move {
        let tx = db.begin_write(Role::Tenant, org).await.unwrap();
        text(&tx, "SELECT pg_sleep(0.3)::text").await.unwrap();
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    one.is_clean("an aborted task").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_server_ends_is_replaced_by_a_clean_one() {
    let one = One::new().await;
    let end = async |pid: i32| {
        let ended = one.walls.one(&format!("SELECT pg_terminate_backend({pid}, 5000)::text")).await;
        assert_eq!(ended, "true");
    };
    // Idle in the pool.
    let pid = one.is_clean("nothing").await;
    end(pid).await;
    let next = one.is_clean("the end of an idle connection").await;
    assert_ne!(next, pid);
    // In a transaction.
    let tx = one.acme().await;
    end(next).await;
    assert!(text(&tx, "SELECT 1::text").await.is_err());
    drop(tx);
    let third = one.is_clean("the end of a connection in a transaction").await;
    // In a statement.
    let tx = one.acme().await;
    let asked = text(&tx, "SELECT pg_sleep(5)::text");
    let ended = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        end(third).await;
    };
    let (answer, ()) = tokio::join!(asked, ended);
    assert!(answer.is_err());
    drop(tx);
    one.is_clean("the end of a connection in a statement").await;
    // A statement that another connection cancels.
    let tx = one.acme().await;
    let pid = text(&tx, "SELECT pg_backend_pid()::text").await.unwrap();
    let asked = text(&tx, "SELECT pg_sleep(5)::text");
    let cancelled = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(one.walls.one(&format!("SELECT pg_cancel_backend({pid})::text")).await, "true");
    };
    let (answer, ()) = tokio::join!(asked, cancelled);
    assert!(answer.is_err());
    drop(tx);
    assert_eq!(one.is_clean("a cancelled statement").await.to_string(), pid);
}

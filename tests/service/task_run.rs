//! Invariant: a task moves by legal steps alone, for whoever holds its claim; what waits for it moves when it may; a goal
//! ends when nothing is left to do.

use chrono::TimeDelta;
use entity::{
    enums::{ApprovalStatus, ApprovalType, ExecutionStatus, TaskStatus},
    ids::{ApprovalRequestId, TaskId},
};
use palisade::{
    error::Result,
    service::{
        goal,
        plan::PlannedTaskInput,
        task_run::{self, ClaimInput, ClaimTasksInput, RecordExecutionInput},
    },
    status::State as _,
    store::db::Role,
};

use crate::support::{
    empty_world::on_both,
    two_organizations::*,
    worker_fixture::{Site, hand, step},
};

/// A run that went well.
pub fn went_well(claim: ClaimInput) -> RecordExecutionInput {
    RecordExecutionInput {
        claim,
        status: ExecutionStatus::Succeeded,
        code: Some("print(1)".to_owned()),
        code_output: Some("1".to_owned()),
        shell_output: None,
        file_contents: Some(r#"{"a.txt":"1"}"#.to_owned()),
        exit_code: Some(0),
        started_at: None,
        ended_at: None,
        idempotency_key: None,
    }
}

fn keyed(claim: ClaimInput, key: &str) -> RecordExecutionInput {
    RecordExecutionInput { idempotency_key: Some(key.to_owned()), ..went_well(claim) }
}

async fn record(site: &Site<'_>, input: RecordExecutionInput) -> Result<entity::ids::ExecutionId> {
    task_run::record(site.cx(&site.again(&site.runner)).await, input).await
}

async fn retry(site: &Site<'_>, id: TaskId) -> Result<TaskId> {
    task_run::retry(site.cx(&site.person(site.world.acme.ada).await).await, id).await
}

async fn cancel(site: &Site<'_>, id: TaskId) -> Result<TaskId> {
    task_run::cancel(site.cx(&site.person(site.world.acme.ada).await).await, id).await
}

async fn decide(site: &Site<'_>, id: TaskId, grant: bool) -> Result<()> {
    let admin = site.person(site.world.acme.admin).await;
    let tx = site.world.db.begin_write(Role::Tenant, Some(site.world.acme.id)).await.unwrap();
    let cx = site.cx(&admin).await;
    let org = site.world.acme.id;
    if grant {
        task_run::granted(cx, &tx, org, id).await?
    } else {
        task_run::refused(cx, &tx, org, id).await?
    };
    tx.commit().await
}

/// Puts a task where it must be, held by the site's worker.
async fn put(site: &Site<'_>, id: TaskId, status: TaskStatus) -> ClaimInput {
    let lease = site.clock.now() + TimeDelta::seconds(20);
    let sql = "UPDATE tasks SET status = $1, worker_id = $2, attempt = 1, lease_expires_at = $3 WHERE id = $4";
    let values = [status.as_str().into(), site.worker.into(), lease.into(), id.into()];
    site.world.sql(sql, values).await;
    ClaimInput { task_id: id, worker_id: site.worker, attempt: 1 }
}

on_both! {
    async fn a_diamond_runs_in_the_order_of_its_dependencies_and_completes_its_goal(world) {
        let site = Site::new(&world).await;
        let goal = site
            .plan(vec![step("foot", &["left", "right"]), step("left", &["top"]), step("right", &["top"]), step("top", &[])])
            .await;
        let mut order = Vec::new();
        loop {
            let claims = site.claim(10).await;
            if claims.is_empty() {
                break;
            }
            let mut names = Vec::new();
            for claim in claims {
                names.push(world.text("SELECT payload FROM tasks WHERE id = $1", [claim.task_id.into()]).await);
                assert_eq!(site.goal_status(goal).await, "RUNNING");
                site.complete(claim).await.unwrap();
            }
            order.push(names.len());
        }
        assert_eq!(order, [1, 2, 1]);
        assert_eq!(site.goal_status(goal).await, "COMPLETED");
        let done = "tasks WHERE goal_id = $1 AND status = 'COMPLETED' AND finished_at IS NOT NULL AND result LIKE '%done%' \
            AND lease_expires_at IS NULL";
        assert_eq!(world.count(done, [goal.into()]).await, 4);
        assert_eq!(world.count("goals WHERE id = $1 AND completed_at IS NOT NULL", [goal.into()]).await, 1);
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told.last().unwrap(), "goal.completed");
        assert_eq!(told.iter().filter(|kind| *kind == "task.queued").count(), 4);
    }

    async fn a_thousand_tasks_in_a_row_wake_one_another(world) {
        let site = Site::new(&world).await;
        let tasks: Vec<_> = (0..1_000)
            .map(|at: i32| match at {
                0 => step("0", &[]),
                _ => step(&at.to_string(), &[&(at - 1).to_string()]),
            })
            .collect();
        let goal = site.plan(tasks).await;
        let mut taken = Vec::new();
        for at in 0..5 {
            let claim = site.claim_one().await;
            assert_eq!(site.task(goal, &at.to_string()).await.0, claim.task_id);
            let who = site.again(&site.runner);
            task_run::complete(site.cx(&who).await, claim, None).await.unwrap();
            taken.push(who.store.statements());
        }
        let small = site.plan(vec![step("0", &[]), step("1", &["0"])]).await;
        world.set("goals", goal, "status = 'CANCELLED'").await;
        let claim = site.claim_one().await;
        let who = site.again(&site.runner);
        task_run::complete(site.cx(&who).await, claim, None).await.unwrap();
        assert_eq!(site.status(small, "1").await, "QUEUED");
        assert!(taken.iter().all(|taken| *taken == who.store.statements()), "{taken:?}");
    }

    async fn every_illegal_step_is_a_conflict_and_changes_nothing(world) {
        use TaskStatus::{AwaitingApproval, Cancelled, Completed, DeadLetter, Failed, Queued, Running, Scheduled};
        let site = Site::new(&world).await;
        for status in TaskStatus::ALL {
            for operation in ["start", "complete", "fail", "record", "retry", "cancel", "grant", "refuse"] {
                // Another task keeps the goal open, whatever becomes of this one.
                let goal = site.plan(vec![step("a", &[]), step("b", &[])]).await;
                let (id, _) = site.task(goal, "a").await;
                let claim = put(&site, id, *status).await;
                let before = world.dump().await;
                let (answer, legal, after) = match operation {
                    "start" => {
                        let who = site.again(&site.runner);
                        (task_run::start(site.cx(&who).await, claim).await.map(drop), *status == Scheduled, Running)
                    }
                    "complete" => (site.complete(claim).await.map(drop), status.may_become(Completed), Completed),
                    "fail" => (site.fail(claim, true).await.map(drop), *status == Running, Queued),
                    "record" => (record(&site, went_well(claim)).await.map(drop), *status == Running, *status),
                    "retry" => (retry(&site, id).await.map(drop), *status == DeadLetter, Queued),
                    "cancel" => (cancel(&site, id).await.map(drop), status.may_become(Cancelled), Cancelled),
                    "grant" => (decide(&site, id, true).await, *status == AwaitingApproval, Running),
                    // What people refused is not tried again without them.
                    _ => (decide(&site, id, false).await, *status == AwaitingApproval, DeadLetter),
                };
                if legal {
                    answer.unwrap_or_else(|error| panic!("{operation} from {status:?}: {error:?}"));
                    assert_eq!(site.status(goal, "a").await, after.as_str(), "{operation} from {status:?}");
                    // One step at a time: failing is a step that is never seen.
                    assert_ne!(after, Failed);
                } else {
                    assert!(answer.is_err(), "{operation} from {status:?}");
                    conflict(answer);
                    assert_eq!(world.dump().await, before, "{operation} from {status:?}");
                }
                world.set("goals", goal, "status = 'CANCELLED'").await;
            }
        }
    }

    async fn a_claim_without_a_start_is_scheduled_until_it_begins(world) {
        let site = Site::new(&world).await;
        let goal = site.plan(vec![step("a", &[])]).await;
        let want = ClaimTasksInput { worker_id: site.worker, limit: 1, kinds: None, start: false };
        let task_id = task_run::claim(site.cx(&site.runner).await, want).await.unwrap()[0];
        assert_eq!(site.status(goal, "a").await, "SCHEDULED");
        assert_eq!(world.count("tasks WHERE id = $1 AND started_at IS NULL", [task_id.into()]).await, 1);
        let claim = ClaimInput { task_id, worker_id: site.worker, attempt: 1 };
        conflict(site.complete(claim).await);
        task_run::start(site.cx(&site.runner).await, claim).await.unwrap();
        site.complete(claim).await.unwrap();
    }

    async fn a_lost_claim_is_a_conflict_whatever_is_asked(world) {
        let mut site = Site::new(&world).await;
        let goal = site.plan(vec![step("a", &[])]).await;
        let claim = site.claim_one().await;
        let other = site.register(&site.runner, &["code"]).await.unwrap();
        let wrong = [
            ClaimInput { attempt: claim.attempt + 1, ..claim },
            ClaimInput { attempt: claim.attempt - 1, ..claim },
            ClaimInput { worker_id: other, ..claim },
        ];
        site.pass(29);
        let before = world.dump().await;
        let lost = async |site: &Site<'_>, claim| {
            conflict(site.complete(claim).await);
            conflict(site.fail(claim, true).await);
            conflict(record(site, went_well(claim)).await);
            conflict(task_run::start(site.cx(&site.again(&site.runner)).await, claim).await);
        };
        for claim in wrong {
            lost(&site, claim).await;
        }
        // The lease ran out, though nobody took the task back yet.
        site.pass(1);
        lost(&site, claim).await;
        assert_eq!(world.dump().await, before);
        assert_eq!(site.status(goal, "a").await, "RUNNING");
    }

    async fn a_failed_task_waits_longer_each_time_and_is_given_up_at_last(world) {
        let mut site = Site::new(&world).await;
        let goal = site.plan(vec![PlannedTaskInput { max_retries: 2, ..step("a", &[]) }, step("b", &["a"])]).await;
        let (id, _) = site.task(goal, "a").await;
        for (retries, pause) in [(1, 5), (2, 10)] {
            let claim = site.claim_one().await;
            assert_eq!(claim.attempt, retries);
            site.fail(claim, true).await.unwrap();
            assert_eq!(site.status(goal, "a").await, "QUEUED");
            assert_eq!(site.int("SELECT retries FROM tasks WHERE id = $1", id).await, retries);
            site.pass(pause - 1);
            assert!(site.claim(1).await.is_empty());
            site.pass(1);
        }
        let claim = site.claim_one().await;
        site.fail(claim, true).await.unwrap();
        assert_eq!(site.status(goal, "a").await, "DEAD_LETTER");
        let over = "tasks WHERE id = $1 AND finished_at IS NOT NULL AND error = 'it broke' AND attempt = 3";
        assert_eq!(world.count(over, [id.into()]).await, 1);
        // It may still be saved: the goal stays open, and what waits for it waits.
        assert_eq!((site.goal_status(goal).await, site.status(goal, "b").await), ("RUNNING".into(), "PENDING".into()));

        retry(&site, id).await.unwrap();
        let fresh = "tasks WHERE id = $1 AND retries = 0 AND finished_at IS NULL AND run_after IS NULL";
        assert_eq!(world.count(fresh, [id.into()]).await, 1);
        let claim = site.claim_one().await;
        assert_eq!(claim.attempt, 4);
        // What cannot be helped by trying is not tried again.
        site.fail(claim, false).await.unwrap();
        assert_eq!(site.status(goal, "a").await, "DEAD_LETTER");
        retry(&site, id).await.unwrap();
        let claim = site.claim_one().await;
        site.complete(claim).await.unwrap();
        assert_eq!(world.count("tasks WHERE id = $1 AND error IS NULL", [id.into()]).await, 1);
        let claim = site.claim_one().await;
        site.complete(claim).await.unwrap();
        assert_eq!(site.goal_status(goal).await, "COMPLETED");
        let told = world.events(world.acme.id, 0).await;
        for (kind, times) in [("task.failed", 4), ("task.requeued", 2), ("task.dead_lettered", 2), ("task.retried", 2)] {
            assert_eq!(told.iter().filter(|told| *told == kind).count(), times, "{kind}");
        }
    }

    async fn a_given_up_task_of_a_goal_that_is_over_is_not_retried(world) {
        let site = Site::new(&world).await;
        let goal = site.plan(vec![PlannedTaskInput { max_retries: 0, ..step("a", &[]) }]).await;
        let claim = site.claim_one().await;
        site.fail(claim, true).await.unwrap();
        let ada = site.person(world.acme.ada).await;
        goal::cancel(site.cx(&ada).await, goal).await.unwrap();
        let before = world.dump().await;
        conflict(retry(&site, claim.task_id).await);
        assert_eq!(world.dump().await, before);
    }

    async fn calling_a_task_off_ends_what_waits_for_it_and_leaves_the_rest(world) {
        let site = Site::new(&world).await;
        let goal = site
            .plan(vec![step("a", &[]), step("b", &["a"]), step("c", &["b", "x"]), step("x", &[]), step("y", &["x"])])
            .await;
        let claims = site.claim(2).await;
        let (a, _) = site.task(goal, "a").await;
        let of = |id| *claims.iter().find(|claim| claim.task_id == id).unwrap();
        let request: ApprovalRequestId = world.clock.id();
        put(&site, a, TaskStatus::AwaitingApproval).await;
        let row = entity::approval_request::ActiveModel {
            org_id: sea_orm::ActiveValue::Set(world.acme.id),
            id: sea_orm::ActiveValue::Set(request),
            kind: sea_orm::ActiveValue::Set(ApprovalType::RiskyTask),
            status: sea_orm::ActiveValue::Set(ApprovalStatus::Pending),
            agent_id: sea_orm::ActiveValue::Set(site.agent),
            goal_id: sea_orm::ActiveValue::Set(goal),
            task_id: sea_orm::ActiveValue::Set(Some(a)),
            required_approvals: sea_orm::ActiveValue::Set(1),
            created_at: sea_orm::ActiveValue::Set(site.clock.now()),
            ..Default::default()
        };
        sea_orm::EntityTrait::insert(row).exec_without_returning(&world.root).await.unwrap();

        cancel(&site, a).await.unwrap();
        for (key, status) in
            [("a", "CANCELLED"), ("b", "CANCELLED"), ("c", "CANCELLED"), ("x", "RUNNING"), ("y", "PENDING")]
        {
            assert_eq!(site.status(goal, key).await, status, "{key}");
        }
        assert_eq!(world.text("SELECT status FROM approval_requests WHERE id = $1", [request.into()]).await, "CANCELLED");
        conflict(site.complete(of(a)).await);
        assert_eq!(site.goal_status(goal).await, "RUNNING");
        let (x, _) = site.task(goal, "x").await;
        site.complete(of(x)).await.unwrap();
        let claim = site.claim_one().await;
        site.complete(claim).await.unwrap();
        assert_eq!(site.goal_status(goal).await, "FAILED", "a part of the plan was called off");
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told.last().unwrap(), "goal.failed");
        assert_eq!(told.iter().filter(|kind| *kind == "task.cancelled").count(), 3);
        conflict(cancel(&site, x).await);
    }

    async fn who_may_cancel_the_goal_directs_its_tasks(world) {
        let site = Site::new(&world).await;
        let goal = site.plan(vec![PlannedTaskInput { max_retries: 0, ..step("a", &[]) }, step("b", &[])]).await;
        let (a, _) = site.task(goal, "a").await;
        put(&site, a, TaskStatus::DeadLetter).await;
        let (b, _) = site.task(goal, "b").await;
        let before = world.dump().await;
        let bob = site.person(world.acme.bob).await;
        let operator = hand(&world, world.operator().cx().await.viewer.clone());
        for who in [&bob, &operator, &site.runner, &site.planner] {
            forbidden(task_run::retry(site.cx(who).await, a).await);
            forbidden(task_run::cancel(site.cx(who).await, b).await);
            // The pool is small, and each of them reads in a transaction of its own.
            who.store.end_read().await;
        }
        let globex = hand(&world, world.tenant(&world.globex, world.globex.admin).await.cx().await.viewer.clone());
        let absent = told(task_run::cancel(site.cx(&globex).await, world.absent()).await);
        assert_eq!(told(task_run::cancel(site.cx(&globex).await, b).await), absent);
        assert_eq!(told(task_run::retry(site.cx(&globex).await, a).await), absent);
        globex.store.end_read().await;
        assert_eq!(world.dump().await, before);
        let admin = site.person(world.acme.admin).await;
        task_run::retry(site.cx(&admin).await, a).await.unwrap();
        task_run::cancel(site.cx(&admin).await, b).await.unwrap();
    }

    async fn when_both_sides_complete_at_once_the_join_wakes_once(world) {
        let site = Site::new(&world).await;
        for _ in 0..5 {
            let goal = site.plan(vec![step("a", &[]), step("b", &[]), step("join", &["a", "b"])]).await;
            let claims = site.claim(2).await;
            let many = claims.iter().map(|claim| site.complete(*claim));
            assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));
            assert_eq!(site.status(goal, "join").await, "QUEUED");
            let claim = site.claim_one().await;
            site.complete(claim).await.unwrap();
        }
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told.iter().filter(|kind| *kind == "goal.completed").count(), 5);
    }

    async fn of_many_completions_of_a_claim_one_counts(world) {
        let site = Site::new(&world).await;
        site.plan(vec![step("a", &[])]).await;
        let claim = site.claim_one().await;
        let done = futures_util::future::join_all((0..8).map(|_| site.complete(claim))).await;
        assert_eq!(done.iter().filter(|result| result.is_ok()).count(), 1);
        done.into_iter().filter(Result::is_err).for_each(conflict);
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told.iter().filter(|kind| *kind == "goal.completed").count(), 1);
    }

    async fn the_tasks_of_a_goal_that_was_called_off_are_nobodys(world) {
        let site = Site::new(&world).await;
        let goal = site.plan((0..50).map(|at| step(&at.to_string(), &[])).collect()).await;
        let claims = site.claim(10).await;
        let ada = site.person(world.acme.ada).await;
        goal::cancel(site.cx(&ada).await, goal).await.unwrap();
        assert!(ada.store.statements() < 16, "{}", ada.store.statements());
        let off = "tasks WHERE goal_id = $1 AND status = 'CANCELLED' AND lease_expires_at IS NULL";
        assert_eq!(world.count(off, [goal.into()]).await, 50);
        let before = world.dump().await;
        for claim in claims {
            conflict(site.complete(claim).await);
            conflict(site.fail(claim, true).await);
        }
        assert_eq!(world.dump().await, before);
        assert!(site.claim(10).await.is_empty());
    }

    async fn a_paused_task_goes_on_with_a_new_lease_or_is_given_up_whatever_tries_are_left(world) {
        let mut site = Site::new(&world).await;
        let goal = site.plan(vec![PlannedTaskInput { max_retries: 1, ..step("a", &[]) }]).await;
        let claim = site.claim_one().await;
        put(&site, claim.task_id, TaskStatus::AwaitingApproval).await;
        site.pass(3_600);
        decide(&site, claim.task_id, true).await.unwrap();
        site.pass(29);
        assert_eq!(site.status(goal, "a").await, "RUNNING");
        put(&site, claim.task_id, TaskStatus::AwaitingApproval).await;
        decide(&site, claim.task_id, false).await.unwrap();
        assert_eq!(site.status(goal, "a").await, "DEAD_LETTER");
    }

    async fn a_run_is_recorded_once_by_its_key(world) {
        let site = Site::new(&world).await;
        site.plan(vec![step("a", &[])]).await;
        let claim = site.claim_one().await;
        let first = record(&site, keyed(claim, "k")).await.unwrap();
        let many = (0..10).map(|_| record(&site, keyed(claim, "k")));
        for id in futures_util::future::join_all(many).await {
            assert_eq!(id.unwrap(), first);
        }
        let many = (0..10).map(|_| record(&site, keyed(claim, "other")));
        let ids: Vec<_> = futures_util::future::join_all(many).await.into_iter().map(|id| id.unwrap()).collect();
        assert!(ids.iter().all(|id| *id == ids[0] && *id != first));
        let before = world.dump().await;
        conflict(record(&site, RecordExecutionInput { exit_code: Some(1), ..keyed(claim, "k") }).await);
        conflict(record(&site, RecordExecutionInput { code: None, ..keyed(claim, "k") }).await);
        conflict(record(&site, RecordExecutionInput { status: ExecutionStatus::Failed, ..keyed(claim, "k") }).await);
        assert_eq!(world.dump().await, before);
        assert_eq!(world.count("executions WHERE idempotency_key = 'k'", []).await, 0, "a key may be content");
        assert_ne!(record(&site, went_well(claim)).await.unwrap(), record(&site, went_well(claim)).await.unwrap());
        // A retry finds its record, also when the task has ended meanwhile.
        site.complete(claim).await.unwrap();
        assert_eq!(record(&site, keyed(claim, "k")).await.unwrap(), first);
        conflict(record(&site, keyed(claim, "new")).await);
    }

    async fn a_run_that_was_recorded_while_it_ran_is_ended_by_its_key(world) {
        let site = Site::new(&world).await;
        site.plan(vec![step("a", &[])]).await;
        let claim = site.claim_one().await;
        let running = RecordExecutionInput {
            status: ExecutionStatus::Running,
            code_output: None,
            file_contents: None,
            exit_code: None,
            ..keyed(claim, "k")
        };
        let id = record(&site, running.clone()).await.unwrap();
        assert_eq!(record(&site, running).await.unwrap(), id);
        let ended = RecordExecutionInput { code: None, ..keyed(claim, "k") };
        assert_eq!(record(&site, ended).await.unwrap(), id);
        let row = "executions WHERE id = $1 AND status = 'SUCCEEDED' AND code = 'print(1)' AND code_output = '1' \
            AND exit_code = 0 AND ended_at IS NOT NULL";
        assert_eq!(world.count(row, [id.into()]).await, 1);
        assert_eq!(world.count("executions", []).await, 1);
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told[told.len() - 2..], ["execution.recorded", "execution.ended"]);
    }

    async fn what_cannot_be_a_run_or_a_result_is_refused(world) {
        let site = Site::new(&world).await;
        site.plan(vec![step("a", &[])]).await;
        let claim = site.claim_one().await;
        let before = world.dump().await;
        let long = || Some("x".repeat(256 * 1024 + 1));
        let refused = async |input, field: &str| invalid(record(&site, input).await, field);
        refused(RecordExecutionInput { code: long(), ..went_well(claim) }, "input.code").await;
        refused(RecordExecutionInput { code_output: long(), ..went_well(claim) }, "input.codeOutput").await;
        refused(RecordExecutionInput { shell_output: Some("\0".to_owned()), ..went_well(claim) }, "input.shellOutput").await;
        refused(RecordExecutionInput { file_contents: long(), ..went_well(claim) }, "input.fileContents").await;
        refused(keyed(claim, ""), "input.idempotencyKey").await;
        refused(keyed(claim, &"k".repeat(201)), "input.idempotencyKey").await;
        let now = site.clock.now();
        let backwards =
            RecordExecutionInput { started_at: Some(now), ended_at: Some(now - TimeDelta::seconds(1)), ..went_well(claim) };
        refused(backwards, "input.endedAt").await;
        let ended = RecordExecutionInput { status: ExecutionStatus::Running, ended_at: Some(now), ..went_well(claim) };
        refused(ended, "input.endedAt").await;
        invalid(task_run::complete(site.cx(&site.runner).await, claim, long()).await, "input.result");
        let fail = task_run::FailTaskInput { claim, error: long().unwrap(), retryable: true };
        invalid(task_run::fail(site.cx(&site.runner).await, fail).await, "input.error");
        assert_eq!(world.dump().await, before);
    }
}

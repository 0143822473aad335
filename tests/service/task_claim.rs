//! Invariant: a task is one worker's at a time: one that its key registered, that takes its kind, on an agent that the key
//! sees and nobody stopped, the most urgent first.

use std::collections::BTreeSet;

use entity::{
    enums::{AgentStatus, GoalStatus, ServiceScope, WorkerStatus},
    ids::{TaskId, WorkerId},
};
use palisade::{
    service::{
        plan::PlannedTaskInput,
        task_run::{self, ClaimInput, ClaimTasksInput, FailTaskInput, RecordExecutionInput},
        worker::{self, RegisterWorkerInput},
    },
    status::State as _,
    viewer::{AgentAccess, Viewer},
};

use super::{agent, goal, task_run::went_well};
use crate::support::{
    empty_world::on_both,
    two_organizations::*,
    worker_fixture::{Hand, Site, hand, key, step},
};

fn urgent(key: &str, priority: i32) -> PlannedTaskInput {
    PlannedTaskInput { priority, ..step(key, &[]) }
}

/// Everything that can be asked in a worker's name, with the code of each answer.
async fn speak(site: &Site<'_>, who: &Hand, worker_id: WorkerId, task_id: TaskId) -> Vec<String> {
    let claim = ClaimInput { task_id, worker_id, attempt: 1 };
    let fail = FailTaskInput { claim, error: "e".to_owned(), retryable: true };
    let record = RecordExecutionInput { claim, ..went_well(claim) };
    vec![
        told(worker::heartbeat(site.cx(who).await, worker_id).await),
        told(site.try_claim(who, worker_id, 1).await),
        told(task_run::start(site.cx(who).await, claim).await),
        told(task_run::complete(site.cx(who).await, claim, None).await),
        told(task_run::fail(site.cx(who).await, fail).await),
        told(task_run::record(site.cx(who).await, record).await),
        told(worker::drain(site.cx(who).await, worker_id).await),
    ]
}

on_both! {
    async fn the_most_urgent_is_claimed_first_and_of_equal_ones_the_oldest(world) {
        let site = Site::new(&world).await;
        let first = site.plan(vec![urgent("a", 0), urgent("b", 5)]).await;
        let second = site.plan(vec![urgent("c", 5), urgent("d", -5), urgent("e", 0)]).await;
        let mut expected = Vec::new();
        for (goal, key) in [(first, "b"), (second, "c"), (first, "a"), (second, "e"), (second, "d")] {
            expected.push(site.task(goal, key).await.0);
        }
        let mut claimed: Vec<TaskId> = site.claim(2).await.iter().map(|claim| claim.task_id).collect();
        claimed.extend(site.claim(100).await.iter().map(|claim| claim.task_id));
        assert_eq!(claimed, expected);
        let running = "tasks WHERE status = 'RUNNING' AND worker_id = $1 AND attempt = 1 AND started_at IS NOT NULL \
            AND lease_expires_at IS NOT NULL";
        assert_eq!(world.count(running, [site.worker.into()]).await, 5);
        assert!(site.claim(100).await.is_empty());
        let told = world.events(world.acme.id, 0).await;
        for kind in ["task.claimed", "task.started"] {
            assert_eq!(told.iter().filter(|told| *told == kind).count(), 5);
        }
    }

    async fn a_worker_gets_the_kinds_that_it_takes_and_asks_for(world) {
        let site = Site::new(&world).await;
        let kinds = ["code", "shell", "mail", "code"];
        let tasks = kinds.iter().enumerate().map(|(at, kind)| PlannedTaskInput {
            kind: (*kind).to_owned(),
            ..step(&at.to_string(), &[])
        });
        let goal = site.plan(tasks.collect()).await;
        let want = |kinds: &[&str]| ClaimTasksInput {
            worker_id: site.worker,
            limit: 100,
            kinds: Some(kinds.iter().map(|kind| (*kind).to_owned()).collect()),
            start: true,
        };
        let claim = async |kinds: &[&str]| task_run::claim(site.cx(&site.runner).await, want(kinds)).await.unwrap();
        assert!(claim(&[]).await.is_empty());
        assert!(claim(&["mail"]).await.is_empty(), "the worker does not take it");
        assert_eq!(claim(&["shell", "mail"]).await, [site.task(goal, "1").await.0]);
        assert_eq!(site.claim(100).await.len(), 2);
        assert_eq!(site.status(goal, "2").await, "QUEUED");
    }

    async fn twenty_workers_at_once_never_share_a_task(world) {
        let site = Site::new(&world).await;
        let goal = site.plan((0..60).map(|at| step(&at.to_string(), &[])).collect()).await;
        let mut workers = Vec::new();
        for _ in 0..20 {
            workers.push(site.register(&site.runner, &["code"]).await.unwrap());
        }
        let mut claimed = Vec::new();
        // Several rounds: in one, a worker may pass over what another holds at that moment.
        while claimed.len() < 60 {
            let before = claimed.len();
            let many = workers.iter().map(|worker| async {
                let who = site.again(&site.runner);
                site.try_claim(&who, *worker, 2).await.unwrap()
            });
            claimed.extend(futures_util::future::join_all(many).await.into_iter().flatten());
            assert!(claimed.len() > before, "somebody gets something");
        }
        assert_eq!(claimed.len(), 60);
        assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), 60);
        assert_eq!(world.count("tasks WHERE goal_id = $1 AND attempt = 1 AND status = 'RUNNING'", [goal.into()]).await, 60);
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told.iter().filter(|kind| *kind == "task.claimed").count(), 60);
    }

    async fn what_may_not_run_is_not_claimed(world) {
        let mut site = Site::new(&world).await;
        let goal = site.plan(vec![step("a", &[])]).await;
        let (task, _) = site.task(goal, "a").await;
        for status in GoalStatus::ALL.iter().filter(|status| **status != GoalStatus::Running) {
            world.sql("UPDATE goals SET status = $1 WHERE id = $2", [status.as_str().into(), goal.into()]).await;
            assert!(site.claim(1).await.is_empty(), "{status:?}");
        }
        world.set("goals", goal, "status = 'RUNNING'").await;
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        for status in [AgentStatus::Stopped, AgentStatus::Error] {
            agent::set_status(&ada, site.agent, status).await.unwrap();
            assert!(site.claim(1).await.is_empty(), "{status:?}");
        }
        agent::set_status(&ada, site.agent, AgentStatus::Active).await.unwrap();
        let later = site.clock.now() + chrono::TimeDelta::seconds(10);
        world.sql("UPDATE tasks SET run_after = $1 WHERE id = $2", [later.into(), task.into()]).await;
        assert!(site.claim(1).await.is_empty());
        site.pass(10);
        assert_eq!(site.claim_one().await.task_id, task);
    }

    async fn a_global_agent_works_while_both_platform_and_organisation_say_so(world) {
        let site = Site::new(&world).await;
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::global(&world).await;
        world.set("global_agents", agent, "require_plan_approval = false").await;
        let goal = goal::submit(&ada, agent).await.unwrap();
        world.sql("UPDATE agents SET require_plan_approval = false WHERE id = $1", [agent.into()]).await;
        site.propose(goal, vec![step("a", &[])]).await.unwrap();
        for table in ["global_agents", "agents"] {
            world.set(table, agent, "status = 'STOPPED'").await;
            assert!(site.claim(1).await.is_empty(), "{table}");
            world.set(table, agent, "status = 'ACTIVE'").await;
        }
        assert_eq!(site.claim(1).await.len(), 1);
    }

    async fn a_key_claims_on_the_agents_that_it_sees_in_its_organisation(world) {
        let site = Site::new(&world).await;
        let foreign = Site::of(&world, &world.globex).await;
        let theirs = goal::submit(&world.tenant(&world.globex, world.globex.ada).await, foreign.agent).await.unwrap();
        foreign.propose(theirs, vec![step("theirs", &[])]).await.unwrap();
        let goal = site.plan(vec![step("a", &[]), step("b", &[])]).await;
        let scopes = [ServiceScope::TasksRun];
        let blind = hand(&world, key(&world, &world.acme, &scopes, AgentAccess::Named([].into())).await);
        let sees = hand(&world, key(&world, &world.acme, &scopes, AgentAccess::Named([site.agent].into())).await);
        let (none, some) = (site.register(&blind, &["code"]).await.unwrap(), site.register(&sees, &["code"]).await.unwrap());
        assert!(site.try_claim(&blind, none, 10).await.unwrap().is_empty());
        let claimed = site.try_claim(&sees, some, 1).await.unwrap();
        assert_eq!(claimed, [site.task(goal, "a").await.0]);
        assert_eq!(site.claim(10).await.len(), 1);
        assert_eq!(world.count("tasks WHERE goal_id = $1 AND status = 'QUEUED'", [theirs.into()]).await, 1);
        // A task that the key does not see is not there, whoever holds it.
        let claim = ClaimInput { task_id: claimed[0], worker_id: none, attempt: 1 };
        let absent = ClaimInput { task_id: world.absent(), ..claim };
        let told_absent = told(task_run::complete(site.cx(&blind).await, absent, None).await);
        assert!(told_absent.contains("NOT_FOUND"), "{told_absent}");
        assert_eq!(told(task_run::complete(site.cx(&blind).await, claim, None).await), told_absent);
    }

    async fn another_keys_worker_is_not_there(world) {
        let site = Site::new(&world).await;
        site.plan(vec![step("a", &[]), step("b", &[])]).await;
        let task = site.claim_one().await.task_id;
        let foreign = Site::of(&world, &world.globex).await;
        let other = hand(&world, key(&world, &world.acme, &[ServiceScope::TasksRun], AgentAccess::All).await);
        let old: WorkerId = site.register(&other, &["code"]).await.unwrap();
        world.set("workers", old, "service_account_id = NULL").await;
        let before = world.dump().await;
        let absent = speak(&site, &other, world.absent(), task).await;
        assert!(absent.iter().all(|told| told.contains("NOT_FOUND")), "{absent:?}");
        assert_eq!(speak(&site, &other, site.worker, task).await, absent);
        assert_eq!(speak(&site, &other, foreign.worker, task).await, absent);
        assert_eq!(speak(&site, &other, old, task).await, absent, "a worker from before there were keys is nobody's");
        // Nor does a person speak for a worker, an org admin either; an admin drains it.
        let admin = site.person(world.acme.admin).await;
        let answers = speak(&site, &site.person(world.acme.ada).await, site.worker, task).await;
        assert!(answers.iter().all(|told| told.contains("FORBIDDEN")), "{answers:?}");
        assert_eq!(world.dump().await, before);
        forbidden(worker::heartbeat(site.cx(&admin).await, site.worker).await);
        forbidden(site.try_claim(&admin, site.worker, 1).await);
        worker::drain(site.cx(&admin).await, site.worker).await.unwrap();
    }

    async fn a_worker_belongs_to_the_key_that_registers_it_or_that_an_admin_names(world) {
        let site = Site::new(&world).await;
        let Viewer::ServiceAccount(account) = &site.runner.viewer else { panic!("a key") };
        let input = |service_account_id, hostname: &str, capabilities: &[&str]| RegisterWorkerInput {
            hostname: hostname.to_owned(),
            capabilities: capabilities.iter().map(|kind| (*kind).to_owned()).collect(),
            service_account_id,
        };
        let admin = site.person(world.acme.admin).await;
        let before = world.dump().await;
        let by = async |who: &Hand, input| worker::register(site.cx(who).await, input).await;
        invalid(by(&admin, input(None, "box", &["code"])).await, "input.serviceAccountId");
        invalid(by(&site.runner, input(None, " ", &["code"])).await, "input.hostname");
        invalid(by(&site.runner, input(None, &"h".repeat(254), &["code"])).await, "input.hostname");
        invalid(by(&site.runner, input(None, "box", &[])).await, "input.capabilities");
        invalid(by(&site.runner, input(None, "box", &["code", ""])).await, "input.capabilities");
        invalid(by(&site.runner, input(None, "box", &["code"; 101])).await, "input.capabilities");
        let foreign = Site::of(&world, &world.globex).await;
        let Viewer::ServiceAccount(theirs) = &foreign.runner.viewer else { panic!("a key") };
        let before = { drop(before); world.dump().await };
        for named in [theirs.id, world.absent()] {
            not_found(by(&admin, input(Some(named), "box", &["code"])).await);
            not_found(by(&site.runner, input(Some(named), "box", &["code"])).await);
        }
        let Viewer::ServiceAccount(planner) = &site.planner.viewer else { panic!("a key") };
        not_found(by(&site.runner, input(Some(planner.id), "box", &["code"])).await);
        forbidden(by(&site.planner, input(None, "box", &["code"])).await);
        forbidden(by(&site.person(world.acme.ada).await, input(Some(account.id), "box", &["code"])).await);
        assert_eq!(world.dump().await, before);
        let id = by(&admin, input(Some(account.id), "box", &["shell", "code", "shell"])).await.unwrap();
        let row = "workers WHERE id = $1 AND service_account_id = $2 AND status = 'ACTIVE' AND capabilities = '[\"code\",\"shell\"]'";
        assert_eq!(world.count(row, [id.into(), account.id.into()]).await, 1);
        by(&site.runner, input(Some(account.id), "box", &["code"])).await.unwrap();
        world.set("service_accounts", account.id, "revoked_at = created_at").await;
        not_found(by(&admin, input(Some(account.id), "box", &["code"])).await);
    }

    async fn a_draining_worker_gets_nothing_more_and_finishes_what_it_has(world) {
        let site = Site::new(&world).await;
        site.plan(vec![step("a", &[]), step("b", &[])]).await;
        let claim = site.claim_one().await;
        for status in WorkerStatus::ALL {
            world.sql("UPDATE workers SET status = $1 WHERE id = $2", [status.as_str().into(), site.worker.into()]).await;
            let before = world.dump().await;
            let drained = worker::drain(site.cx(&site.runner).await, site.worker).await;
            if status.may_become(WorkerStatus::Draining) {
                drained.unwrap();
            } else {
                conflict(drained);
                assert_eq!(world.dump().await, before);
            }
        }
        world.set("workers", site.worker, "status = 'DRAINING'").await;
        assert!(site.claim(10).await.is_empty());
        site.beat().await.unwrap();
        assert_eq!(world.text("SELECT status FROM workers WHERE id = $1", [site.worker.into()]).await, "DRAINING");
        site.complete(claim).await.unwrap();
    }

    async fn a_worker_holds_a_hundred_tasks_and_a_claim_takes_the_same_statements_for_one_as_for_all(world) {
        let site = Site::new(&world).await;
        site.plan((0..120).map(|at| step(&at.to_string(), &[])).collect()).await;
        let mut taken = Vec::new();
        for (limit, expected) in [(1, 1), (100, 99)] {
            let who = site.again(&site.runner);
            assert_eq!(site.try_claim(&who, site.worker, limit).await.unwrap().len(), expected);
            taken.push(who.store.statements());
        }
        assert_eq!(taken[0], taken[1]);
        assert!(site.claim(1).await.is_empty());
        for limit in [0, -1, 101] {
            invalid(site.try_claim(&site.again(&site.runner), site.worker, limit).await, "input.limit");
        }
    }
}

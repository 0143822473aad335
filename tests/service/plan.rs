//! Invariant: a goal is planned once, by a planner that sees its agent, with a graph of its own tasks that has no cycle;
//! its tasks are there when the plan runs, each where its dependencies allow, and not before.

use std::collections::BTreeSet;

use entity::{
    enums::{GoalStatus, ServiceScope},
    ids::GoalId,
};
use palisade::{
    error::Result,
    service::plan::{self, PlannedTaskInput, ProposePlanInput},
    store::db::Role,
    viewer::AgentAccess,
};

use super::{agent, goal};
use crate::support::{
    empty_world::on_both,
    two_organizations::*,
    worker_fixture::{Hand, Site, hand, key, step},
};

async fn propose(site: &Site<'_>, who: &Hand, goal_id: GoalId) -> Result<GoalId> {
    plan::propose(site.cx(who).await, ProposePlanInput { goal_id, plan: None, tasks: vec![step("a", &[])] }).await
}

/// Tasks `0..`, each waiting for the one before.
fn chain(tasks: usize) -> Vec<PlannedTaskInput> {
    (0..tasks)
        .map(|at| match at {
            0 => step("0", &[]),
            _ => step(&at.to_string(), &[&(at - 1).to_string()]),
        })
        .collect()
}

on_both! {
    async fn a_plan_becomes_tasks_that_stand_where_their_dependencies_allow(world) {
        let site = Site::new(&world).await;
        let seen = world.events(world.acme.id, 0).await.len();
        let diamond = vec![step("top", &[]), step("left", &["top"]), step("right", &["top"]), step("foot", &["left", "right"])];
        let goal = site.plan(diamond).await;
        assert_eq!(site.goal_status(goal).await, "RUNNING");
        for (key, status) in [("top", "QUEUED"), ("left", "PENDING"), ("right", "PENDING"), ("foot", "PENDING")] {
            assert_eq!(site.status(goal, key).await, status, "{key}");
        }
        assert_eq!(world.count("task_dependencies WHERE goal_id = $1", [goal.into()]).await, 4);
        assert_eq!(world.count("tasks WHERE goal_id = $1 AND agent_id = $2", [goal.into(), site.agent.into()]).await, 4);
        let plan = world.text("SELECT plan FROM goals WHERE id = $1", [goal.into()]).await;
        let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
        assert_eq!(plan["plan"]["why"], "because");
        assert_eq!(plan["tasks"][3]["dependsOn"], serde_json::json!(["left", "right"]));
        let told = world.events(world.acme.id, seen).await;
        let expected = ["goal.submitted", "goal.planning_started", "plan.proposed", "goal.started"];
        assert_eq!(told[..4], expected);
        assert_eq!(told[4..], ["task.created", "task.created", "task.created", "task.created", "task.queued"]);
        let leaked = "events WHERE payload LIKE '%because%' OR payload LIKE '%left%'";
        assert_eq!(world.count(leaked, []).await, 0, "the log holds no content");
    }

    async fn a_plan_that_needs_approval_waits_and_is_what_then_runs(world) {
        let site = Site::new(&world).await;
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        // An organisation's own agent asks for two approvals; so does the platform of a global one.
        for agent in [agent::public(&ada).await, agent::global(&world).await] {
            let (one, other) = (goal::submit(&ada, agent).await.unwrap(), goal::submit(&ada, agent).await.unwrap());
            for goal in [one, other] {
                site.propose(goal, vec![step("a", &[]), step("b", &["a"])]).await.unwrap();
                assert_eq!(site.goal_status(goal).await, "AWAITING_APPROVAL");
                assert_eq!(world.count("tasks WHERE goal_id = $1", [goal.into()]).await, 0);
                let asked = "approval_requests WHERE goal_id = $1 AND type = 'PLAN' AND status = 'PENDING' \
                    AND required_approvals = 2 AND requested_by = $2 AND payload LIKE '%because%'";
                assert_eq!(world.count(asked, [goal.into(), world.acme.ada.into()]).await, 1);
                conflict(site.propose(goal, vec![step("a", &[])]).await);
            }
            let admin = site.person(world.acme.admin).await;
            let tx = admin.store.begin_write(Some(world.acme.id)).await.unwrap();
            let told = plan::approved(site.cx(&admin).await, &tx, world.acme.id, one).await.unwrap();
            tx.commit().await.unwrap();
            let kinds: Vec<_> = told.iter().map(|record| record.kind).collect();
            assert_eq!(kinds, ["goal.started", "task.created", "task.created", "task.queued"]);
            assert_eq!(site.goal_status(one).await, "RUNNING");
            assert_eq!(site.status(one, "b").await, "PENDING");

            let tx = admin.store.begin_write(Some(world.acme.id)).await.unwrap();
            plan::rejected(site.cx(&admin).await, &tx, world.acme.id, other).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(site.goal_status(other).await, "REJECTED");
            assert_eq!(world.count("goals WHERE id = $1 AND completed_at IS NOT NULL", [other.into()]).await, 1);
            for decided in [one, other] {
                let tx = admin.store.begin_write(Some(world.acme.id)).await.unwrap();
                conflict(plan::approved(site.cx(&admin).await, &tx, world.acme.id, decided).await);
                conflict(plan::rejected(site.cx(&admin).await, &tx, world.acme.id, decided).await);
            }
        }
    }

    async fn only_a_plan_that_waits_for_approval_is_approved_or_rejected(world) {
        let site = Site::new(&world).await;
        let system = hand(&world, site.planner.viewer.clone());
        for status in GoalStatus::ALL.iter().filter(|status| **status != GoalStatus::AwaitingApproval) {
            let goal = site.goal().await;
            world.sql("UPDATE goals SET status = $1 WHERE id = $2", [status.as_str().into(), goal.into()]).await;
            let tx = world.db.begin_write(Role::Tenant, Some(world.acme.id)).await.unwrap();
            conflict(plan::approved(site.cx(&system).await, &tx, world.acme.id, goal).await);
            conflict(plan::rejected(site.cx(&system).await, &tx, world.acme.id, goal).await);
        }
    }

    async fn what_cannot_be_a_plan_is_refused_by_the_field_that_is_wrong(world) {
        let site = Site::new(&world).await;
        let goal = site.goal().await;
        let before = world.dump().await;
        let refused = async |tasks: Vec<PlannedTaskInput>, field: &str| {
            let answer = site.propose(goal, tasks).await;
            let told = told(answer.clone());
            assert!(!told.contains("SECRET"), "{told}");
            invalid(answer, field);
        };
        refused(vec![], "input.tasks").await;
        refused(chain(1_001), "input.tasks").await;
        refused(vec![step("a", &["a"])], "input.tasks[0].dependsOn").await;
        refused(vec![step("x", &[]), step("a", &["c"]), step("b", &["a"]), step("c", &["b"])], "input.tasks[1].dependsOn").await;
        refused(vec![step("a", &["b"]), step("b", &["c"]), step("c", &["b"])], "input.tasks[1].dependsOn").await;
        refused(vec![step("a", &[]), step("b", &["a", "SECRET"])], "input.tasks[1].dependsOn").await;
        refused(vec![step("a", &[]), step("b", &["a", "a"])], "input.tasks[1].dependsOn").await;
        refused(vec![step("SECRET", &[]), step("b", &[]), step("SECRET", &[])], "input.tasks[2].key").await;
        refused(vec![step("", &[])], "input.tasks[0].key").await;
        refused(vec![step(&"k".repeat(101), &[])], "input.tasks[0].key").await;
        refused(vec![PlannedTaskInput { kind: " ".to_owned(), ..step("a", &[]) }], "input.tasks[0].type").await;
        refused(vec![PlannedTaskInput { priority: 1_001, ..step("a", &[]) }], "input.tasks[0].priority").await;
        for max_retries in [-1, 101] {
            refused(vec![PlannedTaskInput { max_retries, ..step("a", &[]) }], "input.tasks[0].maxRetries").await;
        }
        let long = Some(format!("\"{}\"", "x".repeat(64 * 1024)));
        refused(vec![step("a", &[]), PlannedTaskInput { payload: long, ..step("b", &[]) }], "input.tasks[1].payload").await;
        let big = Some(format!("\"{}\"", "x".repeat(60 * 1024)));
        let many = (0..14).map(|at| PlannedTaskInput { payload: big.clone(), ..step(&at.to_string(), &[]) });
        refused(many.collect(), "input.tasks").await;
        // A task of another plan, or of another organisation, is none of this one.
        let foreign = Site::of(&world, &world.globex).await;
        let theirs = goal::submit(&world.tenant(&world.globex, world.globex.ada).await, foreign.agent).await.unwrap();
        foreign.propose(theirs, vec![step("a", &[])]).await.unwrap();
        let before = { drop(before); world.dump().await };
        let (task, _) = foreign.task(theirs, "a").await;
        refused(vec![step("b", &[&task.to_string()])], "input.tasks[0].dependsOn").await;
        assert_eq!(world.dump().await, before);
    }

    async fn a_goal_is_planned_from_pending_or_planning_and_from_no_other_state(world) {
        let site = Site::new(&world).await;
        for status in GoalStatus::ALL {
            let goal = site.goal().await;
            world.sql("UPDATE goals SET status = $1 WHERE id = $2", [status.as_str().into(), goal.into()]).await;
            let before = world.dump().await;
            let planner = site.again(&site.planner);
            if *status != GoalStatus::Pending {
                conflict(plan::start(site.cx(&planner).await, goal).await);
                assert_eq!(world.dump().await, before, "{status:?}");
            }
            let planned = site.propose(goal, vec![step("a", &[])]).await;
            if matches!(status, GoalStatus::Pending | GoalStatus::Planning) {
                planned.unwrap();
                assert_eq!(site.goal_status(goal).await, "RUNNING");
            } else {
                conflict(planned);
                assert_eq!(world.dump().await, before, "{status:?}");
            }
        }
    }

    async fn of_many_planners_at_once_one_plans(world) {
        let site = Site::new(&world).await;
        let goal = site.goal().await;
        let many = (0..8).map(|_| async {
            let planner = site.again(&site.planner);
            plan::start(site.cx(&planner).await, goal).await
        });
        let started = futures_util::future::join_all(many).await;
        assert_eq!(started.iter().filter(|result| result.is_ok()).count(), 1);
        assert_eq!(site.goal_status(goal).await, "PLANNING");
        let many = (0..8).map(|_| site.propose(goal, vec![step("a", &[]), step("b", &["a"])]));
        let proposed = futures_util::future::join_all(many).await;
        assert_eq!(proposed.iter().filter(|result| result.is_ok()).count(), 1);
        proposed.into_iter().filter(Result::is_err).for_each(conflict);
        assert_eq!(world.count("tasks WHERE goal_id = $1", [goal.into()]).await, 2);
    }

    async fn a_thousand_tasks_take_no_more_statements_than_ten(world) {
        let site = Site::new(&world).await;
        let mut taken = Vec::new();
        for tasks in [10, 1_000] {
            let goal_id = site.goal().await;
            let planner = site.again(&site.planner);
            let input = ProposePlanInput { goal_id, plan: None, tasks: chain(tasks) };
            plan::propose(site.cx(&planner).await, input).await.unwrap();
            taken.push(planner.store.statements());
            let made = i64::try_from(tasks).unwrap();
            assert_eq!(world.count("tasks WHERE goal_id = $1", [goal_id.into()]).await, made);
            assert_eq!(world.count("task_dependencies WHERE goal_id = $1", [goal_id.into()]).await, made - 1);
        }
        // The log takes a thousand records in a statement, and has one more.
        assert!(taken[1] <= taken[0] + 1, "{taken:?}");
    }

    async fn only_a_planner_that_sees_the_agent_plans(world) {
        let site = Site::new(&world).await;
        let goal = site.goal().await;
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let (seen, hidden) = (agent::private(&ada).await, agent::private(&ada).await);
        let (on_seen, on_hidden) = (goal::submit(&ada, seen).await.unwrap(), goal::submit(&ada, hidden).await.unwrap());
        let foreign = Site::of(&world, &world.globex).await;
        let theirs = goal::submit(&world.tenant(&world.globex, world.globex.ada).await, foreign.agent).await.unwrap();
        let named = AgentAccess::Named(BTreeSet::from([seen]));
        let planner = hand(&world, key(&world, &world.acme, &[ServiceScope::PlansWrite], named).await);
        let before = world.dump().await;
        let absent = told(propose(&site, &planner, world.absent()).await);
        assert!(absent.contains("NOT_FOUND"), "{absent}");
        for goal in [on_hidden, theirs, goal] {
            assert_eq!(told(propose(&site, &planner, goal).await), absent);
            assert_eq!(told(plan::start(site.cx(&planner).await, goal).await), absent);
        }
        let read = hand(&world, key(&world, &world.acme, &[ServiceScope::Read], AgentAccess::All).await);
        let (admin, ada) = (site.person(world.acme.admin).await, site.person(world.acme.ada).await);
        let operator = hand(&world, world.operator().cx().await.viewer.clone());
        for who in [&site.again(&site.runner), &read, &admin, &ada, &operator] {
            forbidden(propose(&site, who, goal).await);
            forbidden(plan::start(site.cx(who).await, goal).await);
            // The pool is small, and each of them reads in a transaction of its own.
            who.store.end_read().await;
        }
        assert_eq!(world.dump().await, before);
        propose(&site, &planner, on_seen).await.unwrap();
    }
}

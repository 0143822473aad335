//! Invariant: a worker that is not heard of for the length of a lease loses its tasks, each once, however many processes
//! look for it; a worker that is heard of loses none.

use palisade::{
    clock::Clock,
    service::{plan::PlannedTaskInput, task_run},
    store::write::lease_expiry::expire_leases,
};

use crate::support::{
    empty_world::on_both,
    two_organizations::*,
    worker_fixture::{Site, step},
};

async fn lapse(site: &Site<'_>) -> usize {
    expire_leases(&site.world.db, &site.clock, &site.rules).await.unwrap()
}

async fn worker_status(site: &Site<'_>) -> String {
    site.world.text("SELECT status FROM workers WHERE id = $1", [site.worker.into()]).await
}

on_both! {
    async fn a_silent_workers_tasks_go_to_another_and_its_claims_are_lost(world) {
        let mut site = Site::new(&world).await;
        let goal = site.plan(vec![step("a", &[]), step("b", &[])]).await;
        let claims = site.claim(2).await;
        site.pass(29);
        assert_eq!(lapse(&site).await, 0);
        site.pass(1);
        assert_eq!(lapse(&site).await, 2);
        assert_eq!(worker_status(&site).await, "OFFLINE");
        for key in ["a", "b"] {
            let (id, status) = site.task(goal, key).await;
            assert_eq!(status, "QUEUED");
            assert_eq!(site.int("SELECT retries FROM tasks WHERE id = $1", id).await, 1);
        }
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told[told.len() - 3..], ["worker.lost", "task.lease_lost", "task.lease_lost"]);
        let by_nobody = "events WHERE type = 'worker.lost' AND actor_user_id IS NULL AND actor_service_account_id IS NULL";
        assert_eq!(world.count(by_nobody, []).await, 1);

        let lost = site.worker;
        site.worker = site.register(&site.runner, &["code"]).await.unwrap();
        let again = site.claim(2).await;
        assert_eq!(again.len(), 2);
        for claim in claims {
            assert_eq!(claim.worker_id, lost);
            conflict(site.complete(claim).await);
            conflict(site.fail(claim, true).await);
        }
        for claim in again {
            assert_eq!(claim.attempt, 2);
            site.complete(claim).await.unwrap();
        }
        assert_eq!(site.goal_status(goal).await, "COMPLETED");
    }

    async fn heartbeats_keep_a_worker_and_what_it_holds(world) {
        let mut site = Site::new(&world).await;
        site.plan(vec![step("a", &[])]).await;
        let claim = site.claim_one().await;
        for _ in 0..5 {
            site.pass(20);
            site.beat().await.unwrap();
            assert_eq!(lapse(&site).await, 0);
        }
        site.complete(claim).await.unwrap();
        // Alive, but too late for the task: a heartbeat brings back no lease.
        site.plan(vec![step("b", &[])]).await;
        let claim = site.claim_one().await;
        site.pass(31);
        site.beat().await.unwrap();
        conflict(site.complete(claim).await);
        assert_eq!(lapse(&site).await, 1);
        assert_eq!(worker_status(&site).await, "ACTIVE");
    }

    async fn a_worker_that_was_given_up_comes_back_by_a_heartbeat_or_a_claim(world) {
        let mut site = Site::new(&world).await;
        for by_claim in [false, true] {
            site.pass(31);
            assert_eq!(lapse(&site).await, 1);
            assert_eq!(worker_status(&site).await, "OFFLINE");
            if by_claim {
                site.plan(vec![step("a", &[])]).await;
                assert_eq!(site.claim(1).await.len(), 1);
            } else {
                site.beat().await.unwrap();
            }
            assert_eq!(worker_status(&site).await, "ACTIVE");
            assert!(world.events(world.acme.id, 0).await.contains(&"worker.returned".to_owned()));
        }
    }

    async fn many_processes_at_once_count_one_retry(world) {
        let mut site = Site::new(&world).await;
        let goal = site.plan((0..40).map(|at| step(&at.to_string(), &[])).collect()).await;
        for round in 1..=2_i64 {
            assert_eq!(site.claim(40).await.len(), 40);
            site.pass(31);
            let clocks: Vec<Clock> = (0..8)
                .map(|at| Clock::fixed(site.clock.now() + chrono::TimeDelta::milliseconds(at), chrono::TimeDelta::zero()))
                .collect();
            let many = clocks.iter().map(|clock| expire_leases(&world.db, clock, &site.rules));
            for outcome in futures_util::future::join_all(many).await {
                outcome.unwrap();
            }
            site.pass(1);
            let counted = "tasks WHERE goal_id = $1 AND status = 'QUEUED' AND retries = $2";
            assert_eq!(world.count(counted, [goal.into(), round.into()]).await, 40);
            let told = world.events(world.acme.id, 0).await;
            let lost = told.iter().filter(|kind| *kind == "task.lease_lost").count();
            assert_eq!(i64::try_from(lost).unwrap(), 40 * round);
        }
    }

    async fn a_task_that_takes_its_workers_with_it_is_given_up(world) {
        let mut site = Site::new(&world).await;
        let goal = site.plan(vec![PlannedTaskInput { max_retries: 1, ..step("a", &[]) }]).await;
        for status in ["QUEUED", "DEAD_LETTER"] {
            assert_eq!(site.claim(1).await.len(), 1);
            site.pass(31);
            lapse(&site).await;
            assert_eq!(site.status(goal, "a").await, status);
        }
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told[told.len() - 3..], ["worker.lost", "task.failed", "task.dead_lettered"]);
        // One that was claimed and never began is not to blame: it waits for another worker.
        let goal = site.plan(vec![PlannedTaskInput { max_retries: 0, ..step("b", &[]) }]).await;
        let want = task_run::ClaimTasksInput { worker_id: site.worker, limit: 1, kinds: None, start: false };
        task_run::claim(site.cx(&site.runner).await, want).await.unwrap();
        site.pass(31);
        lapse(&site).await;
        let (id, status) = site.task(goal, "b").await;
        assert_eq!((status.as_str(), site.int("SELECT retries FROM tasks WHERE id = $1", id).await), ("QUEUED", 0));
    }

    async fn what_waits_for_people_has_no_lease(world) {
        let mut site = Site::new(&world).await;
        let goal = site.plan(vec![step("a", &[])]).await;
        let claim = site.claim_one().await;
        world.set("tasks", claim.task_id, "status = 'AWAITING_APPROVAL', lease_expires_at = NULL").await;
        site.pass(86_400);
        lapse(&site).await;
        assert_eq!(site.status(goal, "a").await, "AWAITING_APPROVAL");
    }

    async fn every_organisation_is_entered_by_itself(world) {
        let mut sites = [Site::of(&world, &world.acme).await, Site::of(&world, &world.globex).await];
        for site in &mut sites {
            site.pass(31);
        }
        assert_eq!(lapse(&sites[1]).await, 2);
        for (site, org) in sites.iter().zip([&world.acme, &world.globex]) {
            assert_eq!(worker_status(site).await, "OFFLINE");
            assert_eq!(world.events(org.id, 0).await.last().unwrap(), "worker.lost");
        }
    }
}

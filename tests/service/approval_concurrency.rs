//! Invariant: of any number of people, jobs and calls that settle one request at one instant, one does, and what follows
//! from it follows once.

use chrono::TimeDelta;
use entity::{
    enums::{Decided, OrgRole},
    ids::UserId,
};
use palisade::{clock::Clock, service::approval::expire_due, status::TaskRules};

use crate::support::{
    approval_fixture::{Desk, both},
    empty_world::on_both,
    two_organizations::*,
};

/// As many org admins, none of whom asked for anything.
async fn crowd(desk: &Desk<'_>, many: usize) -> Vec<As> {
    let mut people = Vec::new();
    for n in 0..many {
        let user: UserId = desk.world.user(&format!("decider{n}@acme.example")).await;
        desk.world.join(desk.org, user, OrgRole::Admin).await;
        people.push(desk.who(user).await);
    }
    people
}

on_both! {
    async fn fifty_who_approve_at_once_make_the_tasks_once(world) {
        let desk = Desk::new(&world).await;
        let (goal, id) = desk.plan(world.acme.ada, desk.agent(2, true, &[]).await).await;
        let people = crowd(&desk, 50).await;
        let all = people.iter().map(|who| desk.decide(who, id, Decided::Approve));
        let answers = futures_util::future::join_all(all).await;
        let done = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(done, 2, "two were needed; whoever came later was told so");
        answers.into_iter().filter(Result::is_err).for_each(conflict);
        assert_eq!(desk.states(id).await, both("APPROVED", "RUNNING"));
        assert_eq!(desk.tasks(goal).await, 2);
        assert_eq!(world.count("approval_decisions WHERE request_id = $1", [id.into()]).await, 2);
        assert_eq!((desk.told("approval.decided").await, desk.told("goal.started").await), (2, 1));
    }

    async fn of_fifty_who_disagree_at_once_one_settles_it(world) {
        let desk = Desk::new(&world).await;
        let people = crowd(&desk, 50).await;
        let (goal, id) = desk.plan(world.acme.ada, desk.agent(1, true, &[]).await).await;
        let all = people.iter().enumerate().map(|(n, who)| {
            desk.decide(who, id, if n % 2 == 0 { Decided::Approve } else { Decided::Reject })
        });
        let answers = futures_util::future::join_all(all).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let states = desk.states(id).await;
        let tasks = desk.tasks(goal).await;
        assert!(
            states == both("APPROVED", "RUNNING") && tasks == 2 || states == both("REJECTED", "REJECTED") && tasks == 0,
            "{states:?}, {tasks} tasks"
        );
        assert_eq!(desk.told("goal.started").await + desk.told("goal.rejected").await, 1);
    }

    async fn one_person_who_approves_many_times_at_once_is_one_person(world) {
        let desk = Desk::new(&world).await;
        let (_, id) = desk.plan(world.acme.ada, desk.agent(2, true, &[]).await).await;
        let who = desk.who(world.acme.admin).await;
        let many: Vec<As> = (0..10).map(|_| world.again(&who)).collect();
        let all = many.iter().map(|who| desk.decide(who, id, Decided::Approve));
        for answer in futures_util::future::join_all(all).await {
            answer.unwrap();
        }
        assert_eq!(desk.states(id).await, both("PENDING", "AWAITING_APPROVAL"));
        assert_eq!((desk.told("approval.decided").await, desk.told("goal.started").await), (1, 0));
    }

    async fn a_decision_and_its_expiry_do_not_both_happen(world) {
        let desk = Desk::new(&world).await;
        let agent = desk.agent(1, true, &[]).await;
        let late = Clock::fixed(world.clock.now() + TimeDelta::days(8), TimeDelta::milliseconds(1));
        let rules = TaskRules::default();
        let admin = desk.who(world.acme.admin).await;
        for _ in 0..8 {
            let (goal, id) = desk.plan(world.acme.ada, agent).await;
            let jobs = futures_util::future::join_all((0..3).map(|_| expire_due(&world.db, &late, &rules)));
            let (decided, ended) = futures_util::join!(desk.decide(&admin, id, Decided::Approve), jobs);
            let ended: usize = ended.into_iter().map(Result::unwrap).sum();
            assert_eq!(ended + usize::from(decided.is_ok()), 1);
            let (states, tasks) = (desk.states(id).await, desk.tasks(goal).await);
            if decided.is_ok() {
                assert_eq!((states, tasks), (both("APPROVED", "RUNNING"), 2));
            } else {
                assert_eq!((states, tasks), (both("EXPIRED", "FAILED"), 0));
            }
        }
    }

    async fn a_decision_and_a_cancellation_leave_nothing_running(world) {
        let desk = Desk::new(&world).await;
        let agent = desk.agent(1, true, &[]).await;
        let admin = desk.who(world.acme.admin).await;
        for _ in 0..8 {
            let (goal, id) = desk.plan(world.acme.ada, agent).await;
            let (decided, cancelled) =
                futures_util::join!(desk.decide(&admin, id, Decided::Approve), desk.cancel(world.acme.ada, goal));
            cancelled.unwrap();
            let open = "tasks WHERE goal_id = $1 AND status <> 'CANCELLED'";
            assert_eq!(world.count(open, [goal.into()]).await, 0);
            let expected = if decided.is_ok() { "APPROVED" } else { "CANCELLED" };
            assert_eq!(desk.states(id).await, both(expected, "CANCELLED"));
        }
    }

    async fn a_step_is_asked_for_or_its_goal_is_called_off(world) {
        let desk = Desk::new(&world).await;
        let agent = desk.agent(1, false, &[]).await;
        for _ in 0..8 {
            let claim = desk.running(world.acme.ada, agent).await;
            let goal = world.row("SELECT goal_id FROM tasks WHERE id = $1", [claim.task_id.into()]).await;
            let goal = sea_orm::TryGetable::try_get_by_index(&goal, 0).unwrap();
            let (asked, cancelled) = futures_util::join!(desk.ask(claim), desk.cancel(world.acme.ada, goal));
            cancelled.unwrap();
            assert_eq!(desk.task(claim.task_id).await, "CANCELLED");
            if let Ok(id) = asked {
                assert_eq!(desk.states(id).await, both("CANCELLED", "CANCELLED"));
            }
        }
    }
}

//! Invariant: a request is decided by its agent's admins and the organisation's, never by who asked, by as many different
//! people as it says; what was decided happens once, and what was refused changed nothing.

use chrono::TimeDelta;
use entity::{
    enums::{Decided, OrgRole},
    ids::{ApprovalRequestId, UserId},
};
use palisade::{
    clock::Clock,
    service::{
        agent_admin,
        approval::{self, DecideApprovalInput, RequestApprovalInput, expire_due},
        member::{self, Removal},
        task_run,
    },
    status::TaskRules,
    store::{list::row::Row as _, read::approval::ApprovalRow},
};

use super::agent;
use crate::support::{
    approval_fixture::{Desk, both, risky},
    empty_world::on_both,
    two_organizations::*,
};

/// To whom a request goes, as its requester sees it.
async fn approvers(desk: &Desk<'_>, who: &As, id: ApprovalRequestId) -> Vec<UserId> {
    let cx = who.cx().await;
    let row = cx.store.approval_by_ids(&[id], ApprovalRow::keys()).await.unwrap().pop().expect("in sight");
    let mut found = cx.store.approvers(&[row.routing()]).await.unwrap().remove(&row.routing()).unwrap();
    found.sort_unstable();
    assert_eq!(row.org_id, desk.org);
    found
}

/// The same database, as late as requests expire.
fn later(world: &World, by: TimeDelta) -> Clock {
    Clock::fixed(world.clock.now() + by, TimeDelta::milliseconds(1))
}

on_both! {
    async fn a_plan_that_is_approved_becomes_tasks_and_one_that_is_rejected_becomes_nothing(world) {
        let desk = Desk::new(&world).await;
        let (ada, bob) = (world.acme.ada, world.acme.bob);
        let agent = desk.agent(1, true, &[bob]).await;
        let (goal, id) = desk.plan(ada, agent).await;
        assert_eq!(desk.states(id).await, both("PENDING", "AWAITING_APPROVAL"));
        assert_eq!(desk.tasks(goal).await, 0);
        let seen = world.events(desk.org, 0).await.len();
        let new = DecideApprovalInput { id, decision: Decided::Approve, comment: Some("xylophone".to_owned()) };
        approval::decide(desk.who(bob).await.cx().await, new).await.unwrap();
        assert_eq!(desk.states(id).await, both("APPROVED", "RUNNING"));
        assert_eq!(desk.tasks(goal).await, 2);
        let told = world.events(desk.org, seen).await;
        assert_eq!(told[..2], ["approval.decided", "goal.started"]);
        let noted = "approval_decisions WHERE request_id = $1 AND decided_by = $2 AND comment = 'xylophone'";
        assert_eq!(world.count(noted, [id.into(), bob.into()]).await, 1);
        assert_eq!(world.count("events WHERE payload LIKE '%xylophone%'", []).await, 0, "the log holds no content");
        let settled = "approval_requests WHERE id = $1 AND decided_at IS NOT NULL";
        assert_eq!(world.count(settled, [id.into()]).await, 1);

        let (goal, id) = desk.plan(ada, agent).await;
        desk.reject(bob, id).await.unwrap();
        assert_eq!(desk.states(id).await, both("REJECTED", "REJECTED"));
        assert_eq!(desk.tasks(goal).await, 0);
        assert_eq!((desk.told("approval.decided").await, desk.told("goal.rejected").await), (2, 1));
    }

    async fn the_two_person_rule_takes_two_people_who_did_not_ask(world) {
        let desk = Desk::new(&world).await;
        let (ada, bob, admin) = (world.acme.ada, world.acme.bob, world.acme.admin);
        // Ada governs the agent herself, which helps her nothing.
        let agent = desk.agent(2, true, &[ada, bob]).await;
        let (goal, id) = desk.plan(ada, agent).await;
        forbidden(desk.approve(ada, id).await);
        forbidden(desk.reject(ada, id).await);
        desk.approve(bob, id).await.unwrap();
        let before = world.dump().await;
        // Bob twice is one person.
        desk.approve(bob, id).await.unwrap();
        assert_eq!(world.dump().await, before);
        assert_eq!(world.count("approval_decisions WHERE request_id = $1", [id.into()]).await, 1);
        conflict(desk.reject(bob, id).await);
        assert_eq!(desk.states(id).await, both("PENDING", "AWAITING_APPROVAL"));
        desk.approve(admin, id).await.unwrap();
        assert_eq!(desk.states(id).await, both("APPROVED", "RUNNING"));
        assert_eq!(desk.tasks(goal).await, 2);
        // The same once more is the same; another word is too late.
        let before = world.dump().await;
        desk.approve(bob, id).await.unwrap();
        conflict(desk.reject(bob, id).await);
        assert_eq!(world.dump().await, before);
    }

    async fn one_rejection_rejects_however_many_have_approved(world) {
        let desk = Desk::new(&world).await;
        let (ada, bob, lead) = (world.acme.ada, world.acme.bob, world.acme.lead);
        let agent = desk.agent(3, true, &[bob, lead]).await;
        let (goal, id) = desk.plan(ada, agent).await;
        desk.approve(bob, id).await.unwrap();
        desk.reject(lead, id).await.unwrap();
        assert_eq!(desk.states(id).await, both("REJECTED", "REJECTED"));
        conflict(desk.approve(world.acme.admin, id).await);
        assert_eq!(desk.tasks(goal).await, 0);
    }

    async fn an_organisations_only_admin_decides_their_own_request_where_one_approval_is_needed(world) {
        let desk = Desk::new(&world).await;
        let (admin, bob) = (world.acme.admin, world.acme.bob);
        let one = desk.agent(1, true, &[]).await;
        let (_, id) = desk.plan(admin, one).await;
        desk.approve(admin, id).await.unwrap();
        assert_eq!(desk.states(id).await, both("APPROVED", "RUNNING"));

        let two = desk.agent(2, true, &[]).await;
        let (_, id) = desk.plan(admin, two).await;
        forbidden(desk.approve(admin, id).await);

        // A second admin, even one who is locked out: a super-admin could have done that to make the first judge alone.
        let (_, id) = desk.plan(admin, one).await;
        desk.promote(bob).await;
        forbidden(desk.approve(admin, id).await);
        world.set("users", bob, "status = 'SUSPENDED'").await;
        forbidden(desk.approve(admin, id).await);
        world.set("users", bob, "status = 'ACTIVE'").await;
        desk.approve(bob, id).await.unwrap();
        assert_eq!(desk.states(id).await, both("APPROVED", "RUNNING"));
    }

    async fn a_request_goes_to_the_agents_admins_and_with_too_few_of_them_to_the_organisations(world) {
        let desk = Desk::new(&world).await;
        let (ada, bob, lead, admin) = (world.acme.ada, world.acme.bob, world.acme.lead, world.acme.admin);
        let agent = desk.agent(1, true, &[bob]).await;
        let (_, id) = desk.plan(ada, agent).await;
        let requester = desk.who(ada).await;
        assert_eq!(approvers(&desk, &requester, id).await, [bob]);
        // An org admin may always.
        let (_, other) = desk.plan(ada, agent).await;
        desk.approve(admin, other).await.unwrap();

        // Somebody who cannot sign in decides nothing.
        world.set("users", bob, "status = 'SUSPENDED'").await;
        assert_eq!(approvers(&desk, &requester, id).await, [admin]);
        world.set("users", bob, "status = 'ACTIVE'").await;

        // The last agent admin leaves.
        let leaves = Removal { organization_id: None, user_id: bob };
        member::remove(desk.who(admin).await.cx().await, leaves).await.unwrap();
        assert_eq!(approvers(&desk, &requester, id).await, [admin]);
        desk.approve(admin, id).await.unwrap();

        // One agent admin is too few for two approvals; the requester never counts.
        let agent = desk.agent(2, true, &[lead, ada]).await;
        let (_, id) = desk.plan(ada, agent).await;
        let mut expected = vec![lead, admin];
        expected.sort_unstable();
        assert_eq!(approvers(&desk, &requester, id).await, expected);
        // What the only admin asked comes to the only admin, where one approval is needed.
        let (_, id) = desk.plan(admin, desk.agent(1, true, &[]).await).await;
        assert_eq!(approvers(&desk, &desk.who(admin).await, id).await, [admin]);
        let (_, id) = desk.plan(admin, desk.agent(2, true, &[]).await).await;
        assert!(approvers(&desk, &desk.who(admin).await, id).await.is_empty());
    }

    async fn an_approval_counts_as_long_as_whoever_gave_it_could_give_it(world) {
        let desk = Desk::new(&world).await;
        let (ada, bob, lead, admin) = (world.acme.ada, world.acme.bob, world.acme.lead, world.acme.admin);
        let agent = desk.agent(2, true, &[bob, lead]).await;
        let (_, id) = desk.plan(ada, agent).await;
        let boss = desk.who(admin).await;
        desk.approve(bob, id).await.unwrap();
        agent_admin::remove(boss.cx().await, agent, bob).await.unwrap();
        not_found(desk.approve(bob, id).await);
        desk.approve(lead, id).await.unwrap();
        assert_eq!(desk.states(id).await, both("PENDING", "AWAITING_APPROVAL"), "bob decides here no more");
        // Appointed again, his word counts again, once somebody says the same anew.
        agent_admin::add(boss.cx().await, agent, bob).await.unwrap();
        desk.approve(lead, id).await.unwrap();
        assert_eq!(desk.states(id).await, both("APPROVED", "RUNNING"));

        let (_, id) = desk.plan(ada, agent).await;
        desk.approve(bob, id).await.unwrap();
        world.set("users", bob, "status = 'SUSPENDED'").await;
        desk.approve(lead, id).await.unwrap();
        assert_eq!(desk.states(id).await, both("PENDING", "AWAITING_APPROVAL"), "bob is locked out");
        desk.approve(admin, id).await.unwrap();
        assert_eq!(desk.states(id).await, both("APPROVED", "RUNNING"));
    }

    async fn a_decision_is_about_the_rights_that_hold_when_it_is_made(world) {
        let desk = Desk::new(&world).await;
        let (ada, bob, lead) = (world.acme.ada, world.acme.bob, world.acme.lead);
        let agent = desk.agent(1, true, &[bob]).await;
        let (_, id) = desk.plan(ada, agent).await;
        desk.promote(lead).await;
        // Their viewers were made before.
        let (decider, second) = (desk.who(bob).await, desk.who(lead).await);
        agent_admin::remove(desk.who(world.acme.admin).await.cx().await, agent, bob).await.unwrap();
        let demote = "UPDATE org_memberships SET role = 'MEMBER' WHERE org_id = $1 AND user_id = $2";
        world.sql(demote, [desk.org.into(), lead.into()]).await;
        not_found(desk.decide(&decider, id, Decided::Approve).await);
        assert!(desk.decide(&second, id, Decided::Approve).await.is_err());
        let leave = "UPDATE org_memberships SET status = 'LEFT' WHERE org_id = $1 AND user_id = $2";
        world.sql(leave, [desk.org.into(), lead.into()]).await;
        not_found(desk.decide(&second, id, Decided::Approve).await);
        assert_eq!(world.count("approval_decisions", []).await, 0);
        // A token that claims less than the rows grant gives less.
        let modest = world.member_of(desk.org, world.acme.admin, OrgRole::Member);
        let new = DecideApprovalInput { id, decision: Decided::Approve, comment: None };
        not_found(approval::decide(modest.cx(), new).await);
    }

    async fn who_may_not_decide_is_told_by_what_they_see_and_changes_nothing(world) {
        let desk = Desk::new(&world).await;
        let lead = desk.who(world.acme.lead).await;
        let agent = agent::of_team(&lead, world.acme.team).await;
        let (_, id) = desk.plan(world.acme.mate, agent).await;
        let before = world.dump().await;
        // A team's admin reads what its agents ask, and so does who asked.
        for user in [world.acme.lead, world.acme.mate] {
            forbidden(desk.approve(user, id).await);
        }
        let absent = told(desk.approve(world.acme.bob, world.absent()).await);
        assert_eq!(told(desk.approve(world.acme.bob, id).await), absent);
        let stranger = world.tenant(&world.globex, world.globex.admin).await;
        assert_eq!(told(desk.decide(&stranger, id, Decided::Approve).await), absent);
        forbidden(desk.decide(&world.operator(), id, Decided::Approve).await);
        forbidden(desk.decide(&desk.key, id, Decided::Approve).await);
        let long = DecideApprovalInput { id, decision: Decided::Reject, comment: Some("x".repeat(8 * 1024 + 1)) };
        let admin = desk.who(world.acme.admin).await;
        invalid(approval::decide(admin.cx().await, long).await, "input.comment");
        assert_eq!(world.dump().await, before);
        assert_eq!(world.count("approval_decisions", []).await, 0);
    }

    async fn a_risky_step_waits_and_runs_on_under_the_same_claim(world) {
        let desk = Desk::new(&world).await;
        let (ada, bob) = (world.acme.ada, world.acme.bob);
        let agent = desk.agent(1, false, &[bob]).await;
        let claim = desk.running(ada, agent).await;
        let id = desk.ask(claim).await.unwrap();
        assert_eq!(desk.task(claim.task_id).await, "AWAITING_APPROVAL");
        let parked = "tasks WHERE id = $1 AND lease_expires_at IS NULL AND worker_id = $2 AND attempt = $3";
        let values = [claim.task_id.into(), claim.worker_id.into(), claim.attempt.into()];
        assert_eq!(world.count(parked, values).await, 1);
        let asked = "approval_requests WHERE id = $1 AND type = 'RISKY_TASK' AND task_id = $2 AND requested_by = $3
            AND payload LIKE '%xylophone%' AND expires_at IS NOT NULL";
        assert_eq!(world.count(asked, [id.into(), claim.task_id.into(), ada.into()]).await, 1);
        // It waits: neither asked again nor finished meanwhile.
        conflict(desk.ask(claim).await);
        conflict(task_run::complete(desk.key.cx().await, claim, None).await);
        desk.approve(bob, id).await.unwrap();
        assert_eq!(desk.task(claim.task_id).await, "RUNNING");
        let leased = "tasks WHERE id = $1 AND lease_expires_at IS NOT NULL AND worker_id = $2 AND attempt = $3";
        let values = [claim.task_id.into(), claim.worker_id.into(), claim.attempt.into()];
        assert_eq!(world.count(leased, values).await, 1);
        task_run::complete(desk.key.cx().await, claim, None).await.unwrap();
        assert_eq!(world.count("events WHERE payload LIKE '%xylophone%'", []).await, 0, "the log holds no content");
    }

    async fn a_risky_step_that_is_rejected_is_not_tried_again(world) {
        let desk = Desk::new(&world).await;
        let (ada, bob) = (world.acme.ada, world.acme.bob);
        let agent = desk.agent(1, false, &[bob]).await;
        let claim = desk.running(ada, agent).await;
        let id = desk.ask(claim).await.unwrap();
        desk.reject(bob, id).await.unwrap();
        assert_eq!(desk.task(claim.task_id).await, "DEAD_LETTER");
        assert_eq!(desk.states(id).await, both("REJECTED", "RUNNING"));
        conflict(task_run::complete(desk.key.cx().await, claim, None).await);
        // Somebody may still say that it is to be tried anew.
        task_run::retry(desk.who(ada).await.cx().await, claim.task_id).await.unwrap();
        let claim = desk.claim().await;
        desk.ask(claim).await.unwrap();
    }

    async fn only_the_worker_that_runs_a_task_asks_and_asks_well(world) {
        let desk = Desk::new(&world).await;
        let agent = desk.agent(1, false, &[]).await;
        let claim = desk.running(world.acme.ada, agent).await;
        let other = Desk::new(&world).await;
        let before = world.dump().await;
        for user in [world.acme.ada, world.acme.admin] {
            assert!(approval::request(desk.who(user).await.cx().await, risky(claim)).await.is_err());
        }
        assert!(approval::request(world.operator().cx().await, risky(claim)).await.is_err());
        not_found(approval::request(other.key.cx().await, risky(claim)).await);
        conflict(other.ask(task_run::ClaimInput { worker_id: other.worker, ..claim }).await);
        conflict(desk.ask(task_run::ClaimInput { attempt: claim.attempt + 1, ..claim }).await);
        let cx = desk.key.cx().await;
        let with = |payload: &str| RequestApprovalInput { payload: payload.to_owned(), ..risky(claim) };
        invalid(approval::request(cx, with("[]")).await, "input.payload");
        let long = RequestApprovalInput { reason: Some("x".repeat(8 * 1024 + 1)), ..risky(claim) };
        invalid(approval::request(cx, long).await, "input.reason");
        for wait in [i32::MIN, 0, 30 * 86_400 + 1] {
            let new = RequestApprovalInput { expires_in_seconds: Some(wait), ..risky(claim) };
            invalid(approval::request(cx, new).await, "input.expiresInSeconds");
        }
        assert_eq!(world.dump().await, before);
    }

    async fn what_nobody_decided_in_time_has_failed(world) {
        let desk = Desk::new(&world).await;
        let rules = TaskRules::default();
        let (ada, bob) = (world.acme.ada, world.acme.bob);
        let (_, plan) = desk.plan(ada, desk.agent(1, true, &[bob]).await).await;
        let claim = desk.running(ada, desk.agent(1, false, &[bob]).await).await;
        let step = desk.ask(claim).await.unwrap();
        assert_eq!(expire_due(&world.db, &world.clock, &rules).await.unwrap(), 0);

        // Too late to decide, also where no job has come by.
        let past = "UPDATE approval_requests SET expires_at = created_at WHERE id = $1";
        world.sql(past, [step.into()]).await;
        conflict(desk.approve(bob, step).await);
        assert_eq!(expire_due(&world.db, &world.clock, &rules).await.unwrap(), 1);
        assert_eq!(desk.states(step).await, both("EXPIRED", "RUNNING"));
        assert_eq!(desk.task(claim.task_id).await, "QUEUED", "another try asks again");
        assert_eq!(desk.states(plan).await, both("PENDING", "AWAITING_APPROVAL"));
        assert_eq!(expire_due(&world.db, &world.clock, &rules).await.unwrap(), 0);

        let week = later(&world, TimeDelta::days(8));
        assert_eq!(expire_due(&world.db, &week, &rules).await.unwrap(), 1);
        assert_eq!(desk.states(plan).await, both("EXPIRED", "FAILED"));
        conflict(desk.approve(bob, plan).await);
        let by_itself = "events WHERE type = 'approval.expired' AND actor_user_id IS NULL";
        assert_eq!(world.count(by_itself, []).await, 2);
    }

    async fn what_is_called_off_takes_its_requests_along(world) {
        let desk = Desk::new(&world).await;
        let (ada, bob) = (world.acme.ada, world.acme.bob);
        let (goal, plan) = desk.plan(ada, desk.agent(1, true, &[bob]).await).await;
        desk.cancel(ada, goal).await.unwrap();
        assert_eq!(desk.states(plan).await, both("CANCELLED", "CANCELLED"));
        conflict(desk.approve(bob, plan).await);

        let claim = desk.running(ada, desk.agent(1, false, &[bob]).await).await;
        let step = desk.ask(claim).await.unwrap();
        task_run::cancel(desk.who(ada).await.cx().await, claim.task_id).await.unwrap();
        assert_eq!(desk.states(step).await.0, "CANCELLED");
        conflict(desk.approve(bob, step).await);
        assert_eq!(desk.task(claim.task_id).await, "CANCELLED");
        assert_eq!(desk.told("approval.cancelled").await, 2);
    }
}

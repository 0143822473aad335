//! Invariant: a goal is submitted once, by a member, to an agent that it may see and that takes goals; it is called off
//! once, with all that hangs off it, by its submitter or whoever may change the agent.

use entity::{
    confidential::Confidential,
    enums::{AgentStatus, ApprovalStatus, ApprovalType, CollaboratorPermission, GoalStatus, TaskStatus},
    ids::{AgentId, ApprovalRequestId, GoalId, TaskId},
    {approval_request, task},
};
use palisade::{
    error::Result,
    service::goal::{self, SubmitGoalInput},
    status::State as _,
};
use sea_orm::{ActiveValue::Set, EntityTrait};

use super::{agent, collaborator, document};
use crate::support::{empty_world::on_both, two_organizations::*};

pub fn input(agent_id: AgentId) -> SubmitGoalInput {
    SubmitGoalInput {
        agent_id,
        goal_text: "Find the ÄPFEL".to_owned(),
        priority: 5,
        documents: vec![],
        idempotency_key: None,
    }
}

pub fn keyed(agent_id: AgentId, key: &str) -> SubmitGoalInput {
    SubmitGoalInput { idempotency_key: Some(key.to_owned()), ..input(agent_id) }
}

pub async fn submit(who: &As, agent: AgentId) -> Result<GoalId> {
    goal::submit(who.cx().await, input(agent)).await
}

async fn set_state(world: &World, id: GoalId, status: GoalStatus) {
    world.sql("UPDATE goals SET status = $1 WHERE id = $2", [status.as_str().into(), id.into()]).await;
}

async fn state(world: &World, id: GoalId) -> String {
    world.row("SELECT status FROM goals WHERE id = $1", [id.into()]).await.try_get_by_index(0).unwrap()
}

pub async fn add_task(world: &World, org: &Org, agent: AgentId, goal: GoalId, status: TaskStatus) -> TaskId {
    let id = world.clock.id();
    let now = world.clock.now();
    let row = task::ActiveModel {
        org_id: Set(org.id),
        id: Set(id),
        goal_id: Set(goal),
        agent_id: Set(agent),
        kind: Set("code".to_owned()),
        status: Set(status),
        priority: Set(0),
        retries: Set(0),
        max_retries: Set(3),
        payload: Set(Confidential::withheld()),
        result: Set(Confidential::withheld()),
        error: Set(Confidential::withheld()),
        worker_id: Set(None),
        attempt: Set(0),
        lease_expires_at: Set(None),
        run_after: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
        started_at: Set(None),
        finished_at: Set(None),
    };
    task::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
    id
}

async fn add_request(world: &World, org: &Org, agent: AgentId, goal: GoalId, status: ApprovalStatus) {
    let id: ApprovalRequestId = world.clock.id();
    let row = approval_request::ActiveModel {
        org_id: Set(org.id),
        id: Set(id),
        kind: Set(ApprovalType::Plan),
        status: Set(status),
        agent_id: Set(agent),
        goal_id: Set(goal),
        task_id: Set(None),
        requested_by: Set(None),
        payload: Set(Confidential::withheld()),
        reason: Set(Confidential::withheld()),
        required_approvals: Set(1),
        created_at: Set(world.clock.now()),
        expires_at: Set(None),
        decided_at: Set(None),
    };
    approval_request::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
}

on_both! {
    async fn a_goal_is_pending_with_its_documents(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        let input = SubmitGoalInput { documents: vec![document::text(), document::text()], ..input(agent) };
        let id = goal::submit(ada.cx().await, input).await.unwrap();
        let sql = "SELECT status, goal_text, goal_text_folded FROM goals WHERE org_id = $1 AND id = $2";
        let row = world.row(sql, [world.acme.id.into(), id.into()]).await;
        let words: Vec<String> = (0..3).map(|at| row.try_get_by_index(at).unwrap()).collect();
        assert_eq!(words, ["PENDING", "Find the ÄPFEL", "find the äpfel"]);
        let asked = "goals WHERE id = $1 AND submitted_by = $2 AND priority = 5 AND completed_at IS NULL";
        assert_eq!(world.count(asked, [id.into(), world.acme.ada.into()]).await, 1);
        let attached = "agent_documents WHERE goal_id = $1 AND agent_id = $2 AND content = 'be kind'";
        assert_eq!(world.count(attached, [id.into(), agent.into()]).await, 2);
        assert_eq!(world.events(world.acme.id, 1).await, ["goal.submitted"]);
        let told = "events WHERE type = 'goal.submitted' AND payload LIKE '%PFEL%'";
        assert_eq!(world.count(told, []).await, 0, "the log holds no content");
    }

    async fn whoever_may_use_an_agent_submits_and_a_super_admin_never(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        let (private, public) = (agent::private(&ada).await, agent::public(&ada).await);
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let of_team = agent::of_team(&admin, world.acme.team).await;
        submit(&bob, public).await.unwrap();
        not_found(submit(&bob, private).await);
        not_found(submit(&bob, of_team).await);
        collaborator::share(&ada, private, world.acme.bob, CollaboratorPermission::Use).await.unwrap();
        submit(&bob, private).await.unwrap();
        submit(&world.tenant(&world.acme, world.acme.mate).await, of_team).await.unwrap();
        submit(&admin, private).await.unwrap();
        let global = agent::global(&world).await;
        let before = world.dump().await;
        for id in [private, public, of_team, global] {
            forbidden(submit(&world.operator(), id).await);
        }
        assert_eq!(world.dump().await, before);
    }

    async fn an_agent_that_is_not_active_takes_no_goals(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        for status in [AgentStatus::Stopped, AgentStatus::Error] {
            agent::set_status(&ada, id, status).await.unwrap();
            let before = world.dump().await;
            conflict(submit(&ada, id).await);
            assert_eq!(world.dump().await, before);
        }
        agent::set_status(&ada, id, AgentStatus::Active).await.unwrap();
        submit(&ada, id).await.unwrap();
        palisade::service::agent::archive(ada.cx().await, id).await.unwrap();
        conflict(submit(&ada, id).await);
        // Stopped by the organisation alone.
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let global = agent::global(&world).await;
        agent::set_status(&admin, global, AgentStatus::Stopped).await.unwrap();
        conflict(submit(&ada, global).await);
        submit(&world.tenant(&world.globex, world.globex.ada).await, global).await.unwrap();
    }

    async fn what_cannot_be_a_goal_is_refused(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        let before = world.dump().await;
        let submit = async |input| goal::submit(ada.cx().await, input).await;
        invalid(submit(SubmitGoalInput { goal_text: " \n".to_owned(), ..input(id) }).await, "input.goalText");
        invalid(submit(SubmitGoalInput { goal_text: "x".repeat(300_000), ..input(id) }).await, "input.goalText");
        invalid(submit(SubmitGoalInput { priority: 1_001, ..input(id) }).await, "input.priority");
        let many = std::iter::repeat_with(document::text).take(21).collect();
        invalid(submit(SubmitGoalInput { documents: many, ..input(id) }).await, "input.documents");
        let empty = palisade::service::document::DocumentInput { content: None, ..document::text() };
        invalid(submit(SubmitGoalInput { documents: vec![empty], ..input(id) }).await, "input.documents.content");
        invalid(submit(keyed(id, "")).await, "input.idempotencyKey");
        invalid(submit(keyed(id, &"x".repeat(201))).await, "input.idempotencyKey");
        assert_eq!(world.dump().await, before);
    }

    async fn the_same_key_submits_once(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let (id, other) = (agent::public(&ada).await, agent::public(&ada).await);
        let first = goal::submit(ada.cx().await, keyed(id, "k")).await.unwrap();
        let before = world.dump().await;
        assert_eq!(goal::submit(ada.cx().await, keyed(id, "k")).await.unwrap(), first);
        let text = SubmitGoalInput { goal_text: "Something else".to_owned(), ..keyed(id, "k") };
        conflict(goal::submit(ada.cx().await, text).await);
        conflict(goal::submit(ada.cx().await, SubmitGoalInput { priority: 6, ..keyed(id, "k") }).await);
        conflict(goal::submit(ada.cx().await, keyed(other, "k")).await);
        assert_eq!(world.dump().await, before);
        // A key is its user's.
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        assert_ne!(goal::submit(bob.cx().await, keyed(id, "k")).await.unwrap(), first);
        assert_eq!(world.count("goals WHERE idempotency_key = 'k'", []).await, 0, "a key may be content");
        // A retry finds its goal, also when the agent was stopped meanwhile.
        agent::set_status(&ada, id, AgentStatus::Stopped).await.unwrap();
        assert_eq!(goal::submit(ada.cx().await, keyed(id, "k")).await.unwrap(), first);
    }

    async fn twenty_submissions_with_one_key_at_once_are_one_goal(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        for agent in [agent::private(&ada).await, agent::global(&world).await] {
            let key = format!("key of {agent}");
            let many = (0..20).map(|_| async {
                let who = world.again(&ada);
                let input = SubmitGoalInput { documents: vec![document::text()], ..keyed(agent, &key) };
                goal::submit(who.cx().await, input).await
            });
            let mut ids: Vec<_> =
                futures_util::future::join_all(many).await.into_iter().map(|id| id.unwrap()).collect();
            ids.dedup();
            assert_eq!(ids.len(), 1);
            assert_eq!(world.count("goals WHERE agent_id = $1", [agent.into()]).await, 1);
            assert_eq!(world.count("agent_documents WHERE agent_id = $1", [agent.into()]).await, 1);
        }
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told.iter().filter(|kind| *kind == "goal.submitted").count(), 2);
    }

    async fn cancelling_ends_what_is_not_over_and_leaves_what_is(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        let (id, other) = (submit(&ada, agent).await.unwrap(), submit(&ada, agent).await.unwrap());
        set_state(&world, id, GoalStatus::Running).await;
        for status in TaskStatus::ALL {
            add_task(&world, &world.acme, agent, id, *status).await;
        }
        for status in ApprovalStatus::ALL {
            add_request(&world, &world.acme, agent, id, *status).await;
        }
        add_task(&world, &world.acme, agent, other, TaskStatus::Running).await;
        add_request(&world, &world.acme, agent, other, ApprovalStatus::Pending).await;
        let seen = world.events(world.acme.id, 0).await.len();

        goal::cancel(ada.cx().await, id).await.unwrap();
        assert_eq!(state(&world, id).await, "CANCELLED");
        assert_eq!(world.count("goals WHERE id = $1 AND completed_at IS NOT NULL", [id.into()]).await, 1);
        let over = TaskStatus::ALL.iter().filter(|status| status.is_final() && **status != TaskStatus::Cancelled);
        let open = TaskStatus::ALL.iter().filter(|status| !status.is_final()).count();
        for status in over {
            let tasks = "tasks WHERE goal_id = $1 AND status = $2";
            assert_eq!(world.count(tasks, [id.into(), status.as_str().into()]).await, 1, "{status:?}");
        }
        let ended = "tasks WHERE goal_id = $1 AND status = 'CANCELLED' AND finished_at IS NOT NULL";
        assert_eq!(world.count(ended, [id.into()]).await, i64::try_from(open).unwrap());
        for (status, expected) in [("PENDING", 0), ("CANCELLED", 2), ("APPROVED", 1), ("REJECTED", 1), ("EXPIRED", 1)] {
            let requests = "approval_requests WHERE goal_id = $1 AND status = $2";
            assert_eq!(world.count(requests, [id.into(), status.into()]).await, expected, "{status}");
        }
        assert_eq!(world.count("tasks WHERE goal_id = $1 AND status = 'RUNNING'", [other.into()]).await, 1);
        assert_eq!(world.count("approval_requests WHERE goal_id = $1 AND status = 'PENDING'", [other.into()]).await, 1);
        let told = world.events(world.acme.id, seen).await;
        assert_eq!(told[0], "goal.cancelled");
        assert_eq!(told.iter().filter(|kind| *kind == "task.cancelled").count(), open);
        assert_eq!(told.iter().filter(|kind| *kind == "approval.cancelled").count(), 1);
    }

    async fn a_goal_is_cancelled_from_every_state_that_is_not_final_and_from_no_other(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        for status in GoalStatus::ALL {
            let id = submit(&ada, agent).await.unwrap();
            set_state(&world, id, *status).await;
            add_task(&world, &world.acme, agent, id, TaskStatus::Queued).await;
            let before = world.dump().await;
            if status.is_final() {
                conflict(goal::cancel(ada.cx().await, id).await);
                assert_eq!(world.dump().await, before);
                assert_eq!(state(&world, id).await, status.as_str());
            } else {
                goal::cancel(ada.cx().await, id).await.unwrap();
                conflict(goal::cancel(ada.cx().await, id).await);
            }
        }
    }

    async fn a_goal_is_cancelled_by_its_submitter_or_whoever_may_change_the_agent(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        let agent = agent::public(&ada).await;
        let mate = world.tenant(&world.acme, world.acme.mate).await;
        let by_bob = submit(&bob, agent).await.unwrap();
        forbidden(goal::cancel(mate.cx().await, by_bob).await);
        forbidden(goal::cancel(world.operator().cx().await, by_bob).await);
        goal::cancel(bob.cx().await, by_bob).await.unwrap();
        let by_bob = submit(&bob, agent).await.unwrap();
        goal::cancel(ada.cx().await, by_bob).await.unwrap();
        let by_bob = submit(&bob, agent).await.unwrap();
        collaborator::share(&ada, agent, world.acme.mate, CollaboratorPermission::Use).await.unwrap();
        forbidden(goal::cancel(mate.cx().await, by_bob).await);
        collaborator::share(&ada, agent, world.acme.mate, CollaboratorPermission::Edit).await.unwrap();
        goal::cancel(mate.cx().await, by_bob).await.unwrap();

        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let of_team = agent::of_team(&admin, world.acme.team).await;
        let by_mate = submit(&mate, of_team).await.unwrap();
        goal::cancel(world.tenant(&world.acme, world.acme.lead).await.cx().await, by_mate).await.unwrap();
        let global = agent::global(&world).await;
        let by_bob = submit(&bob, global).await.unwrap();
        forbidden(goal::cancel(ada.cx().await, by_bob).await);
        goal::cancel(bob.cx().await, by_bob).await.unwrap();
        let by_bob = submit(&bob, global).await.unwrap();
        goal::cancel(admin.cx().await, by_bob).await.unwrap();
    }

    async fn a_hidden_a_foreign_and_an_absent_goal_answer_alike(world) {
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        let hidden = submit(&bob, agent::private(&bob).await).await.unwrap();
        let global = agent::global(&world).await;
        let globex = world.tenant(&world.globex, world.globex.ada).await;
        let foreign = submit(&globex, global).await.unwrap();
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        // Its organisation uses the same global agent.
        submit(&ada, global).await.unwrap();
        let before = world.dump().await;
        let absent = told(goal::cancel(ada.cx().await, world.absent()).await);
        assert!(absent.contains("NOT_FOUND"), "{absent}");
        assert_eq!(told(goal::cancel(ada.cx().await, hidden).await), absent);
        assert_eq!(told(goal::cancel(ada.cx().await, foreign).await), absent);
        assert_eq!(world.dump().await, before);
    }

    async fn of_many_cancellations_at_once_one_counts(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        let id = submit(&ada, agent).await.unwrap();
        let seen = world.events(world.acme.id, 0).await.len();
        let many = (0..8).map(|_| async {
            let who = world.again(&ada);
            goal::cancel(who.cx().await, id).await
        });
        let done = futures_util::future::join_all(many).await;
        assert_eq!(done.iter().filter(|result| result.is_ok()).count(), 1);
        done.into_iter().filter(Result::is_err).for_each(conflict);
        assert_eq!(world.events(world.acme.id, seen).await, ["goal.cancelled"]);
    }
}

//! Invariant: the demo's history is one that could have happened: states, times, dependencies and rights agree.

use std::collections::{HashMap, HashSet};

use entity::enums::{
    AgentStatus, AgentVisibility, ApprovalStatus, ApprovalType, GoalStatus, MembershipStatus, OrgRole, TaskStatus,
};
use palisade::demo::DemoPlatform;

use super::worlds;

#[test]
fn tasks_agree_with_their_dependencies_and_their_goals() {
    worlds().iter().for_each(agree);
}

fn agree(platform: &DemoPlatform) {
    let worked: HashSet<_> = platform.tasks.iter().map(|row| row.goal_id).collect();
    let workers: HashMap<_, _> = platform.workers.iter().map(|row| ((row.org_id, row.id), row)).collect();
    let asked: HashSet<_> = platform
        .approval_requests
        .iter()
        .filter(|row| row.status == ApprovalStatus::Pending && row.kind == ApprovalType::Plan)
        .map(|row| row.goal_id)
        .collect();
    let waiting: HashSet<_> = platform
        .approval_requests
        .iter()
        .filter(|row| row.status == ApprovalStatus::Pending)
        .filter_map(|row| row.task_id)
        .collect();
    let tasks: HashMap<_, _> = platform.tasks.iter().map(|row| (row.id, row)).collect();
    let goals: HashMap<_, _> = platform.goals.iter().map(|row| (row.id, row)).collect();
    for edge in &platform.task_dependencies {
        let (task, before) = (tasks[&edge.task_id], tasks[&edge.depends_on_id]);
        assert!(before.id < task.id, "no cycle");
        assert!(task.goal_id == edge.goal_id && before.goal_id == edge.goal_id);
        if let Some(started) = task.started_at {
            assert_eq!(before.status, TaskStatus::Completed);
            assert!(before.finished_at.unwrap() <= started);
        }
        let ready = before.status == TaskStatus::Completed;
        assert!(ready || matches!(task.status, TaskStatus::Created | TaskStatus::Pending | TaskStatus::Cancelled));
    }
    for task in &platform.tasks {
        let goal = goals[&task.goal_id];
        assert_eq!((task.org_id, task.agent_id), (goal.org_id, goal.agent_id));
        assert!(task.retries <= task.max_retries && task.created_at >= goal.created_at);
        assert!(task.updated_at >= task.created_at && task.finished_at.is_none_or(|at| at == task.updated_at));
        let over = matches!(task.status, TaskStatus::Completed | TaskStatus::DeadLetter | TaskStatus::Cancelled);
        assert_eq!(over, task.finished_at.is_some(), "{:?}", task.status);
        let settled = goal.completed_at.is_some();
        assert_eq!(waiting.contains(&task.id), task.status == TaskStatus::AwaitingApproval);
        assert!(over || !settled, "{:?} in {:?}", task.status, goal.status);
        assert!(goal.completed_at.is_none_or(|at| task.finished_at.unwrap() <= at));
        if goal.status == GoalStatus::Completed {
            assert_eq!(task.status, TaskStatus::Completed);
        }
        let at_work = matches!(task.status, TaskStatus::Running | TaskStatus::Scheduled | TaskStatus::AwaitingApproval);
        assert!(task.worker_id.is_some() || !at_work);
        if let Some(worker) = task.worker_id {
            let worker = workers[&(task.org_id, worker)];
            assert!(worker.capabilities.as_str().contains(&task.kind));
        }
    }
    for goal in &platform.goals {
        let has = worked.contains(&goal.id);
        match goal.status {
            GoalStatus::Pending | GoalStatus::Planning | GoalStatus::AwaitingApproval | GoalStatus::Rejected => {
                assert!(!has)
            }
            GoalStatus::Running | GoalStatus::Completed => assert!(has),
            GoalStatus::Failed | GoalStatus::Cancelled => {}
        }
        assert_eq!(asked.contains(&goal.id), goal.status == GoalStatus::AwaitingApproval);
    }
}

#[test]
fn goals_are_submitted_by_people_who_may_use_the_agent() {
    worlds().iter().for_each(may_use);
}

fn may_use(platform: &DemoPlatform) {
    for goal in &platform.goals {
        let key = (goal.org_id, goal.agent_id);
        let agent = platform.agents.iter().find(|row| (row.org_id, row.id) == key).unwrap();
        let user = goal.submitted_by.unwrap();
        let member =
            platform.org_memberships.iter().find(|row| (row.org_id, row.user_id) == (goal.org_id, user)).unwrap();
        let teams: HashSet<_> = platform
            .team_memberships
            .iter()
            .filter(|row| (row.org_id, row.user_id) == (goal.org_id, user))
            .map(|row| row.team_id)
            .collect();
        let invited = platform.agent_collaborators.iter().any(|row| {
            (row.org_id, row.agent_id) == key
                && (row.user_id == Some(user) || row.team_id.is_some_and(|team| teams.contains(&team)))
        });
        let may = match agent.visibility {
            AgentVisibility::Global | AgentVisibility::Public => true,
            AgentVisibility::Team => teams.contains(&agent.team_id.unwrap()),
            AgentVisibility::Private => agent.owner_id == Some(user) || invited,
        };
        // An agent whose owner left was theirs while it was used.
        let left = agent.status == AgentStatus::Archived;
        assert!(may || left || member.role == OrgRole::Admin, "{} by {user}", agent.name);
        assert!(member.status == MembershipStatus::Active || goal.created_at < member.updated_at);
        assert!(agent.created_at <= goal.created_at && member.created_at <= goal.created_at);
    }
}

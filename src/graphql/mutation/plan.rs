//! What planners do.

use async_graphql::{Context, ID, InputObject, Object};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::parse_id, directives::requires, guard::Requires, scalars::Json, types::work_payload::GoalPayload,
    },
    policy::Permission,
    service::plan as cases,
};

/// A plan for a goal.
#[derive(InputObject)]
pub struct ProposePlanInput {
    /// The goal: one that is pending, or taken for planning.
    pub goal_id: ID,
    /// What the planner says of the plan, in whatever form: at most 256 KiB.
    #[graphql(secret)]
    pub plan: Option<Json>,
    /// Its tasks: 1 to 1,000, with at most 10,000 dependencies between them.
    pub tasks: Vec<PlannedTaskInput>,
}

/// A task of a plan.
#[derive(InputObject)]
pub struct PlannedTaskInput {
    /// Its name inside the plan, which other tasks depend on it by: at most 100 characters.
    #[graphql(secret)]
    pub key: String,
    /// What kind of work it is; workers match it with their capabilities: at most 100 characters.
    #[graphql(name = "type")]
    pub kind: String,
    /// The input: at most 64 KiB.
    #[graphql(secret)]
    pub payload: Option<Json>,
    /// Larger runs first: -1000 to 1000.
    #[graphql(default)]
    pub priority: i32,
    /// How often it may be tried again: 0 to 100.
    #[graphql(default = 3)]
    pub max_retries: i32,
    /// Keys of the tasks that it waits for, each once.
    #[graphql(default, secret)]
    pub depends_on: Vec<String>,
}

#[derive(Default)]
pub struct PlanMutation;

#[Object]
impl PlanMutation {
    /// Takes a pending goal for planning, so that no other planner plans it too: of several the first gets it, for the
    /// others it is a conflict. Not needed before `proposePlan`, which takes pending goals itself.
    #[graphql(guard = "Requires(Permission::PlanPropose)", directive = requires::apply(Permission::PlanPropose.into()))]
    async fn start_planning(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The goal's id.")] goal_id: ID,
    ) -> Result<GoalPayload> {
        let id = parse_id("goalId", &goal_id)?;
        cases::start(begin(ctx).await, id).await.map(GoalPayload)
    }

    /// Plans a goal. Its tasks are made at once, or, where the agent asks for plan approval, once the plan is approved. A
    /// goal is planned once; a plan with a cycle, or with a dependency on no task of it, is `VALIDATION`.
    #[graphql(guard = "Requires(Permission::PlanPropose)", directive = requires::apply(Permission::PlanPropose.into()))]
    async fn propose_plan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The plan.")] input: ProposePlanInput,
    ) -> Result<GoalPayload> {
        let text = |json: Option<Json>| json.map(|Json(value)| value.to_string());
        let new = cases::ProposePlanInput {
            goal_id: parse_id("input.goalId", &input.goal_id)?,
            plan: text(input.plan),
            tasks: input
                .tasks
                .into_iter()
                .map(|task| cases::PlannedTaskInput {
                    key: task.key,
                    kind: task.kind,
                    payload: text(task.payload),
                    priority: task.priority,
                    max_retries: task.max_retries,
                    depends_on: task.depends_on,
                })
                .collect(),
        };
        cases::propose(begin(ctx).await, new).await.map(GoalPayload)
    }
}

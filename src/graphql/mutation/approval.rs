//! Approvals: asked for by workers, decided by people.

use async_graphql::{Context, ID, InputObject, Object};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::parse_id, directives::requires, enums::Decided, guard::Requires, scalars::Json,
        types::approval::ApprovalRequestPayload,
    },
    policy::Permission,
    service::{approval, task_run::ClaimInput},
};

/// A decision about an approval request.
#[derive(InputObject)]
pub struct DecideApprovalInput {
    /// The request.
    pub id: ID,
    /// Whether it may go on.
    pub decision: Decided,
    /// Why, at most 8 KiB.
    #[graphql(secret)]
    pub comment: Option<String>,
}

/// A risky step that a worker is about to take.
#[derive(InputObject)]
pub struct RequestApprovalInput {
    /// The task that it runs.
    pub task_id: ID,
    /// The worker.
    pub worker_id: ID,
    /// Which claim of the task it holds.
    pub attempt: i32,
    /// The step, as a JSON object of at most 64 KiB: what is approved, to the letter.
    #[graphql(secret)]
    pub payload: Json,
    /// Why approval is asked, at most 8 KiB.
    #[graphql(secret)]
    pub reason: Option<String>,
    /// How long it waits: at most 30 days. Without it, as long as the server's settings say.
    pub expires_in_seconds: Option<i32>,
}

#[derive(Default)]
pub struct ApprovalMutation;

#[Object]
impl ApprovalMutation {
    /// Pauses a task that runs until somebody has decided about a risky step of it. The worker keeps its claim and sends
    /// no heartbeat for it meanwhile: once approved, the task runs again under the same attempt, with a new lease.
    #[graphql(guard = "Requires(Permission::TaskRun)", directive = requires::apply(Permission::TaskRun.into()))]
    async fn request_approval(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The step.")] input: RequestApprovalInput,
    ) -> Result<ApprovalRequestPayload> {
        let new = approval::RequestApprovalInput {
            claim: ClaimInput {
                task_id: parse_id("input.taskId", &input.task_id)?,
                worker_id: parse_id("input.workerId", &input.worker_id)?,
                attempt: input.attempt,
            },
            payload: input.payload.0.to_string(),
            reason: input.reason,
            expires_in_seconds: input.expires_in_seconds,
        };
        approval::request(begin(ctx).await, new).await.map(ApprovalRequestPayload)
    }

    /// Approves or rejects. One rejection rejects; it takes as many people to approve as the request says. The same
    /// decision again changes nothing.
    #[graphql(
        guard = "Requires(Permission::ApprovalDecide)",
        directive = requires::apply(Permission::ApprovalDecide.into())
    )]
    async fn decide_approval(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision.")] input: DecideApprovalInput,
    ) -> Result<ApprovalRequestPayload> {
        let new = approval::DecideApprovalInput {
            id: parse_id("input.id", &input.id)?,
            decision: input.decision.into(),
            comment: input.comment,
        };
        approval::decide(begin(ctx).await, new).await.map(ApprovalRequestPayload)
    }
}

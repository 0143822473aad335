//! The mutation root. Each field is one use case of `service`: it runs in one transaction of its own, and its payload is
//! read again under the viewer's scope once that has committed.

mod agent;
mod agent_sharing;
mod approval;
mod chat;
mod file;
mod goal;
mod issuer;
mod member;
mod organization;
mod plan;
mod service_account;
mod session;
mod task;
mod team;
mod usage;
mod user;
mod worker;

use async_graphql::{Context, MergedObject};

use super::context::cx;
use crate::service;

/// Everything that can be changed. Fields run one after the other; each that fails has changed nothing.
#[derive(Default, MergedObject)]
pub struct Mutation(
    session::SessionMutation,
    organization::OrganizationMutation,
    user::UserMutation,
    member::MemberMutation,
    team::TeamMutation,
    agent::AgentMutation,
    agent_sharing::AgentSharingMutation,
    goal::GoalMutation,
    approval::ApprovalMutation,
    chat::ChatMutation,
    file::FileMutation,
    issuer::IssuerMutation,
    plan::PlanMutation,
    service_account::ServiceAccountMutation,
    task::TaskMutation,
    usage::UsageMutation,
    worker::WorkerMutation,
);

/// What a use case is given. What the fields before have read is read anew: others may have written meanwhile.
async fn begin<'a>(ctx: &Context<'a>) -> service::Context<'a> {
    let cx = cx(ctx);
    cx.store.end_read().await;
    cx.service()
}

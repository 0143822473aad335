//! The subscription root: one feed per field.
//!
//! To add one: what it opens, what it picks, what it answers ([`Feed`](run::Feed)), and a field with the guard of its kind.

mod approval;
mod chat;
mod event;
mod goal;
pub mod run;
mod task;

use async_graphql::{Context, ID, Subscription as GraphQlSubscription};
use futures_util::Stream;

use self::{approval::ApprovalFeed, chat::MessageFeed, event::EventFeed, goal::GoalFeed, run::follow, task::TaskFeed};
use super::{
    connection::{parse_id, parse_optional_id},
    directives::requires,
    guard::Requires,
    types::{approval::ApprovalRequest, chat::ChatMessage, event::EventEdge, goal::Goal, task::Task},
};
use crate::{error::Result, policy::Permission};

/// What can be followed. Each event is read under the viewer's rights at that moment, and a stream ends when these do.
#[derive(Default)]
pub struct Subscription;

/// What can be followed. Each event is read under the viewer's rights at that moment, and a stream ends when these do.
#[GraphQlSubscription]
impl Subscription {
    /// Everything the viewer may see, in order, from `after` on: a client that reconnects with its last cursor misses
    /// nothing.
    #[graphql(guard = "Requires(Permission::EventFollow)", directive = requires::apply(Permission::EventFollow.into()))]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation whose log is followed: required of super-admins, one's own otherwise.")]
        organization_id: Option<ID>,
        #[graphql(desc = "Only events after this cursor, which an earlier stream gave; from now on without it.")]
        after: Option<String>,
        #[graphql(desc = "Only events of these types, at most 50.")] types: Option<Vec<String>>,
        #[graphql(desc = "Only what happens to this object.")] subject_id: Option<ID>,
    ) -> Result<impl Stream<Item = EventEdge>> {
        let organization = parse_optional_id("organizationId", organization_id.as_ref())?;
        follow(ctx, EventFeed { organization, after, types, subject: subject_id.map(|id| id.0) }).await
    }

    /// A goal, each time that something happens to it. The stream ends when the viewer may not see it any more.
    #[graphql(guard = "Requires(Permission::GoalRead)", directive = requires::apply(Permission::GoalRead.into()))]
    async fn goal_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The goal's id.")] id: ID,
    ) -> Result<impl Stream<Item = Goal>> {
        follow(ctx, GoalFeed { id: parse_id("id", &id)? }).await
    }

    /// A task, each time that something happens to it: any that the viewer sees, or one goal's or agent's. The stream of a
    /// goal or an agent ends when the viewer may not see it any more.
    #[graphql(guard = "Requires(Permission::GoalRead)", directive = requires::apply(Permission::GoalRead.into()))]
    async fn task_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only tasks of this goal.")] goal_id: Option<ID>,
        #[graphql(desc = "Only tasks of this agent.")] agent_id: Option<ID>,
    ) -> Result<impl Stream<Item = Task>> {
        let goal = parse_optional_id("goalId", goal_id.as_ref())?;
        let agent = parse_optional_id("agentId", agent_id.as_ref())?;
        follow(ctx, TaskFeed { goal, agent }).await
    }

    /// Each approval request that the viewer may read, as it is made: those that it decides, and those of its own goals.
    #[graphql(guard = "Requires(Permission::ApprovalRead)", directive = requires::apply(Permission::ApprovalRead.into()))]
    async fn approval_requested(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The organisation whose requests are followed: required of super-admins, one's own otherwise."
        )]
        organization_id: Option<ID>,
    ) -> Result<impl Stream<Item = ApprovalRequest>> {
        let organization = parse_optional_id("organizationId", organization_id.as_ref())?;
        follow(ctx, ApprovalFeed { organization }).await
    }

    /// Each message of a chat, as it is posted. The stream ends when the viewer may not see the chat any more. A super-admin
    /// reads no messages.
    #[graphql(guard = "Requires(Permission::ChatRead)", directive = requires::apply(Permission::ChatRead.into()))]
    async fn chat_message_added(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] session_id: ID,
    ) -> Result<impl Stream<Item = ChatMessage>> {
        follow(ctx, MessageFeed { session: parse_id("sessionId", &session_id)? }).await
    }
}

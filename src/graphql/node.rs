//! Global object identification: `node(id:)` and `nodes(ids:)`.

use async_graphql::{Context, ID, Interface};
use entity::ids::{
    AgentDocumentId, AgentId, ApprovalRequestId, ChatMessageId, ChatSessionId, EventId, ExecutionId, GoalId, OrgId,
    ServiceAccountId, TaskId, TeamId, TypedId, UserId, WorkerId, WorkspaceFileId,
};

use super::{
    batches::{
        AgentById, ApprovalById, ChatById, ExecutionById, GoalById, MessageById, OrganizationById, ServiceAccountById,
        TaskById, TeamById, UserById, WorkerById,
    },
    connection::parse_id,
    context::cx,
    lookahead,
    types::{
        agent::Agent,
        approval::ApprovalRequest,
        chat::{ChatMessage, ChatSession},
        document::AgentDocument,
        event::Event,
        execution::Execution,
        file::{self, WorkspaceFile},
        goal::Goal,
        organization::Organization,
        service_account::ServiceAccount,
        task::Task,
        team::Team,
        user::User,
        worker::Worker,
    },
};
use crate::{
    error::{Error, Result},
    policy::{Permission, can_start_operation},
    store::{
        list::row::Row,
        read::{document::DocumentRow, event::EventRow},
    },
};

/// Anything with a globally unique id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Globally unique id."))]
pub enum Node {
    /// An organisation.
    Organization(Organization),
    /// A user.
    User(User),
    /// A team.
    Team(Team),
    /// An agent.
    Agent(Agent),
    /// A document.
    AgentDocument(AgentDocument),
    /// A goal.
    Goal(Goal),
    /// A task.
    Task(Task),
    /// An approval request.
    ApprovalRequest(ApprovalRequest),
    /// A chat.
    ChatSession(ChatSession),
    /// A message of a chat.
    ChatMessage(ChatMessage),
    /// A run of a task.
    Execution(Execution),
    /// A worker.
    Worker(Worker),
    /// A service account.
    ServiceAccount(ServiceAccount),
    /// A file of a goal's workspace.
    WorkspaceFile(WorkspaceFile),
    /// An audit event.
    Event(Event),
}

fn prefix(id: &ID) -> &str {
    id.as_str().split_once('_').map_or("", |(prefix, _)| prefix)
}

/// Checks an id of any kind of node, before any query.
pub fn check(field: &'static str, id: &ID) -> Result<()> {
    match prefix(id) {
        OrgId::PREFIX => parse_id::<OrgId>(field, id).map(drop),
        UserId::PREFIX => parse_id::<UserId>(field, id).map(drop),
        TeamId::PREFIX => parse_id::<TeamId>(field, id).map(drop),
        AgentId::PREFIX => parse_id::<AgentId>(field, id).map(drop),
        AgentDocumentId::PREFIX => parse_id::<AgentDocumentId>(field, id).map(drop),
        GoalId::PREFIX => parse_id::<GoalId>(field, id).map(drop),
        TaskId::PREFIX => parse_id::<TaskId>(field, id).map(drop),
        ApprovalRequestId::PREFIX => parse_id::<ApprovalRequestId>(field, id).map(drop),
        ChatSessionId::PREFIX => parse_id::<ChatSessionId>(field, id).map(drop),
        ChatMessageId::PREFIX => parse_id::<ChatMessageId>(field, id).map(drop),
        ExecutionId::PREFIX => parse_id::<ExecutionId>(field, id).map(drop),
        WorkerId::PREFIX => parse_id::<WorkerId>(field, id).map(drop),
        ServiceAccountId::PREFIX => parse_id::<ServiceAccountId>(field, id).map(drop),
        WorkspaceFileId::PREFIX => parse_id::<WorkspaceFileId>(field, id).map(drop),
        EventId::PREFIX => parse_id::<EventId>(field, id).map(drop),
        _ => Err(Error::validation(field, "Not the id of a node.")),
    }
}

/// Looks a node up; none when it is absent, hidden, another organisation's or of a kind that the viewer reads none of.
pub async fn lookup(ctx: &Context<'_>, field: &'static str, id: &ID) -> Result<Option<Node>> {
    let cx = cx(ctx);
    let fields = lookahead::fields(ctx);
    macro_rules! load {
        ($batch:ident, $row:ty, $wrap:ident) => {{
            let batch = $batch { columns: <$row>::columns(fields) };
            cx.loaders.load(&cx.store, batch, parse_id(field, id)?).await?.map(|row| Node::$wrap($wrap(row)))
        }};
    }
    Ok(match prefix(id) {
        OrgId::PREFIX => load!(OrganizationById, crate::store::read::organization::OrganizationRow, Organization),
        UserId::PREFIX => load!(UserById, crate::store::read::user::UserRow, User),
        TeamId::PREFIX => load!(TeamById, crate::store::read::team::TeamRow, Team),
        AgentId::PREFIX => load!(AgentById, crate::store::read::agent::AgentRow, Agent),
        GoalId::PREFIX => load!(GoalById, crate::store::read::goal::GoalRow, Goal),
        TaskId::PREFIX => load!(TaskById, crate::store::read::task::TaskRow, Task),
        ExecutionId::PREFIX => load!(ExecutionById, crate::store::read::execution::ExecutionRow, Execution),
        WorkerId::PREFIX => load!(WorkerById, crate::store::read::worker::WorkerRow, Worker),
        ServiceAccountId::PREFIX => {
            load!(ServiceAccountById, crate::store::read::service_account::ServiceAccountRow, ServiceAccount)
        }
        ApprovalRequestId::PREFIX => load!(ApprovalById, crate::store::read::approval::ApprovalRow, ApprovalRequest),
        ChatSessionId::PREFIX => load!(ChatById, crate::store::read::chat::ChatSessionRow, ChatSession),
        ChatMessageId::PREFIX => load!(MessageById, crate::store::read::chat::ChatMessageRow, ChatMessage),
        AgentDocumentId::PREFIX => {
            let id = parse_id(field, id)?;
            let rows = cx.store.document_by_ids(&[id], DocumentRow::columns(fields)).await?;
            rows.into_iter().next().map(|row| Node::AgentDocument(AgentDocument(row)))
        }
        WorkspaceFileId::PREFIX => {
            let id = parse_id(field, id)?;
            let rows = cx.store.file_by_ids(&[id], file::columns(&fields)).await?;
            rows.into_iter().next().map(|row| Node::WorkspaceFile(WorkspaceFile(row)))
        }
        EventId::PREFIX if can_start_operation(&cx.viewer, Permission::AuditRead).is_err() => None,
        EventId::PREFIX => {
            let id = parse_id(field, id)?;
            let rows = cx.store.event_by_ids(&[id], EventRow::columns(fields)).await?;
            rows.into_iter().next().map(|row| Node::Event(Event(row)))
        }
        _ => return Err(Error::validation(field, "Not the id of a node.")),
    })
}

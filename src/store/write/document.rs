//! Agents' documents, as they are attached and removed. A document is named together with the agent that the permit is
//! for: another agent's document is not found by it.

use entity::{
    agent_document,
    confidential::Confidential,
    enums::DocumentType,
    global_agent_document, goal,
    ids::{AgentDocumentId, AgentId, GoalId, OrgId},
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait,
    sea_query::{Expr, ExprTrait, LockType, Query},
};
use serde_json::json;

use super::{
    check::{ARCHIVED, lock_agent},
    global_agent::platform_agent,
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{ManageGlobalAgent, Permit, UpdateAgent},
    store::{Store, audit::record::Record, db::Tx},
};

/// A document that is to be attached.
#[derive(Clone, Debug)]
pub struct DocumentDraft {
    /// What kind of document it is.
    pub kind: DocumentType,
    /// Display name.
    pub name: String,
    /// Larger comes first in the agent's context.
    pub priority: i32,
    /// The text, or where to find it.
    pub body: DocumentBody,
}

/// What a document says, here or elsewhere.
#[derive(Clone, Debug)]
pub enum DocumentBody {
    /// The text.
    Content(Confidential<String>),
    /// Where the text is.
    Uri(Confidential<String>),
}

impl DocumentBody {
    fn columns(self) -> (Confidential<String>, Confidential<String>) {
        match self {
            Self::Content(content) => (content, Confidential::withheld()),
            Self::Uri(uri) => (Confidential::withheld(), uri),
        }
    }
}

impl Store {
    /// Attaches a document to an organisation's agent, or to one goal on it.
    pub async fn document_attach(
        &self,
        clock: &Clock,
        permit: &Permit<UpdateAgent>,
        goal_id: Option<GoalId>,
        draft: DocumentDraft,
    ) -> Result<AgentDocumentId> {
        let key = permit.key();
        let org_id = key.org_id.ok_or_else(|| Error::internal("a global agent is not an organisation's"))?;
        let tx = self.begin_write(Some(org_id)).await?;
        lock_agent(&tx, org_id, key.id, LockType::Share).await?.not_archived()?;
        if let Some(goal_id) = goal_id {
            goal_of(&tx, org_id, key.id, goal_id).await?;
        }
        let id = insert_document(&tx, clock, org_id, key.id, goal_id, draft).await?;
        let audit_payload = json!({ "documentId": id.to_string(), "goalId": goal_id.map(|id| id.to_string()) });
        self.finish(tx, clock, org_id, [Record::about("agent.document_attached", key.id).with(audit_payload)]).await?;
        Ok(id)
    }

    /// Attaches a document to a global agent.
    pub async fn global_document_attach(
        &self,
        clock: &Clock,
        permit: &Permit<ManageGlobalAgent>,
        draft: DocumentDraft,
    ) -> Result<AgentDocumentId> {
        let agent_id = permit.key().id;
        let tx = self.begin_write(None).await?;
        if platform_agent(&tx, agent_id).await?.status == entity::enums::AgentStatus::Archived {
            return Err(ARCHIVED);
        }
        let id = clock.id();
        let now = clock.now();
        let (content, uri) = draft.body.columns();
        let row = global_agent_document::ActiveModel {
            id: Set(id),
            agent_id: Set(agent_id),
            kind: Set(draft.kind),
            name: Set(draft.name),
            priority: Set(draft.priority),
            content: Set(content),
            uri: Set(uri),
            created_at: Set(now),
            updated_at: Set(now),
        };
        global_agent_document::Entity::insert(row).exec_without_returning(&tx).await?;
        self.finish_platform(tx, clock, Record::about("global_agent.document_attached", agent_id)).await?;
        Ok(id)
    }

    /// Removes a document of an organisation's agent.
    pub async fn document_remove(
        &self,
        clock: &Clock,
        permit: &Permit<UpdateAgent>,
        id: AgentDocumentId,
    ) -> Result<()> {
        use agent_document::{Column, Entity};
        let key = permit.key();
        let org_id = key.org_id.ok_or_else(|| Error::internal("a global agent is not an organisation's"))?;
        let tx = self.begin_write(Some(org_id)).await?;
        let mut delete = Query::delete();
        delete
            .from_table(Entity)
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::AgentId).eq(key.id))
            .and_where(Expr::col(Column::Id).eq(id));
        if tx.execute(&delete).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        let audit_payload = json!({ "documentId": id.to_string() });
        self.finish(tx, clock, org_id, [Record::about("agent.document_removed", key.id).with(audit_payload)]).await
    }

    /// Removes a document of a global agent.
    pub async fn global_document_remove(
        &self,
        clock: &Clock,
        permit: &Permit<ManageGlobalAgent>,
        id: AgentDocumentId,
    ) -> Result<()> {
        use global_agent_document::{Column, Entity};
        let agent_id = permit.key().id;
        let tx = self.begin_write(None).await?;
        let mut delete = Query::delete();
        delete
            .from_table(Entity)
            .and_where(Expr::col(Column::AgentId).eq(agent_id))
            .and_where(Expr::col(Column::Id).eq(id));
        if tx.execute(&delete).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        self.finish_platform(tx, clock, Record::about("global_agent.document_removed", agent_id)).await
    }
}

/// The goal must be one on this agent; any other is not there.
async fn goal_of(tx: &Tx, org_id: OrgId, agent_id: AgentId, goal_id: GoalId) -> Result<()> {
    use goal::{Column, Entity};
    let mut select = Query::select();
    select
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(goal_id))
        .and_where(Expr::col(Column::AgentId).eq(agent_id));
    tx.query_one(&select).await?.map(drop).ok_or(Error::NotFound)
}

/// Adds a document of an organisation's.
pub(in crate::store) async fn insert_document(
    tx: &Tx,
    clock: &Clock,
    org_id: OrgId,
    agent_id: AgentId,
    goal_id: Option<GoalId>,
    draft: DocumentDraft,
) -> Result<AgentDocumentId> {
    let id = clock.id();
    let now = clock.now();
    let (content, uri) = draft.body.columns();
    let row = agent_document::ActiveModel {
        org_id: Set(org_id),
        id: Set(id),
        agent_id: Set(agent_id),
        goal_id: Set(goal_id),
        kind: Set(draft.kind),
        name: Set(draft.name),
        priority: Set(draft.priority),
        content: Set(content),
        uri: Set(uri),
        created_at: Set(now),
        updated_at: Set(now),
    };
    agent_document::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(id)
}

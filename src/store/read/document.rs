//! Documents of agents of both kinds.

use std::collections::HashMap;

use entity::{
    agent_document,
    enums::DocumentType,
    global_agent_document,
    ids::{AgentDocumentId, AgentId, GoalId, OrgId, TypedId},
};
use sea_orm::{
    ConnectionTrait, DbBackend, IdenStatic, QueryResult, TryGetable,
    sea_query::{Alias, Asterisk, Expr, ExprTrait, Func, SelectStatement, UnionType},
};

use super::agent::{column, global_column};
use crate::store::{
    List, OrgRow, Store, any_of,
    list::{
        page::{self, Branch, Page, PageRequest, Sort, SortKind},
        row::{Columns, Row, row},
    },
    scope::Scope,
    uuids,
};
use crate::{error::Result, policy::AgentKey};

row! {
    /// A document of an agent of either kind.
    DocumentRow of agent_document {
        key #[doc = "The organisation; none for a global agent's."] org_id: Option<OrgId> = OrgId,
        key #[doc = "The document."] id: AgentDocumentId = Id,
        key #[doc = "The agent."] agent_id: AgentId = AgentId,
        key #[doc = "The goal that it came with."] goal_id: Option<GoalId> = GoalId,
        lazy #[doc = "What kind of document it is."] kind: DocumentType = Kind,
        lazy #[doc = "Display name."] name: String = Name,
        lazy #[doc = "Larger comes first."] priority: i32 = Priority,
        lazy #[doc = "When it was attached."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        lazy #[doc = "When it last changed."] updated_at: chrono::DateTime<chrono::Utc> = UpdatedAt,
        sealed #[doc = "The text."] content: String = Content,
        sealed #[doc = "Where the text is."] uri: String = Uri,
    }
}

impl OrgRow for DocumentRow {
    fn org_id(&self) -> Option<OrgId> {
        self.org_id
    }
}

impl Store {
    /// A page of documents for each agent of an organisation.
    pub async fn agent_documents(
        &self,
        agents: &[AgentKey],
        kinds: Option<&[DocumentType]>,
        columns: Columns<agent_document::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<DocumentRow>>> {
        use agent_document::{Column, Entity};
        let nil = uuid::Uuid::nil();
        let parents: Vec<_> =
            agents.iter().map(|agent| (agent.org_id.map_or(nil, TypedId::uuid), agent.id.uuid())).collect();
        let kinds = kinds.map(|k| Expr::col((Entity, Column::Kind)).is_in(k.iter().map(|kind| kind.as_str())));
        self.children(&parents, List::new(columns).only(kinds), page, |parent| {
            vec![
                Expr::col((Entity, Column::OrgId)).eq(parent.org_id),
                Expr::col((Entity, Column::AgentId)).eq(parent.id),
            ]
        })
        .await
    }

    /// A page of documents for each global agent.
    pub async fn global_agent_documents(
        &self,
        agents: &[AgentId],
        kinds: Option<&[DocumentType]>,
        columns: Columns<agent_document::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<DocumentRow>>> {
        use global_agent_document::{Column, Entity};
        let scope = self.scope()?;
        let columns = scope.project(columns);
        let parents: Vec<_> = agents.iter().map(|agent| (uuid::Uuid::nil(), agent.uuid())).collect();
        let tx = self.read().await?;
        let sort = Sort { kind: SortKind::Id, descending: false };
        let branch = |parent: page::Parent| {
            let mut select = global_documents(scope, columns);
            select.and_where(Expr::col((Entity, Column::AgentId)).eq(parent.id)).and_where_option(
                kinds.map(|k| Expr::col((Entity, Column::Kind)).is_in(k.iter().map(|kind| kind.as_str()))),
            );
            Branch { table: "global_agent_documents", select, sort: None, id: Expr::col((Entity, Column::Id)) }
        };
        let read = |row: &QueryResult, first: usize| DocumentRow::read(row, columns, first);
        page::fetch_children(&tx, &parents, sort, page, columns.len(), branch, read).await
    }

    /// How many documents agents of both kinds have.
    pub async fn document_counts(
        &self,
        agents: &[AgentId],
        kinds: Option<&[DocumentType]>,
    ) -> Result<HashMap<AgentId, i64>> {
        let of_kind =
            |table: &'static str| kinds.map(|k| column(table, "type").is_in(k.iter().map(|kind| kind.as_str())));
        let own = List::<DocumentRow>::new(DocumentRow::keys()).only(of_kind("agent_documents"));
        let mut counts = self.child_counts(own, "agent_id", agents).await?;
        let agent_id = column("global_agent_documents", "agent_id");
        let mut select = self.scope()?.rows::<global_agent_document::Entity>();
        select
            .expr(agent_id.clone())
            .expr(Func::count(Expr::col(Asterisk)))
            .and_where(any_of(agent_id.clone(), &uuids(agents), self.db.backend()))
            .and_where_option(of_kind("global_agent_documents"))
            .add_group_by([agent_id]);
        for row in self.read().await?.query_all(&select).await? {
            counts.insert(AgentId::try_get_by_index(&row, 0)?, i64::try_get_by_index(&row, 1)?);
        }
        Ok(counts)
    }

    /// Looks documents of both kinds of agent up by id.
    pub async fn document_by_ids(
        &self,
        ids: &[AgentDocumentId],
        columns: Columns<agent_document::Entity>,
    ) -> Result<Vec<DocumentRow>> {
        use agent_document::{Column, Entity};
        let scope = self.scope()?;
        let columns = scope.project(columns);
        let backend: DbBackend = self.db.backend();
        let mut select = scope.find::<Entity>(columns);
        select.and_where(any_of(Expr::col((Entity, Column::Id)), &uuids(ids), backend));
        let mut global = global_documents(scope, columns);
        let id = Expr::col((global_agent_document::Entity, global_agent_document::Column::Id));
        global.and_where(any_of(id, &uuids(ids), backend));
        select.union(UnionType::All, global);
        self.rows(&select, columns).await
    }
}

/// `SELECT … FROM global_agent_documents` with the columns of `agent_documents`: those that the viewer sees.
fn global_documents(scope: Scope<'_>, columns: Columns<agent_document::Entity>) -> SelectStatement {
    let mut select = scope.rows::<global_agent_document::Entity>();
    for selected in columns.iter() {
        let name = selected.as_str();
        let value = match name {
            "org_id" | "goal_id" => global_column(name),
            _ => column("global_agent_documents", name),
        };
        select.expr_as(value, Alias::new(name));
    }
    select
}

//! Files of goals' workspaces, and what an organisation's files take. The bytes are the workspace backend's.

use std::sync::{Arc, OnceLock};

use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::{
    Refusal,
    schema::{Draft, drop_tables},
};

pub(crate) struct Migration {
    refusal: Arc<OnceLock<Refusal>>,
}

impl Migration {
    pub(crate) fn new(refusal: Arc<OnceLock<Refusal>>) -> Self {
        Self { refusal }
    }
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0023_workspace_files"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::tenant("workspace_files")
            .uuid("goal_id")
            .uuid("agent_id")
            .text("path")
            .bigint("size_bytes")
            .text("sha256")
            .uuid("version")
            .times()
            .check("size_bytes", "size_bytes >= 0")
            .unique(&["goal_id", "path"])
            .unique(&["version"])
            .index(&["goal_id", "id"])
            .index(&["agent_id", "id"])
            .refers("goal_id", "goals")
            .refers("agent_id", "agents")
            .create(manager)
            .await?;
        Draft::tenant_keyed("workspace_usage")
            .bigint("files")
            .bigint("bytes")
            .key(&["org_id"])
            .check("files", "files >= 0")
            .check("bytes", "bytes >= 0")
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let any = Statement::from_string(db.get_database_backend(), "SELECT 1 FROM workspace_files LIMIT 1");
        if db.query_one_raw(any).await?.is_some() {
            let error = DbErr::Migration(Refusal::FilesRemain.to_string());
            // Set once a run; a second reason could only be the same.
            let _ = self.refusal.set(Refusal::FilesRemain);
            return Err(error);
        }
        drop_tables(manager, &["workspace_files", "workspace_usage"]).await
    }
}

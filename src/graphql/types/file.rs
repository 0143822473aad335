//! Files of goals' workspaces.

use async_graphql::{Context, ID, Object};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use entity::{confidential::Confidential, ids::WorkspaceFileId, table::Classified as _, workspace_file};

use super::goal::{Goal, goal};
use crate::{
    error::{Error, Result},
    graphql::{
        connection::{connection, gid},
        context::cx,
        directives::confidential,
        enums::FileEncoding,
        lookahead,
        redaction::Redacted,
        scalars::DateTime,
    },
    service::workspace as cases,
    store::{
        list::row::{Columns, Row as _},
        read::workspace::WorkspaceFileRow,
    },
};

/// A file of a goal's workspace.
pub struct WorkspaceFile(pub WorkspaceFileRow);

/// The columns behind fields of these names: bytes are found by more than one of them.
pub fn columns(fields: &[&str]) -> Columns<workspace_file::Entity> {
    let columns = WorkspaceFileRow::columns(fields.iter().copied());
    if fields.contains(&"contents") { WorkspaceFileRow::with_place(columns) } else { columns }
}

/// A file of a goal's workspace.
#[Object]
impl WorkspaceFile {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// The goal.
    async fn goal(&self, ctx: &Context<'_>) -> Result<Goal> {
        goal(ctx, self.0.goal_id).await
    }

    /// Where it stands below the goal's folder, with `/` between the parts.
    #[graphql(directive = confidential::apply())]
    async fn path(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.path)
    }

    /// How many bytes it has.
    #[graphql(directive = confidential::apply())]
    async fn size_bytes(&self) -> Redacted<'_, i64> {
        Redacted::new(&self.0.size_bytes)
    }

    /// SHA-256 of its bytes: 64 hexadecimal digits in lower case.
    #[graphql(directive = confidential::apply())]
    async fn sha256(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.sha256)
    }

    /// Its bytes, which are the ones that `sha256` and `sizeBytes` speak of: null with an `UNAVAILABLE` error where what is
    /// kept does not match them. It counts as 2,000 fields.
    #[graphql(directive = confidential::apply())]
    async fn contents(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How the bytes are written out. `TEXT` of a file that is not UTF-8 is a `VALIDATION` error.",
            default_with = "FileEncoding::Text"
        )]
        encoding: FileEncoding,
    ) -> Result<Redacted<'static, String>> {
        let cx = cx(ctx);
        let withheld = Confidential::withheld().of(workspace_file::Entity::AUDIENCE);
        let Some(reader) = cx.reader().filter(|_| cx.reads(withheld.audience())) else {
            return Ok(Redacted::computed(withheld));
        };
        let bytes = cases::contents(cx.service(), cx.files()?, &self.0, &reader).await?;
        let text = match encoding {
            FileEncoding::Base64 => STANDARD.encode(bytes),
            FileEncoding::Text => String::from_utf8(bytes)
                .map_err(|_| Error::validation("encoding", "The file is not UTF-8 text; ask for BASE64."))?,
        };
        Ok(Redacted::computed(Confidential::new(text).of(workspace_file::Entity::AUDIENCE)))
    }

    /// When it was first put.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// When it was last replaced.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok((*self.0.updated_at.get()?).into())
    }
}

connection!(WorkspaceFileConnection, WorkspaceFileEdge, WorkspaceFile, "file", "files");

/// A file that was put.
pub struct WorkspaceFilePayload(pub WorkspaceFileId);

/// A file that was put.
#[Object]
impl WorkspaceFilePayload {
    /// The file.
    async fn file(&self, ctx: &Context<'_>) -> Result<WorkspaceFile> {
        let rows = cx(ctx).store.file_by_ids(&[self.0], columns(&lookahead::fields(ctx))).await?;
        rows.into_iter().next().map(WorkspaceFile).ok_or(Error::NotFound)
    }
}

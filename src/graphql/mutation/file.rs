//! Files of goals' workspaces.

use async_graphql::{Context, ID, InputObject, Object};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::begin;
use crate::{
    error::{Error, Result},
    graphql::{
        connection::{gid, parse_id},
        context::cx,
        directives::requires,
        enums::FileEncoding,
        guard::Requires,
        types::{file::WorkspaceFilePayload, organization::DeletePayload},
    },
    policy::Permission,
    service::workspace as cases,
};

/// A file to be put into a goal's workspace.
#[derive(InputObject)]
pub struct PutWorkspaceFileInput {
    /// The goal.
    pub goal_id: ID,
    /// Where it is to stand below the goal's folder: relative, with `/` between the parts, at most 1,024 bytes in at most 32
    /// parts of at most 255 bytes.
    #[graphql(secret)]
    pub path: String,
    /// Its contents.
    #[graphql(secret)]
    pub contents: String,
    /// How `contents` is written.
    #[graphql(default_with = "FileEncoding::Text")]
    pub encoding: FileEncoding,
    /// `sha256` of the file that is to be replaced: when another one stands there, or none, it is a conflict.
    #[graphql(secret)]
    pub expected_sha256: Option<String>,
}

#[derive(Default)]
pub struct FileMutation;

#[Object]
impl FileMutation {
    /// Puts a file into a goal's workspace, new or in place of the one at that path. A reader meanwhile gets the one or the
    /// other, whole.
    #[graphql(guard = "Requires(Permission::FileWrite)", directive = requires::apply(Permission::FileWrite.into()))]
    async fn put_workspace_file(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file.")] input: PutWorkspaceFileInput,
    ) -> Result<WorkspaceFilePayload> {
        let bytes = match input.encoding {
            FileEncoding::Text => input.contents.into_bytes(),
            FileEncoding::Base64 => STANDARD
                .decode(input.contents)
                .map_err(|_| Error::validation("input.contents", "must be base64, with padding"))?,
        };
        let new = cases::PutFileInput {
            goal_id: parse_id("input.goalId", &input.goal_id)?,
            path: input.path,
            bytes,
            expected_sha256: input.expected_sha256,
        };
        cases::put(begin(ctx).await, cx(ctx).files()?, new).await.map(WorkspaceFilePayload)
    }

    /// Deletes a file.
    #[graphql(guard = "Requires(Permission::FileWrite)", directive = requires::apply(Permission::FileWrite.into()))]
    async fn delete_workspace_file(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file's id.")] id: ID,
    ) -> Result<DeletePayload> {
        let id = parse_id("id", &id)?;
        let deleted = cases::delete(begin(ctx).await, cx(ctx).files()?, id).await?;
        Ok(DeletePayload { deleted_id: gid(deleted) })
    }
}

//! Who asks, and what they may do.

use async_graphql::{Context, ID, Object};

use crate::{
    error::{Error, Result},
    graphql::{
        context::cx,
        directives::requires,
        guard::Requires,
        node::{self, Node},
        permission::PermissionName,
        types::{decision::Decision, server_info::ServerInfo, viewer::ViewerObject},
    },
    policy::{Permission, decide},
    service::explain::Subject,
    viewer::Viewer,
};

#[derive(Default)]
pub struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// Who is asking; null when nobody is signed in.
    #[graphql(guard = "Requires(Permission::SignIn)", directive = requires::apply(Permission::SignIn.into()))]
    async fn viewer(&self, ctx: &Context<'_>) -> Option<ViewerObject> {
        (!matches!(*cx(ctx).viewer, Viewer::Anonymous)).then_some(ViewerObject)
    }

    /// The server.
    #[graphql(guard = "Requires(Permission::SignIn)", directive = requires::apply(Permission::SignIn.into()))]
    async fn server_info(&self) -> ServerInfo {
        ServerInfo::default()
    }

    /// Any object by its id; null when it does not exist for the viewer.
    #[graphql(guard = "Requires(Permission::NodeRead)", directive = requires::apply(Permission::NodeRead.into()))]
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Node>> {
        node::check("id", &id)?;
        node::lookup(ctx, "id", &id).await
    }

    /// Objects by their ids, at most 100, in that order; null for each that does not exist for the viewer.
    #[graphql(guard = "Requires(Permission::NodeRead)", directive = requires::apply(Permission::NodeRead.into()))]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Their ids.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > 100 {
            return Err(Error::validation("ids", "At most 100 ids."));
        }
        ids.iter().try_for_each(|id| node::check("ids", id))?;
        futures_util::future::try_join_all(ids.iter().map(|id| node::lookup(ctx, "ids", id))).await
    }

    /// Whether the viewer may do something, to one object or at all, and which cell of the permission table says so.
    #[graphql(
        guard = "Requires(Permission::AccountManageOwn)",
        directive = requires::apply(Permission::AccountManageOwn.into())
    )]
    async fn viewer_can(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The row of the permission table.")] permission: PermissionName,
        #[graphql(
            desc = "An organisation, user, team, agent, goal, approval request or chat; the viewer's organisation without it."
        )]
        id: Option<ID>,
    ) -> Result<Decision> {
        let (cx, permission) = (cx(ctx), permission.0);
        match Subject::load(&cx.store, id.as_ref().map(|id| id.as_str())).await {
            Ok(subject) => Ok(decide(&cx.viewer, permission, subject.resource()).into()),
            Err(Error::NotFound) => Ok(Decision::not_found()),
            Err(error) => Err(error),
        }
    }
}

//! Who asks, and what they may do.

use async_graphql::{Context, ID, Object};
use entity::ids::{AgentId, ApprovalRequestId, ChatSessionId, GoalId, OrgId, TeamId, TypedId, UserId};

use crate::{
    error::{Error, Result},
    graphql::{
        connection::parse_id,
        context::{RequestCtx, cx},
        directives::requires,
        guard::Requires,
        node::{self, Node},
        permission::PermissionName,
        types::{decision::Decision, server_info::ServerInfo, viewer::ViewerObject},
    },
    policy::{AccountFacts, OrgFacts, Permission, Resource, TeamFacts, TeamKey, decide},
    store::{organization::OrganizationRow, row::Row, team::TeamRow, user::UserRow},
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
        let answer = |resource: Resource<'_>| Decision::from(decide(&cx.viewer, permission, resource));
        let Some(id) = id else {
            return Ok(match cx.viewer.org_id() {
                Some(org_id) => answer(Resource::Organization(&OrgFacts { org_id })),
                None => answer(Resource::Platform),
            });
        };
        match about(cx, permission, &id).await {
            Err(Error::NotFound) => Ok(Decision::not_found()),
            other => other,
        }
    }
}

/// Decides about one object, loaded under the viewer's scope.
async fn about(cx: &RequestCtx, permission: Permission, id: &ID) -> Result<Decision> {
    let answer = |resource: Resource<'_>| Decision::from(decide(&cx.viewer, permission, resource));
    let (field, prefix) = ("id", id.as_str().split_once('_').map_or("", |(prefix, _)| prefix));
    Ok(match prefix {
        OrgId::PREFIX => {
            let org_id: OrgId = parse_id(field, id)?;
            cx.store.organization_by_ids(&[org_id], OrganizationRow::keys()).await?.pop().ok_or(Error::NotFound)?;
            answer(Resource::Organization(&OrgFacts { org_id }))
        }
        UserId::PREFIX => {
            let user_id: UserId = parse_id(field, id)?;
            cx.store.user_by_ids(&[user_id], UserRow::keys()).await?.pop().ok_or(Error::NotFound)?;
            answer(Resource::Account(&AccountFacts { user_id }))
        }
        TeamId::PREFIX => {
            let team_id: TeamId = parse_id(field, id)?;
            let row = cx.store.team_by_ids(&[team_id], TeamRow::keys()).await?.pop().ok_or(Error::NotFound)?;
            answer(Resource::Team(&TeamFacts { key: TeamKey { org_id: row.org_id, id: row.id } }))
        }
        AgentId::PREFIX => answer(Resource::Agent(&cx.store.agent_facts(parse_id(field, id)?).await?)),
        GoalId::PREFIX => answer(Resource::Goal(&cx.store.goal_facts(parse_id(field, id)?).await?)),
        ApprovalRequestId::PREFIX => {
            answer(Resource::Approval(&cx.store.approval_facts(parse_id(field, id)?).await?.1))
        }
        ChatSessionId::PREFIX => answer(Resource::Chat(&cx.store.chat_facts(parse_id(field, id)?).await?)),
        _ => {
            let message = "Not the id of an organisation, user, team, agent, goal, approval request or chat.";
            return Err(Error::validation(field, message));
        }
    })
}

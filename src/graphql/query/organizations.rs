//! Organisations, users and teams.

use async_graphql::{Context, ID, Object};
use entity::ids::{OrgId, TeamId, UserId};

use crate::{
    error::Result,
    graphql::{
        connection::{ListName, PageArgs, parse_id, parse_optional_id, seal},
        context::cx,
        directives::requires,
        guard::Requires,
        lookahead,
        types::{
            organization::{Organization, OrganizationConnection, OrganizationFilterInput},
            team::{Team, TeamConnection, TeamFilterInput, team},
            user::{User, UserConnection, UserFilterInput, user},
        },
    },
    policy::Permission,
    store::read::{organization::OrganizationRow, team::TeamRow, user::UserRow},
};

#[derive(Default)]
pub struct OrganizationQuery;

#[Object]
impl OrganizationQuery {
    /// An organisation; the viewer's own without an id. Null when it does not exist for the viewer.
    #[graphql(
        guard = "Requires(Permission::OrganizationRead)",
        directive = requires::apply(Permission::OrganizationRead.into())
    )]
    async fn organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: Option<ID>,
    ) -> Result<Option<Organization>> {
        let cx = cx(ctx);
        let Some(id) = parse_optional_id::<OrgId>("id", id.as_ref())?.or(cx.viewer.org_id()) else { return Ok(None) };
        let rows = cx.store.organization_by_ids(&[id], lookahead::columns::<OrganizationRow>(ctx)).await?;
        Ok(rows.into_iter().next().map(Organization))
    }

    /// Organisations by name: all of them for a super-admin, one's own for a member.
    #[graphql(
        guard = "Requires(Permission::OrganizationRead)",
        directive = requires::apply(Permission::OrganizationRead.into())
    )]
    async fn organizations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only organisations after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only organisations before this cursor.")] before: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<OrganizationFilterInput>,
    ) -> Result<OrganizationConnection> {
        let cx = cx(ctx);
        let filter = filter.unwrap_or_default().parse();
        let list = ListName::new(cx, "organizations", &filter);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let columns = lookahead::node_columns::<OrganizationRow>(ctx);
        let page = cx.store.organization_list(&filter, columns, &page).await?;
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.store.organization_count(&filter).await?),
            false => None,
        };
        Ok(OrganizationConnection::new(seal(cx, &list, page, Organization)?, total))
    }

    /// A user; null when it does not exist for the viewer.
    #[graphql(guard = "Requires(Permission::MemberRead)", directive = requires::apply(Permission::MemberRead.into()))]
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "Their id.")] id: ID) -> Result<Option<User>> {
        let id: UserId = parse_id("id", &id)?;
        user(ctx, Some(id)).await
    }

    /// Users in the order of creation: all of them for a super-admin, the organisation's present members for a member.
    #[graphql(guard = "Requires(Permission::MemberRead)", directive = requires::apply(Permission::MemberRead.into()))]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only users after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only users before this cursor.")] before: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<UserFilterInput>,
    ) -> Result<UserConnection> {
        let cx = cx(ctx);
        let filter = filter.unwrap_or_default().parse()?;
        let list = ListName::new(cx, "users", &filter);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let page = cx.store.user_list(&filter, lookahead::node_columns::<UserRow>(ctx), &page).await?;
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.store.user_count(&filter).await?),
            false => None,
        };
        Ok(UserConnection::new(seal(cx, &list, page, User)?, total))
    }

    /// A team; null when it does not exist for the viewer.
    #[graphql(guard = "Requires(Permission::MemberRead)", directive = requires::apply(Permission::MemberRead.into()))]
    async fn team(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Team>> {
        let id: TeamId = parse_id("id", &id)?;
        team(ctx, Some(id)).await
    }

    /// Teams by name.
    #[graphql(guard = "Requires(Permission::MemberRead)", directive = requires::apply(Permission::MemberRead.into()))]
    async fn teams(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only teams after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only teams before this cursor.")] before: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<TeamFilterInput>,
    ) -> Result<TeamConnection> {
        let cx = cx(ctx);
        let filter = filter.unwrap_or_default().parse()?;
        let list = ListName::new(cx, "teams", &filter);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let page = cx.store.team_list(&filter, lookahead::node_columns::<TeamRow>(ctx), &page).await?;
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.store.team_count(&filter).await?),
            false => None,
        };
        Ok(TeamConnection::new(seal(cx, &list, page, Team)?, total))
    }
}

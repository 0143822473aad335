//! Approval requests.

use async_graphql::{Context, ID, Object};

use crate::{
    error::Result,
    graphql::{
        connection::{ListName, PageArgs, parse_id, seal},
        context::cx,
        directives::requires,
        guard::Requires,
        lookahead,
        types::approval::{ApprovalFilterInput, ApprovalRequest, ApprovalRequestConnection, approval},
    },
    policy::Permission,
    store::read::approval::ApprovalRow,
};

#[derive(Default)]
pub struct ApprovalQuery;

#[Object]
impl ApprovalQuery {
    /// An approval request; null when it does not exist for the viewer.
    #[graphql(
        guard = "Requires(Permission::ApprovalRead)",
        directive = requires::apply(Permission::ApprovalRead.into())
    )]
    async fn approval_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
    ) -> Result<Option<ApprovalRequest>> {
        approval(ctx, parse_id("id", &id)?).await
    }

    /// Approval requests that the viewer may read, the latest first.
    #[graphql(
        guard = "Requires(Permission::ApprovalRead)",
        directive = requires::apply(Permission::ApprovalRead.into())
    )]
    async fn approval_requests(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only requests after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only requests before this cursor.")] before: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<ApprovalFilterInput>,
    ) -> Result<ApprovalRequestConnection> {
        let cx = cx(ctx);
        let filter = filter.unwrap_or_default().parse()?;
        let list = ListName::new(cx, "approval requests", &filter);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let page = cx.store.approval_list(&filter, lookahead::node_columns::<ApprovalRow>(ctx), &page).await?;
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.store.approval_count(&filter).await?),
            false => None,
        };
        Ok(ApprovalRequestConnection::new(seal(cx, &list, page, ApprovalRequest)?, total))
    }
}

//! The query root: one object per group of nouns, merged.

mod approvals;
mod chats;
mod operations;
mod organizations;
mod usage;
mod viewer;
mod work;

use async_graphql::MergedObject;

/// Everything that can be read. The same fields serve every viewer; what differs is the scope: a member sees its
/// organisation as far as visibility goes, a super-admin sees every organisation's metadata, with content null.
#[derive(Default, MergedObject)]
pub struct Query(
    viewer::ViewerQuery,
    organizations::OrganizationQuery,
    work::WorkQuery,
    approvals::ApprovalQuery,
    chats::ChatQuery,
    operations::OperationsQuery,
    usage::UsageQuery,
);

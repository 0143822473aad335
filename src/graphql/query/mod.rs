//! The query root: one object per group of nouns, merged.

mod administration;
mod agents_goals_tasks;
mod approvals;
mod chats;
mod organizations;
mod usage;
mod viewer;

use async_graphql::MergedObject;

/// Everything that can be read. The same fields serve every viewer; what differs is the scope: a member sees its
/// organisation as far as visibility goes, a super-admin sees every organisation's metadata, with content null.
#[derive(Default, MergedObject)]
pub struct Query(
    viewer::ViewerQuery,
    organizations::OrganizationQuery,
    agents_goals_tasks::WorkQuery,
    approvals::ApprovalQuery,
    chats::ChatQuery,
    administration::OperationsQuery,
    usage::UsageQuery,
);

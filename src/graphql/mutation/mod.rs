//! The mutation root. Each field is one use case of `service`: it runs in one transaction of its own, and its payload is
//! read again under the viewer's scope once that has committed.

mod member;
mod organization;
mod session;
mod user;

use async_graphql::MergedObject;

/// Everything that can be changed. Fields run one after the other; each that fails has changed nothing.
#[derive(Default, MergedObject)]
pub struct Mutation(
    session::SessionMutation,
    organization::OrganizationMutation,
    user::UserMutation,
    member::MemberMutation,
);

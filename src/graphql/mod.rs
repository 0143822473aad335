//! The GraphQL schema: thin resolvers over `store` (reads) and `service` (writes).
//!
//! A resolver parses ids, asks the store for the columns that its selection needs, and wraps rows. It decides nothing:
//! operation guards and field guards do, from the policy table. `Model`s never come here, so that no column is public by
//! default; every field is written by hand, described, and metadata or `@confidential`.

pub mod audit_refusals;
pub mod batches;
pub mod connection;
pub mod context;
pub mod directives;
pub mod enums;
pub mod guard;
pub mod limits;
pub mod loader;
pub mod lookahead;
pub mod mutation;
pub mod node;
pub mod null_propagation;
pub mod permission;
pub mod query;
pub mod redaction;
pub mod scalars;
pub mod subscription;
pub mod types;

pub use context::RequestCtx;

use async_graphql::Schema;

/// The schema, without any state and without extensions: one of these, even an empty one, costs two thirds of the
/// executor's speed.
pub fn schema() -> Schema<query::Query, mutation::Mutation, subscription::Subscription> {
    Schema::build(query::Query::default(), mutation::Mutation::default(), subscription::Subscription).finish()
}

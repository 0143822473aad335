//! The operation guard: stands on root fields, mutations and subscriptions, never on an output field.
//!
//! It asks the policy table whether this viewer may start at all, before anything is loaded, so that its answer depends
//! on nothing but the viewer. The same attribute line prints `@requires` into the SDL, and `tests/architecture.rs` holds that the
//! two name the same row.

use async_graphql::{Context, Guard};

use super::context::cx;
use crate::policy::{self, Permission};

/// Refuses a viewer who may not start.
#[derive(Clone, Copy, Debug)]
pub struct Requires(pub Permission);

impl Guard for Requires {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        policy::can_start_operation(&cx(ctx).viewer, self.0).map_err(Into::into)
    }
}

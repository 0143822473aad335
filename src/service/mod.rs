//! Use cases that change something.
//!
//! A function here reads what its decision needs under the viewer's scope, asks `policy` for a permit, and carries the
//! change out in one read-write transaction that ends with the audit record. It takes plain Rust values and answers
//! with the ids of what changed; whoever shows the outcome reads it again under the viewer's scope.
//!
//! It builds no query (that is `store`'s) and knows no GraphQL.

pub mod identity;
pub mod input;
pub mod invitation;
pub mod key_ring;
pub mod mail;
pub mod session;
pub mod setup;
pub mod throttle;

use crate::{clock::Clock, store::Store, viewer::Viewer};

/// What every use case is given.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Who asks.
    pub viewer: &'a Viewer,
    /// Their access to the database.
    pub store: &'a Store,
    /// Time and ids.
    pub clock: &'a Clock,
}

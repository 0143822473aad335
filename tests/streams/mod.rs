//! Subscriptions, over real sockets: a client that resumes misses nothing and reads nothing twice, whatever happens to the
//! servers; each event is read as the viewer is at that moment; whoever may not stay is gone within a second.

mod approval;
mod chat;
pub mod client;
mod limits;
pub mod node;
mod order;
mod protocol;
mod revocation;
mod sight;
mod sse;

use std::time::Duration;

/// For what should take no time, on a machine that has much to do.
const SOON: Duration = Duration::from_secs(10);
/// How long a revoked stream may last: a second, and what a busy machine adds.
const REVOKED: Duration = Duration::from_secs(3);
/// How long to wait for what should not come.
const QUIET: Duration = Duration::from_millis(700);

/// The whole log.
const EVENTS: &str = "subscription($after: String, $org: ID) { events(after: $after, organizationId: $org) {
    cursor node { id sequence type subjectId payload } } }";

//! Subscriptions, over real sockets: a client that resumes misses nothing and reads nothing twice, whatever happens to the
//! servers; each event is read as the viewer is at that moment; whoever may not stay is gone within a second.

mod approval;
mod chat;
mod limits;
mod order;
mod revocation;
mod sse;
mod visibility;
mod websocket;

use std::time::Duration;

/// How long a revoked stream may last: a second, and what a busy machine adds.
const REVOKED: Duration = Duration::from_secs(3);

/// The whole log.
const EVENTS: &str = "subscription($after: String, $org: ID) { events(after: $after, organizationId: $org) {
    cursor node { id sequence type subjectId payload } } }";

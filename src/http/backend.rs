//! What the door needs of the rest.

use async_graphql::{Data, PathSegment};

use super::audit_export::Wanted;
use crate::{
    error::Result,
    service::{audit_export::Piece, mail::Received, refused_mutations::Refusal, streams::Hub},
    viewer::Viewer,
};

/// The rooms behind the door: one implementor in `app`, small ones in tests.
#[async_trait::async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Turns the values of all `Authorization` headers into a viewer. No header is the anonymous viewer; more than one, or
    /// one that does not hold, is [`Error::Unauthenticated`](crate::error::Error::Unauthenticated), whatever the cause.
    async fn authenticate(&self, authorization: &[&str]) -> Result<Viewer>;

    /// Opens one operation for a viewer: the data that resolvers find in their context, and what to ask when it has run.
    fn open(&self, viewer: &Viewer) -> Opened;

    /// Takes note of the fields of a mutation that were refused. The answer has been decided, and does not depend on it.
    async fn refused(&self, viewer: &Viewer, refusals: Vec<Refusal>);

    /// A piece of an organisation's log: the lines after a sequence.
    async fn export_audit(&self, viewer: &Viewer, wanted: &Wanted, after: i64) -> Result<Piece>;

    /// Public keys that tokens are checked with, as a JWK set.
    async fn jwks(&self) -> Result<serde_json::Value>;

    /// What must hold before requests are sent here, each by name.
    async fn ready(&self) -> Vec<(&'static str, bool)>;

    /// The last mails, where they lie in a folder that a developer may look into; `None` where there is no such page.
    async fn mailbox(&self) -> Option<Result<Vec<Received>>> {
        None
    }

    /// Holds open streams; without it there are none.
    fn hub(&self) -> Option<&Hub> {
        None
    }

    /// Who can log in, when this is the demo.
    fn demo_logins(&self) -> Option<serde_json::Value> {
        None
    }
}

/// One operation, opened.
pub struct Opened {
    /// What resolvers find in their context.
    pub data: Data,
    /// Asked once, when the operation has run.
    pub report: Box<dyn FnOnce() -> Report + Send>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened")
    }
}

/// What an operation did besides answering.
#[derive(Debug, Default)]
pub struct Report {
    /// Paths of the confidential fields that were nulled.
    pub redacted: Vec<Vec<PathSegment>>,
    /// How many statements the database ran.
    pub statements: u64,
}

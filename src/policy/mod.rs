//! Who may do what: plain data and pure functions.
//!
//! [`table`] holds THE table, one [`table::Rule`] per row of the permission matrix. [`decide`](decide::decide) reads it for one
//! viewer and one object and answers [`Outcome::Allow`], [`Outcome::Hide`] (the same as if it did not exist) or
//! [`Outcome::Forbid`]. Everything else is derived: operation guards ask [`decide::can_start_operation`], writes need a
//! [`permit::Permit`] that only this room makes, the SQL predicates of `store` and the in-memory rule for an agent's
//! visibility are two readings of one list in [`visibility`], `viewerCan` shows a decision, `docs/permissions.md` prints
//! the table, and the tests take their cases from it.
//!
//! Nothing here touches the database, the clock or GraphQL: facts come in, a decision goes out.
//!
//! Content is a second question, asked in one place: [`content`] gives the proof that opens a confidential value.

pub mod content;
pub mod decide;
pub mod explain;
pub mod facts;
pub mod markdown;
pub mod permit;
#[cfg(test)]
mod service_tests;
pub mod table;
pub mod visibility;

pub use content::{ContentReader, reader};
pub use decide::{Decision, Outcome, can_start_operation, decide};
pub use explain::{Explanation, explain};
pub use facts::{
    AccountFacts, AgentFacts, AgentKey, ApprovalFacts, ChatFacts, GoalFacts, MembershipRequestFacts, NewAgent,
    OrgFacts, Resource, ServiceAccountFacts, TaskFacts, TeamFacts, TeamKey, WorkerFacts,
};
pub use permit::{Permit, permit};
pub use table::{Permission, RULES, Rule, rule};

/// What only the permit constructor in this room may open.
mod sealed {
    /// A value that proves that a decision was made here.
    #[derive(Clone, Copy, Debug)]
    pub struct Seal(pub(super) ());
}

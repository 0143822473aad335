//! Writes: what a use case does inside its transaction.
//!
//! A write takes a permit, and the name of its object from the permit and from nowhere else. One that is a use case of its
//! own runs in a transaction of its own, which ends with the audit record; a step of a longer one takes the transaction. It
//! names the columns that it writes and asks for no content back: the roles of the database are granted by column. What it
//! needs to know of the present state it reads under a lock, so that two use cases at one instant do not both act on it.
//!
//! **Locks** are taken in one order: accounts, then memberships (organisations in the order of their ids, rows in the
//! order of theirs), then sessions, teams, agents, goals, what an organisation's files take, files, and an organisation's log last.

pub mod agent;
pub mod agent_admin;
mod audit;
mod check;
pub mod collaborator;
pub mod document;
pub mod global_agent;
pub mod goal;
pub mod invitation;
pub mod member;
pub mod organization;
mod refusal;
pub mod team;
pub mod user;
pub mod workspace;

//! Writes: what a use case does inside its transaction.
//!
//! A write takes a permit, and the name of its object from the permit and from nowhere else. One that is a use case of its
//! own runs in a transaction of its own, which ends with the audit record; a step of a longer one takes the transaction. It
//! names the columns that it writes and asks for no content back: the roles of the database are granted by column. What it
//! needs to know of the present state it reads under a lock, so that two use cases at one instant do not both act on it.
//!
//! **Locks** are taken in one order: accounts, then memberships (organisations in the order of their ids, rows in the
//! order of theirs), then sessions, teams, service accounts, agents and their admins, goals, workers, tasks, approval
//! requests, chat sessions, usage (calls by their request ids, days by their keys), the budget, and an organisation's log
//! last. What runs in a loop (claims, heartbeats, jobs) passes over tasks that others hold.

pub mod agent;
pub mod agent_admin;
pub mod approval;
pub mod approval_decision;
mod audit;
pub mod budget;
pub mod chat;
pub mod chat_end;
mod check;
pub mod claim;
pub mod collaborator;
pub mod document;
pub mod execution;
pub mod global_agent;
pub mod goal;
pub mod invitation;
pub mod issuer;
pub mod lease_expiry;
pub mod member;
pub mod organization;
pub mod plan;
mod refusal;
pub mod service_account;
pub mod task;
pub mod team;
mod transition;
pub mod usage;
pub mod user;
pub mod worker;
pub mod workspace;

//! GraphQL over HTTP, noun by noun: what an answer holds, its errors, its paging and its number of statements.

mod account;
mod administration;
mod agents_teams_goals;
mod approval;
mod audit_refusals;
mod chat;
mod database_faults;
mod invalid_input;
mod paging;
mod platform;
mod schema;
mod statements;
mod tasks;
mod usage;
pub mod workspace;

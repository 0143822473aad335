//! The reads: one file for each noun, under the viewer's scope.

pub mod agent;
pub mod approval;
pub mod budget;
pub mod chat;
pub mod document;
pub mod event;
pub mod execution;
pub mod goal;
pub mod invitation;
pub mod issuer;
pub mod membership;
pub mod organization;
pub mod platform;
pub mod service_account;
pub mod task;
pub mod team;
pub mod usage;
pub mod user;
pub mod worker;
pub mod workspace;

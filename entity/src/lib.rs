//! Palisade's tables.
//!
//! One file per table, one SeaORM entity each. Every column has a class: metadata, confidential or secret
//! (`Classified::class` is an exhaustive match, so that a column without one does not compile). From the classes come the
//! column grants of the database roles, the projection of every query, and the redaction of GraphQL.
//!
//! This crate knows nothing of viewers, queries or GraphQL.

pub mod agent;
pub mod agent_admin;
pub mod agent_collaborator;
pub mod agent_document;
pub mod approval_decision;
pub mod approval_request;
pub mod budget;
pub mod chat_message;
pub mod chat_session;
pub mod confidential;
pub mod email_change;
pub mod enums;
pub mod event;
pub mod event_chain;
pub mod event_head;
pub mod execution;
pub mod fold;
pub mod global_agent;
pub mod global_agent_document;
pub mod goal;
pub mod ids;
pub mod invitation;
pub mod llm_usage;
pub mod login_throttle;
pub mod mail_outbox;
pub mod one_time_token;
pub mod org_membership;
pub mod organization;
pub mod organization_issuer;
pub mod platform_event;
pub mod platform_setting;
pub mod refresh_token;
pub mod service_account;
pub mod service_account_agent;
pub mod session;
pub mod signing_key;
pub mod table;
pub mod task;
pub mod task_dependency;
pub mod team;
pub mod team_membership;
pub mod usage_day;
pub mod user;
pub mod user_identity;
pub mod worker;
pub mod workspace_file;
pub mod workspace_usage;

pub use fold::fold;
pub use table::tables;

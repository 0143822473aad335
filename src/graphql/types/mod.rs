//! The objects of the contract, one file per noun.

pub mod agent;
pub mod approval;
pub mod chat;
pub mod decision;
pub mod document;
pub mod event;
pub mod execution;
pub mod file;
pub mod goal;
pub mod invitation;
pub mod issuer;
pub mod organization;
pub mod payload;
pub mod run_payload;
pub mod server_info;
pub mod service_account;
pub mod session;
pub mod task;
pub mod team;
pub mod usage;
pub mod user;
pub mod viewer;
pub mod work_payload;
pub mod worker;

//! The objects of the contract, one file per noun.

pub mod agent;
pub mod decision;
pub mod document;
pub mod event;
pub mod goal;
pub mod invitation;
pub mod issuer;
pub mod organization;
pub mod payload;
pub mod server_info;
pub mod session;
pub mod task;
pub mod team;
pub mod user;
pub mod viewer;
pub mod work_payload;
pub mod worker;

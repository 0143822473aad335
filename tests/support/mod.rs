//! Fixtures, clients and servers that the suites share.

pub mod approval_fixture;
pub mod auth_world;
pub mod empty_world;
pub mod golden;
pub mod postgres;
pub mod rows;
pub mod server;
pub mod shape;
pub mod smtp;
pub mod subscription_client;
pub mod template;
pub mod two_organizations;
pub mod worker_fixture;
pub mod world;

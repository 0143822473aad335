//! Palisade's integration tests, one binary.
//!
//! A test may do what the house forbids: look behind every wall, read the real clock, and panic, which is its report.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "see above"
)]

mod api;
mod architecture;
mod auth;
mod authz;
mod caches;
mod canaries;
mod database;
mod demo;
mod end_to_end;
mod evaluators;
mod http;
mod interference;
mod matrix;
mod properties;
mod revocation;
mod self_grant;
mod service;
mod support;
mod takedowns;
mod uniform;
mod workspace;

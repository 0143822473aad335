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
mod arch;
mod audit;
mod authz;
mod caches;
mod canaries;
mod database;
mod demo;
mod evaluators;
mod forward_auth;
mod http;
mod identity;
mod interference;
mod issuer;
mod matrix;
mod properties;
mod revocation;
mod self_grant;
mod service;
mod story;
mod streams;
mod support;
mod takedowns;
mod uniform;
mod usage;
mod workspace;

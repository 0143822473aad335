//! Palisade's integration tests, one binary.
//!
//! A test may do what the house forbids: look behind every wall, read the real clock, and panic, which is its report.
#![expect(clippy::disallowed_methods, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "see above")]

mod api;
mod arch;
mod audit;
mod authz;
mod demo;
mod forward_auth;
mod http;
mod identity;
mod issuer;
mod service;
mod story;
mod streams;
mod support;
mod usage;
mod workspace;

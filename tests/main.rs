//! Palisade's integration tests, one binary.
//!
//! Tests may do what the house forbids: read a database past the store, ask the environment, unwrap.
#![allow(
    clippy::disallowed_methods,
    reason = "a test looks behind every wall, and reads the real clock and environment"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

mod support;

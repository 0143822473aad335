//! The migrations and the walls, on SQLite files and on a private PostgreSQL cluster.
//!
//! A test may do what the house forbids: look behind every wall, and panic, which is its report.
#![expect(clippy::disallowed_methods, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "see above")]

mod columns;
mod conversion;
mod keys;
mod old;
mod roles;
mod support;
mod usage;
mod walls;
mod way_back;

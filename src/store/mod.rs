//! The only room that builds queries.
#![allow(clippy::disallowed_methods, reason = "the one room that may build queries")]

pub mod db;
pub mod identity;

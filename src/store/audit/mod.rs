//! The audit log: records as they are written, the hash chain over them, and the log as streams follow it.

pub mod chain;
pub mod follow;
pub mod record;

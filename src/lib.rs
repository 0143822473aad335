//! Palisade: a GraphQL control plane for an AI-agent platform that many organisations share.
//!
//! One organisation's data is never visible to another, and the platform's own operators never see what an
//! organisation's agents are told, do or answer.

pub mod clock;
pub mod demo;
pub mod error;
pub mod policy;
pub mod store;
pub mod viewer;

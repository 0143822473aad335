//! Palisade: a GraphQL control plane for an AI-agent platform that many organisations share.
//!
//! One organisation's data is never visible to another, and the platform's own operators never see what an
//! organisation's agents are told, do or answer.

pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod error;
pub mod graphql;
pub mod http;
pub mod money;
pub mod policy;
pub mod service;
pub mod status;
pub mod store;
pub mod text;
pub mod viewer;
pub mod workspace;

//! Use cases that change something, on both databases.

mod agent;
mod agent_admin;
mod collaborator;
mod document;
mod fixture;
mod global_agent;
mod goal;
mod team;

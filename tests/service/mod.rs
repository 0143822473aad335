//! Use cases, on both databases: what each rule allows, and that it refuses the rest and then changes nothing.

mod agent;
mod agent_admin;
mod alike;
mod answers;
mod approval_races;
mod approvals;
mod budget;
mod collaborator;
mod desk;
mod document;
mod fixture;
mod global_agent;
mod goal;
mod invitations;
mod members;
mod members_confirm;
mod members_leave;
mod organizations;
mod over_graphql;
mod service_accounts;
mod super_admins;
mod team;
mod usage;
mod users;

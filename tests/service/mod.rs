//! Use cases, on both databases: what each rule allows, and that it refuses the rest and then changes nothing.

mod agent;
mod agent_admin;
mod alike;
mod answers;
mod claims;
mod collaborator;
mod document;
mod fixture;
mod global_agent;
mod goal;
mod invitations;
mod lost_leases;
mod members;
mod members_confirm;
mod members_leave;
mod organizations;
mod over_graphql;
mod plans;
mod runs;
mod super_admins;
mod tasks_over_graphql;
mod team;
mod users;
mod work;

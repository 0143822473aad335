//! Use cases, on both databases: what each rule allows, and that it refuses the rest and then changes nothing.

mod agent;
mod agent_admin;
mod alike;
mod answers;
mod collaborator;
mod document;
mod fixture;
mod global_agent;
mod goal;
mod invitations;
mod limits;
mod members;
mod members_confirm;
mod members_leave;
mod move_user;
mod organizations;
mod over_graphql;
mod super_admins;
mod team;
mod users;
mod vacancy;

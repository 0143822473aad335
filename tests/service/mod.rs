//! Use cases, on both databases: what each rule allows, and that it refuses the rest and then changes nothing.

mod answers;
mod fixture;
mod invitations;
mod members;
mod members_confirm;
mod members_leave;
mod organizations;
mod super_admins;
mod users;

//! Sign-in, on both databases.

mod invitations;
mod keys;
mod mail;
mod passwords;
pub mod service_accounts;
mod sessions;
mod setup;
mod throttle;
mod viewers;
pub mod world;

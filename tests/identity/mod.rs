//! Sign-in, on both databases.

mod email_changes;
mod invitations;
mod keys;
mod mail;
mod password_resets;
mod passwords;
pub mod service_accounts;
mod sessions;
mod setup;
mod smtp;
mod throttle;
mod viewers;
pub mod world;

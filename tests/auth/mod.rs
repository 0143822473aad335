//! Signing in, sessions, keys and external issuers, on both databases.

mod bootstrap_admin;
mod email_change;
pub mod external;
mod invitation;
mod password;
mod password_reset;
pub mod service_account;
mod session;
mod signing_keys;
mod throttle;
mod viewer;

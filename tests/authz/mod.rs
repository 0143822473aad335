//! Who sees and does what, asked over HTTP as every role, on both databases.

mod alike;
pub mod fields;
mod logins;
pub mod mutations;
mod redaction;
mod service_accounts;
mod walls;

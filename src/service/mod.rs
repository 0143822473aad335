//! Use cases of several steps, each in one or a few transactions of `store`.

pub mod identity;
pub mod invitation;
pub mod key_ring;
pub mod mail;
pub mod session;
pub mod setup;
pub mod throttle;

//! What the three programs share: a client for the API, its operations as types, and settings from the environment.
//!
//! Read [`client`] first, then `src/bin/planner.rs`, `src/bin/worker/` and `src/bin/member.rs`.

pub mod client;
pub mod operations;

use std::{
    env,
    fmt::Display,
    io::{self, Write as _},
};

use client::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A setting from the environment.
///
/// # Errors
/// When it is not there and has no default.
#[expect(
    clippy::disallowed_methods,
    reason = "the server's settings are in its `config.rs`; these programs have a handful"
)]
pub fn setting(name: &str, default: Option<&str>) -> Result<String, Error> {
    match (env::var(name), default) {
        (Ok(value), _) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        _ => Err(Error::Setting(format!("the variable {name} is needed"))),
    }
}

/// Writes a line of the program's log: ids, kinds and states. What goals, tasks and results say does not belong in a log.
pub fn say(line: impl Display) {
    // Whoever read the log is gone; that is no reason to stop working.
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// SIGINT, listened to from now on. One listener for the whole program: a new one would not see a signal that came before it.
///
/// # Errors
/// When the system refuses.
pub fn interrupts() -> Result<Signal, Error> {
    signal(SignalKind::interrupt()).map_err(|error| Error::Setting(format!("cannot listen to SIGINT: {error}")))
}

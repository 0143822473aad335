//! The log: to stderr, and never a value.
//!
//! Whatever the filter says, libraries log nothing below `info` (hyper and h2 would print headers, and with them tokens),
//! and statements are logged at no level. A panic is logged by its place: its words may hold content.

use std::{io, panic::PanicHookInfo};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, fmt, layer::SubscriberExt as _, registry::LookupSpan};

use crate::{
    app::Failure,
    config::{Log, LogFormat},
};

/// Starts logging for the process.
pub fn init(settings: &Log) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|_| Failure::new("log.filter is not a filter such as `info,palisade=debug`"))?;
    let subscriber = tracing_subscriber::registry().with(filter).with(lines(settings.format, io::stderr));
    tracing::subscriber::set_global_default(subscriber)?;
    std::panic::set_hook(Box::new(panicked));
    Ok(())
}

/// Logs a panic by its place.
pub fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a thread panicked");
}

fn lines<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    match format {
        LogFormat::Text => layer.with_ansi(false).with_filter(filter_fn(may_be_logged)).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter_fn(may_be_logged)).boxed(),
    }
}

fn may_be_logged(event: &Metadata<'_>) -> bool {
    let target = event.target();
    let within = |room: &str| target.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    if within("palisade") || within("migration") {
        return true;
    }
    // sqlx prints a slow statement at `warn`.
    !within("sqlx::query") && !within("sea_orm") && *event.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn libraries_log_no_statement_and_nothing_below_info_whatever_the_filter_says() {
        let out = Lines::default();
        let writer = out.clone();
        let lines = lines(LogFormat::Json, move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(EnvFilter::new("trace")).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "sqlx::query", "SELECT hunter2");
            tracing::info!(target: "sea_orm::driver", "SELECT hunter2");
            tracing::debug!(target: "h2::codec", "authorization: hunter2");
            tracing::trace!(target: "hyper::proto", "authorization: hunter2");
            tracing::warn!(target: "hyper", "a connection broke");
            tracing::debug!(target: "palisade::store", "ours");
        });
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("hunter2") && text.contains("a connection broke") && text.contains("ours"), "{text}");
    }
}

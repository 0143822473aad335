//! Everything that anybody in this process tells the log, at the finest level: events and spans, with every field.

use std::{
    fmt::{self, Write as _},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

static LINES: Mutex<String> = Mutex::new(String::new());

fn lines() -> MutexGuard<'static, String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Capture;

struct Fields<'l>(&'l mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let _ = write!(self.0, " {}={value} {value:?}", field.name());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = format!("{} {}:", event.metadata().level(), event.metadata().target());
        event.record(&mut Fields(&mut line));
        lines().push_str(&(line.replace('\n', " ") + "\n"));
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut line = format!("SPAN {} {}:", attributes.metadata().target(), attributes.metadata().name());
        attributes.record(&mut Fields(&mut line));
        lines().push_str(&(line.replace('\n', " ") + "\n"));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut line = "RECORD:".to_owned();
        values.record(&mut Fields(&mut line));
        lines().push_str(&(line.replace('\n', " ") + "\n"));
    }
}

/// Listens from now on, to whatever speaks in this process; what libraries say by `log` is heard, too.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| Registry::default().with(Capture).try_init().unwrap());
}

/// Frames that go over a socket, as they are: the program leaves out what libraries say below `info`, which
/// `tests/canaries/process.rs` holds it to.
const PRINTS_FRAMES: [&str; 4] =
    [" tungstenite", " tokio_tungstenite", "log.target=tungstenite", "log.target=tokio_tungstenite"];

/// What was said so far, without what prints frames.
pub fn said() -> String {
    let lines = lines();
    let kept = lines.lines().filter(|line| !PRINTS_FRAMES.iter().any(|target| line.contains(target)));
    kept.collect::<Vec<_>>().join("\n")
}

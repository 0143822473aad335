//! Old words for states and roles, as people wrote them, and the words that are stored now.

use super::{Conversion, Lost};

/// The words of a column: each with the old ones that mean it.
pub(super) type Words = &'static [(&'static str, &'static [&'static str])];

/// What an agent of an unknown state is: it takes no goals until somebody looks.
pub(super) const AGENT_STATUS: (Words, &str) = (
    &[
        ("ACTIVE", &["idle", "busy", "running", "enabled", "online"]),
        ("STOPPED", &["paused", "disabled", "inactive", "offline"]),
        ("ERROR", &["failed"]),
        ("ARCHIVED", &["deleted", "retired"]),
    ],
    "STOPPED",
);
/// No goal starts to run because its word was not understood.
pub(super) const GOAL_STATUS: (Words, &str) = (
    &[
        ("PENDING", &["new", "created", "submitted", "queued"]),
        ("PLANNING", &["planned"]),
        ("AWAITING_APPROVAL", &["waiting", "needs_approval"]),
        ("RUNNING", &["active", "in_progress", "executing"]),
        ("COMPLETED", &["done", "complete", "success", "succeeded"]),
        ("FAILED", &["error"]),
        ("REJECTED", &["denied"]),
        ("CANCELLED", &["canceled", "aborted"]),
    ],
    "FAILED",
);
/// `failed` is on its way to a retry or to `dead_letter`; an old failure is not tried again unless somebody asks.
pub(super) const TASK_STATUS: (Words, &str) = (
    &[
        ("CREATED", &["new"]),
        ("PENDING", &["waiting", "blocked"]),
        ("QUEUED", &["ready"]),
        ("SCHEDULED", &["claimed", "assigned"]),
        ("RUNNING", &["active", "in_progress"]),
        ("AWAITING_APPROVAL", &["needs_approval"]),
        ("COMPLETED", &["done", "complete", "success", "succeeded"]),
        ("DEAD_LETTER", &["failed", "error", "dead"]),
        ("CANCELLED", &["canceled", "aborted", "skipped"]),
    ],
    "DEAD_LETTER",
);
pub(super) const WORKER_STATUS: (Words, &str) =
    (&[("ACTIVE", &["idle", "busy", "online", "up"]), ("DRAINING", &["stopping"]), ("OFFLINE", &["down"])], "OFFLINE");
pub(super) const APPROVAL_STATUS: (Words, &str) = (
    &[
        ("PENDING", &["waiting", "open"]),
        ("APPROVED", &["accepted"]),
        ("REJECTED", &["denied", "declined"]),
        ("CANCELLED", &["canceled"]),
        ("EXPIRED", &["timeout", "timed_out"]),
    ],
    "EXPIRED",
);
/// Without a word, an approval of a task is a risky step's.
pub(super) const APPROVAL_TYPE: (Words, &str) =
    (&[("PLAN", &["goal"]), ("RISKY_TASK", &["task", "tool", "risky", "step"])], "PLAN");
pub(super) const CHAT_STATUS: (Words, &str) =
    (&[("OPEN", &["active"]), ("CLOSED", &["ended", "archived", "done"]), ("EXPIRED", &["timeout"])], "CLOSED");
pub(super) const CHAT_ROLE: (Words, &str) = (
    &[
        ("USER", &["human"]),
        ("ASSISTANT", &["agent", "ai", "bot", "model"]),
        ("SYSTEM", &["developer"]),
        ("TOOL", &["function"]),
    ],
    "SYSTEM",
);

impl Conversion<'_> {
    /// The word for what a row said; null and blank say nothing, so that nothing is lost by them.
    pub(super) fn word(
        &mut self,
        (words, otherwise): (Words, &'static str),
        table: &'static str,
        column: &'static str,
        id: impl ToString,
        old: Option<String>,
    ) -> &'static str {
        let Some(old) = old.filter(|old| !old.trim().is_empty()) else { return otherwise };
        let plain = old.trim().to_lowercase().replace([' ', '-'], "_");
        let meant = words.iter().find(|(word, also)| word.to_lowercase() == plain || also.contains(&plain.as_str()));
        match meant {
            Some((word, _)) => word,
            None => {
                let lost = Lost { table, column, was: old, is: otherwise.to_owned() };
                self.lost.entry(lost).or_default().push(id.to_string());
                otherwise
            }
        }
    }
}

/// JSON text as it is; other text as a JSON string, since the column promises JSON.
pub(super) fn json(text: Option<String>) -> Option<String> {
    text.map(|text| match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(_) => text,
        Err(_) => serde_json::Value::String(text).to_string(),
    })
}

/// A list of words as a JSON array, whether it was one or had commas.
pub(super) fn list(text: Option<String>) -> String {
    let text = text.unwrap_or_default();
    if serde_json::from_str::<Vec<String>>(&text).is_ok() {
        return text;
    }
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    serde_json::Value::from_iter(words).to_string()
}

/// A name, or what stands for one.
pub(super) fn name(text: Option<String>, otherwise: &str) -> String {
    text.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| otherwise.to_owned())
}

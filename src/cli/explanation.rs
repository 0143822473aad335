//! An explanation of a decision, for a person and for a program.

use std::fmt::Write as _;

use serde_json::json;

use crate::policy::{Explanation, Outcome, rule};

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => "allow",
        Outcome::Hide => "not_found",
        Outcome::Forbid => "forbid",
        Outcome::SignIn => "sign_in",
    }
}

/// What `viewerCan` answers as `rule`.
fn decided_by(explanation: &Explanation) -> String {
    let decision = explanation.decision;
    match decision.outcome {
        Outcome::Hide => "not_found".to_owned(),
        _ => format!("{}/{}", decision.permission.as_str(), decision.by),
    }
}

/// For a person.
pub fn text(explanation: &Explanation) -> String {
    let row = rule(explanation.decision.permission);
    let mut text = format!("{}: {}\n", word(explanation.decision.outcome), explanation.why());
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "  rule   {}", decided_by(explanation));
    let _ = writeln!(text, "  row    {}: {}", row.permission.as_str(), row.action);
    if !row.note.is_empty() {
        let _ = writeln!(text, "  note   {}", row.note);
    }
    if explanation.metadata_only() {
        let _ = writeln!(text, "  only   metadata: content is null, and nothing is written by this row");
    }
    if !explanation.readings.is_empty() {
        text.push_str("columns that they stand in:\n");
    }
    for reading in &explanation.readings {
        let grants = if reading.grants { "grants" } else { "does not grant" };
        let _ = writeln!(text, "  {:16} {:14} {}", reading.column, grants, reading.cell);
    }
    if !explanation.facts.is_empty() {
        text.push_str("looked at:\n");
    }
    for fact in &explanation.facts {
        let _ = writeln!(text, "  {}: {}", fact.name, fact.value);
    }
    text
}

/// For a program.
pub fn json(explanation: &Explanation) -> String {
    let row = rule(explanation.decision.permission);
    let readings = explanation.readings.iter();
    let columns =
        readings.map(|reading| json!({ "column": reading.column, "cell": reading.cell, "grants": reading.grants }));
    let facts = explanation.facts.iter().map(|fact| json!({ "name": fact.name, "value": fact.value }));
    let told = json!({
        "allowed": explanation.decision.allowed(),
        "outcome": word(explanation.decision.outcome),
        "rule": decided_by(explanation),
        "why": explanation.why(),
        "metadataOnly": explanation.metadata_only(),
        "permission": row.permission.as_str(),
        "action": row.action,
        "note": row.note,
        "columns": columns.collect::<Vec<_>>(),
        "facts": facts.collect::<Vec<_>>(),
    });
    format!("{told:#}\n")
}

//! What the demo's agents are, and what they are asked to do: words alone, no rows.
//!
//! A playbook is the same in both organisations, name and all, except where a `$word` stands: `$org` and `$slug` name
//! the organisation, `$item`, `$ref`, `$n`, `$money` the thing at hand, `$period`, `$week`, `$date` the time. A text of one
//! organisation that shows the other's name is therefore a leak.

mod customers;
mod engineering;
mod finance;
mod platform;

use entity::enums::DocumentType;

/// An agent and its work.
#[derive(Debug)]
pub(super) struct Playbook {
    /// How the generator names it.
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) model: &'static str,
    pub(super) temperature: f64,
    pub(super) tools: &'static [&'static str],
    pub(super) chat_capable: bool,
    pub(super) prompt: &'static str,
    /// What people ask for.
    pub(super) goals: &'static [&'static str],
    /// What `$item` may be.
    pub(super) items: &'static [&'static str],
    /// How a `$ref` starts.
    pub(super) reference: &'static str,
    /// Steps that come first, one after the other.
    pub(super) open: &'static [Step],
    /// A step for each item, side by side.
    pub(super) each: Step,
    /// A step that some items need after theirs.
    pub(super) then: Step,
    /// Steps that bring all together, one after the other.
    pub(super) close: &'static [Step],
    /// What goes wrong.
    pub(super) failures: &'static [&'static str],
    pub(super) documents: &'static [Document],
}

/// A step of a plan. Payload and result are JSON.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    pub(super) payload: &'static str,
    pub(super) result: &'static str,
    /// Why it waits for approval, if it does.
    pub(super) risk: Option<&'static str>,
}

const fn step(kind: &'static str, title: &'static str, payload: &'static str, result: &'static str) -> Step {
    Step { kind, title, payload, result, risk: None }
}

const fn risky(
    kind: &'static str,
    title: &'static str,
    payload: &'static str,
    result: &'static str,
    risk: &'static str,
) -> Step {
    Step { kind, title, payload, result, risk: Some(risk) }
}

/// A document that comes with an agent.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) kind: DocumentType,
    pub(super) name: &'static str,
    pub(super) content: Option<&'static str>,
    pub(super) uri: Option<&'static str>,
}

const fn text(kind: DocumentType, name: &'static str, content: &'static str) -> Document {
    Document { kind, name, content: Some(content), uri: None }
}

const fn link(kind: DocumentType, name: &'static str, uri: &'static str) -> Document {
    Document { kind, name, content: None, uri: Some(uri) }
}

/// The organisations' own agents, in the order in which they were made.
pub(super) const OWN: &[&Playbook] = &[
    &finance::INVOICE_RECONCILER,
    &engineering::RELEASE_NOTES_WRITER,
    &engineering::INCIDENT_SUMMARISER,
    &finance::CONTRACT_REVIEWER,
    &customers::SUPPORT_TRIAGE,
    &customers::ONBOARDING_GUIDE,
    &customers::SALES_FORECASTER,
    &engineering::PIPELINE_MEDIC,
    &platform::LEGACY_IMPORTER,
];

/// The platform's agents.
pub(super) const GLOBAL: &[&Playbook] =
    &[&platform::RESEARCH_ASSISTANT, &platform::MINUTES_TAKER, &platform::TRANSLATOR];

/// Kinds of task that any worker takes.
pub(super) const COMMON_KINDS: &[&str] =
    &["document.fetch", "llm.analyse", "llm.draft", "llm.review", "http.request", "mail.send"];
/// Kinds of task that need a worker with a sandbox.
pub(super) const SANDBOX_KINDS: &[&str] = &["code.run", "sql.query", "browser.read"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::dice::Words;

    #[test]
    fn every_payload_and_result_is_json_and_every_word_is_known() {
        let words = ["org", "slug", "ref", "n", "money", "period", "week", "date"]
            .into_iter()
            .fold(Words::default(), |words, word| words.with(word, "1"));
        for book in OWN.iter().chain(GLOBAL) {
            for item in book.items {
                let words = words.clone().with("item", *item);
                for step in book.open.iter().chain([&book.each, &book.then]).chain(book.close) {
                    assert!(COMMON_KINDS.iter().chain(SANDBOX_KINDS).any(|kind| *kind == step.kind), "{}", step.kind);
                    for text in [step.payload, step.result] {
                        let filled = words.fill(text);
                        assert!(serde_json::from_str::<serde_json::Value>(&filled).is_ok(), "{filled}");
                        assert!(!filled.contains('$'), "{filled}");
                    }
                    assert!(!words.fill(step.title).contains('$'), "{}", step.title);
                }
                let texts = book.goals.iter().chain(book.failures).chain([&book.prompt]).copied();
                let documents = book.documents.iter().flat_map(|document| [document.content, document.uri]).flatten();
                for text in texts.chain(documents) {
                    assert!(!words.fill(text).contains('$'), "{text}");
                }
            }
            assert!(book.prompt.split("\n\n").count() >= 3, "{}", book.name);
        }
    }

    #[test]
    fn every_kind_of_document_occurs() {
        for kind in DocumentType::ALL {
            let all = OWN.iter().chain(GLOBAL).flat_map(|book| book.documents);
            assert!(all.into_iter().any(|document| document.kind == *kind), "{}", kind.as_str());
        }
    }
}

//! Documents of agents.

use entity::{
    confidential::Confidential,
    enums::DocumentType,
    ids::{AgentDocumentId, AgentId, GoalId},
};

use super::{Context, agent::manages_global, input};
use crate::{
    error::{Error, Result},
    policy::permit::{ManageGlobalAgent, UpdateAgent, permit},
    store::{
        list::row::Row as _,
        read::document::DocumentRow,
        write::document::{DocumentBody, DocumentDraft},
    },
};

/// Longest address of a document, in bytes.
pub const URI: usize = 2_048;
/// Where a document may be: what a client that shows the address can open without running anything.
const SCHEMES: &[&str] = &["https://", "http://", "s3://"];

/// A document that comes in. Exactly one of content and address is given.
#[derive(Clone, Debug)]
pub struct DocumentInput {
    /// What kind of document it is.
    pub kind: DocumentType,
    /// Display name.
    pub name: String,
    /// The text.
    pub content: Option<String>,
    /// Where the text is.
    pub uri: Option<String>,
    /// Larger comes first in the agent's context.
    pub priority: i32,
}

/// Paths of the arguments, which differ with where a document comes in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub name: &'static str,
    pub content: &'static str,
    pub uri: &'static str,
    pub priority: &'static str,
}

const ATTACHED: Fields =
    Fields { name: "input.name", content: "input.content", uri: "input.uri", priority: "input.priority" };

impl DocumentInput {
    /// Checks it before anything is looked up.
    pub(super) fn checked(self, fields: Fields) -> Result<DocumentDraft> {
        let body = match (self.content, self.uri) {
            (Some(content), None) => {
                let content = input::content(fields.content, content, input::CONTENT)?;
                DocumentBody::Content(Confidential::new(content))
            }
            (None, Some(uri)) => DocumentBody::Uri(Confidential::new(address(fields.uri, uri)?)),
            _ => return Err(Error::validation(fields.content, "give the content or a uri, and not both")),
        };
        Ok(DocumentDraft {
            kind: self.kind,
            name: input::name(fields.name, &self.name)?,
            priority: priority(fields.priority, self.priority)?,
            body,
        })
    }
}

/// A priority that leaves nobody out of reach: -1000 to 1000.
pub(super) fn priority(field: &'static str, priority: i32) -> Result<i32> {
    if !(-1_000..=1_000).contains(&priority) {
        return Err(Error::validation(field, "must be -1000 to 1000"));
    }
    Ok(priority)
}

fn address(field: &'static str, uri: String) -> Result<String> {
    let uri = input::content(field, uri, URI)?;
    let rest = SCHEMES.iter().find_map(|scheme| uri.strip_prefix(scheme));
    if rest.is_none_or(str::is_empty) || uri.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return Err(Error::validation(field, "must be an address that starts with https://, http:// or s3://"));
    }
    Ok(uri)
}

/// Attaches a document to an agent, or to one goal on it. A goal on another agent is not found.
pub async fn attach(
    cx: Context<'_>,
    agent_id: AgentId,
    goal_id: Option<GoalId>,
    document: DocumentInput,
) -> Result<AgentDocumentId> {
    let draft = document.checked(ATTACHED)?;
    let facts = cx.store.agent_facts(agent_id).await?;
    if manages_global(cx, &facts) {
        if goal_id.is_some() {
            return Err(Error::validation("input.goalId", "a global agent's document belongs to no goal"));
        }
        let permit = permit::<ManageGlobalAgent>(cx.viewer, &facts)?;
        return cx.store.global_document_attach(cx.clock, &permit, draft).await;
    }
    let permit = permit::<UpdateAgent>(cx.viewer, &facts)?;
    cx.store.document_attach(cx.clock, &permit, goal_id, draft).await
}

/// Removes a document.
pub async fn remove(cx: Context<'_>, id: AgentDocumentId) -> Result<AgentDocumentId> {
    let row = cx.store.document_by_ids(&[id], DocumentRow::keys()).await?.pop().ok_or(Error::NotFound)?;
    let facts = cx.store.agent_facts(row.agent_id).await?;
    // A document that came with an organisation's goal on a global agent is not the platform's.
    if manages_global(cx, &facts) && row.org_id.is_none() {
        let permit = permit::<ManageGlobalAgent>(cx.viewer, &facts)?;
        cx.store.global_document_remove(cx.clock, &permit, id).await?;
    } else {
        let permit = permit::<UpdateAgent>(cx.viewer, &facts)?;
        cx.store.document_remove(cx.clock, &permit, id).await?;
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(content: Option<&str>, uri: Option<&str>) -> DocumentInput {
        DocumentInput {
            kind: DocumentType::Rule,
            name: "Rules".to_owned(),
            content: content.map(str::to_owned),
            uri: uri.map(str::to_owned),
            priority: 0,
        }
    }

    #[test]
    fn a_document_is_here_or_elsewhere() {
        assert!(document(Some("be kind"), None).checked(ATTACHED).is_ok());
        assert!(document(None, Some("https://acme.example/rules")).checked(ATTACHED).is_ok());
        assert!(document(Some("be kind"), Some("https://acme.example/rules")).checked(ATTACHED).is_err());
        assert!(document(None, None).checked(ATTACHED).is_err());
    }

    #[test]
    fn an_address_runs_nothing_and_has_a_limit() {
        for bad in
            ["", "https://", "javascript:alert(1)", "file:///etc/passwd", "https://a b", "https://a\nb", "/rules"]
        {
            assert!(document(None, Some(bad)).checked(ATTACHED).is_err(), "{bad:?}");
        }
        assert!(document(None, Some(&format!("https://{}", "a".repeat(URI)))).checked(ATTACHED).is_err());
        assert!(document(Some(&"a".repeat(input::CONTENT + 1)), None).checked(ATTACHED).is_err());
    }
}

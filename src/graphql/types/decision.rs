//! Answers to `viewerCan`.

use async_graphql::SimpleObject;

use crate::policy;

/// Whether the viewer may do something, and the cell of the permission table that says so.
#[derive(SimpleObject)]
pub struct Decision {
    /// Whether it may.
    pub allowed: bool,
    /// What decided: the row and column of the permission table, or `not_found` for whatever does not exist for the viewer.
    pub rule: String,
}

impl Decision {
    /// The answer for an object that is absent, hidden or another organisation's: the same for all three.
    pub fn not_found() -> Self {
        Self { allowed: false, rule: "not_found".to_owned() }
    }
}

impl From<policy::Decision> for Decision {
    fn from(decision: policy::Decision) -> Self {
        if decision.outcome == policy::Outcome::Hide {
            return Self::not_found();
        }
        Self { allowed: decision.allowed(), rule: format!("{}/{}", decision.permission.as_str(), decision.by) }
    }
}

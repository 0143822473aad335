//! placeholder
use crate::ids::*;
use chrono::{DateTime, Utc};
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
pub struct EventFields<'a> {
    pub org_id: OrgId,
    pub sequence: i64,
    pub id: EventId,
    pub kind: &'a str,
    pub actor_user_id: Option<UserId>,
    pub subject_id: Option<&'a str>,
    pub created_at: DateTime<Utc>,
    pub payload: Option<&'a str>,
    pub payload_salt: &'a str,
}
pub fn link(prev: &str, _f: &EventFields<'_>) -> String {
    prev.to_owned()
}

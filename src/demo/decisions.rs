//! What people decided about approval requests.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    approval_decision, approval_request,
    confidential::Confidential,
    enums::{ApprovalStatus, Decided, MembershipStatus, OrgRole},
    ids::UserId,
};

use super::{DemoPlatform, dice::Dice};

/// How long before the last the other decisions were made.
const EARLIER: TimeDelta = TimeDelta::minutes(3);

/// Who decided a request, in order, or has so far: the agent's admins, then the organisation's, never who asked.
pub(super) fn decided_by(rows: &DemoPlatform, request: &approval_request::Model) -> Vec<UserId> {
    let required = usize::try_from(request.required_approvals).unwrap_or(1);
    let many = match request.status {
        ApprovalStatus::Approved => required,
        ApprovalStatus::Rejected => 1,
        // The first of two has spoken.
        ApprovalStatus::Pending => required - 1,
        ApprovalStatus::Cancelled | ApprovalStatus::Expired => 0,
    };
    let appointed =
        rows.agent_admins.iter().filter(|row| (row.org_id, row.agent_id) == (request.org_id, request.agent_id));
    let admins = rows.org_memberships.iter().filter(|row| {
        row.org_id == request.org_id && row.role == OrgRole::Admin && row.status == MembershipStatus::Active
    });
    let mut people: Vec<UserId> = Vec::new();
    for user in appointed.map(|row| row.user_id).chain(admins.map(|row| row.user_id)) {
        if Some(user) != request.requested_by && !people.contains(&user) {
            people.push(user);
        }
    }
    people.truncate(many);
    people
}

/// Writes the decisions of all requests.
pub(super) fn write(rows: &mut DemoPlatform, dice: &mut Dice, now: DateTime<Utc>) {
    let mut decisions = Vec::new();
    for request in &rows.approval_requests {
        let slug = rows.organizations.iter().find(|row| row.id == request.org_id).map_or("", |row| &row.slug);
        let last = request.decided_at.unwrap_or_else(|| Ord::min(request.created_at + EARLIER, now));
        let people = decided_by(rows, request);
        for (turn, user) in people.iter().enumerate() {
            let decision = match request.status {
                ApprovalStatus::Rejected => Decided::Reject,
                _ => Decided::Approve,
            };
            let is_last = turn + 1 == people.len();
            let at = Ord::max(if is_last { last } else { last - EARLIER }, request.created_at);
            let comment = match decision {
                Decided::Reject => Some(format!("Not like this: ask the team at {slug} first.")),
                Decided::Approve if dice.percent(50) => Some(format!("Checked against our rules at {slug}.")),
                Decided::Approve => None,
            };
            decisions.push(approval_decision::Model {
                org_id: request.org_id,
                id: dice.id(at),
                request_id: request.id,
                decided_by: *user,
                decision,
                comment: Confidential::from_option(comment),
                created_at: at,
            });
        }
    }
    rows.approval_decisions = decisions;
}

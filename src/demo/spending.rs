//! What the calls of models add up to, and what each organisation may spend.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{
    budget,
    ids::{AgentId, TypedId, UserId},
    usage_day,
};
use uuid::Uuid;

use super::{
    DemoPlatform,
    scene::{ACME, ORGANIZATIONS},
};

/// Sums the calls by day, as recording them would have, and sets the budgets: Acme has used some four fifths of its
/// month's, Globex has limits that are far away.
pub(super) fn add_up(rows: &mut DemoPlatform, now: DateTime<Utc>) {
    let mut days = BTreeMap::new();
    for call in &rows.llm_usage {
        let agent_id = call.agent_id.unwrap_or(AgentId::from_uuid(Uuid::nil()));
        let user_id = call.user_id.unwrap_or(UserId::from_uuid(Uuid::nil()));
        let day = call.created_at.date_naive().to_string();
        let key = (call.org_id, day, call.model.clone(), agent_id, user_id);
        let sums: &mut [i64; 4] = days.entry(key).or_default();
        for (sum, one) in sums.iter_mut().zip([1, call.tokens_in, call.tokens_out, call.cost_nanos]) {
            *sum += one;
        }
    }
    let sums = days.into_iter().map(|((org_id, day, model, agent_id, user_id), sums)| {
        let [requests, tokens_in, tokens_out, cost_nanos] = sums;
        usage_day::Model { org_id, day, model, agent_id, user_id, requests, tokens_in, tokens_out, cost_nanos }
    });
    rows.usage_days = sums.collect();

    let (month, today) = (now.format("%Y-%m").to_string(), now.date_naive().to_string());
    for (organization, about) in rows.organizations.iter().zip(ORGANIZATIONS) {
        let own = || rows.usage_days.iter().filter(|row| row.org_id == organization.id);
        let spent: i64 = own().filter(|row| row.day.starts_with(&month)).map(|row| row.cost_nanos).sum();
        let tokens: i64 = own().filter(|row| row.day == today).map(|row| row.tokens_in + row.tokens_out).sum();
        // Early in a month little is spent, and a limit of next to nothing would be in the way.
        let limit = cents(if about == ACME { spent + spent / 5 } else { spent * 20 }).max(5_000_000_000);
        rows.budgets.push(budget::Model {
            org_id: organization.id,
            monthly_cost_nanos: Some(limit),
            daily_tokens: Some((tokens * 20).max(50_000_000)),
            cost_warned: (spent * 5 >= limit * 4).then(|| month.clone()),
            cost_exhausted: None,
            tokens_warned: None,
            tokens_exhausted: None,
            created_at: organization.created_at,
            updated_at: organization.created_at,
        });
    }
}

/// Rounded up to whole cents.
fn cents(nanos: i64) -> i64 {
    const CENT: i64 = 10_000_000;
    (nanos / CENT + 1) * CENT
}

//! What models cost.

use std::collections::HashSet;

use entity::ids::{LlmUsageId, TypedId as _};
use sea_orm::{ConnectionTrait as _, DbErr};

use super::{
    Conversion,
    pages::{Batch, Old as _, Pages, row},
    words,
};

impl Conversion<'_> {
    pub(super) async fn usage(&mut self) -> Result<(), DbErr> {
        let mut usage = Batch::new(
            "llm_usage",
            &[
                "org_id",
                "id",
                "agent_id",
                "goal_id",
                "user_id",
                "model",
                "request_id",
                "tokens_in",
                "tokens_out",
                "cost_nanos",
                "created_at",
            ],
        );
        let sql = "SELECT request_id FROM old_llm_usage WHERE request_id IS NOT NULL
                   GROUP BY request_id HAVING count(*) > 1";
        let mut twice = HashSet::new();
        for row in self.db.query_all_raw(self.statement(sql)).await? {
            twice.extend(row.text("request_id")?);
        }
        let mut seen = HashSet::new();
        let mut pages = Pages::new("SELECT l.* FROM old_llm_usage l");
        loop {
            let rows = pages.next(self.db).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let id = row.id()?;
                let label = LlmUsageId::from_uuid(id);
                let request = match row.text("request_id")? {
                    // Both were counted, and stay so: what was reported twice was paid once or twice, who knows.
                    Some(request) if twice.contains(&request) && !seen.insert(request.clone()) => {
                        let distinct = format!("{request}#{label}");
                        self.lose("llm_usage", "request_id", label, request, &distinct);
                        distinct
                    }
                    Some(request) => request,
                    None => label.to_string(),
                };
                let new = row![
                    self.org,
                    id,
                    row.reference("agent_id")?,
                    row.reference("goal_id")?,
                    self.user(row.reference("user_id")?),
                    words::name(row.text("model")?, "(unknown model)"),
                    request,
                    row.bigint("tokens_in")?.unwrap_or(0),
                    row.bigint("tokens_out")?.unwrap_or(0),
                    row.bigint("cost_micros")?.unwrap_or(0).saturating_mul(1000),
                    row.time("created_at")?.unwrap_or(self.now),
                ];
                usage.push(self.db, new).await?;
            }
        }
        usage.flush(self.db).await
    }
}

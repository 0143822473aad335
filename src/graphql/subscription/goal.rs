//! `goalUpdated`.

use async_graphql::Context;
use entity::ids::{EventId, GoalId};

use crate::{
    error::{Error, Result},
    graphql::{
        context::{RequestCtx, cx},
        lookahead,
        subscription::run::{About, Feed, Opening},
        types::goal::Goal,
    },
    store::{audit::follow::LogEntry, list::row::Row as _, read::goal::GoalRow},
};

pub struct GoalFeed {
    pub id: GoalId,
}

impl GoalFeed {
    pub async fn seen(&self, cx: &RequestCtx) -> Result<GoalRow> {
        cx.store.goal_by_ids(&[self.id], GoalRow::keys()).await?.pop().ok_or(Error::NotFound)
    }
}

#[async_trait::async_trait]
impl Feed for GoalFeed {
    type Item = Goal;

    async fn open(&self, cx: &RequestCtx) -> Result<Opening> {
        let org = self.seen(cx).await?.org_id;
        Ok(Opening { org, after: None, about: About::Object(self.id.to_string()) })
    }

    async fn pick(&self, cx: &RequestCtx, batch: &[LogEntry]) -> Result<Vec<EventId>> {
        self.seen(cx).await?;
        let own = batch.iter().filter(|entry| entry.subject() == Some(self.id));
        Ok(own.map(|entry| entry.id).collect())
    }

    async fn answer(&self, ctx: &Context<'_>, _: &LogEntry) -> Result<Option<Goal>> {
        let rows = cx(ctx).store.goal_by_ids(&[self.id], lookahead::columns::<GoalRow>(ctx)).await?;
        rows.into_iter().next().map(|row| Some(Goal(row))).ok_or(Error::NotFound)
    }
}

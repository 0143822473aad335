//! The audit log, as it is read.

use entity::{
    confidential::JsonText,
    event,
    ids::{EventId, OrgId, ServiceAccountId, UserId},
};
use sea_orm::sea_query::{Expr, ExprTrait, Order};

use crate::error::Result;
use crate::store::{
    List, OrgRow, Store,
    list::{
        page::{Page, PageRequest, Sort, SortKind},
        row::{Columns, Row, row},
    },
    uuids,
};

row! {
    /// An audit event, with the columns that were asked for.
    EventRow of event {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The event."] id: EventId = Id,
        key #[doc = "Who did it."] actor_user_id: Option<UserId> = ActorUserId,
        key #[doc = "The service account that did it."]
            actor_service_account_id: Option<ServiceAccountId> = ActorServiceAccountId,
        lazy #[doc = "Position in the organisation's log."] sequence: i64 = Sequence,
        lazy #[doc = "What happened."] kind: String = Kind,
        lazy #[doc = "What it happened to."] subject_id: Option<String> = SubjectId,
        lazy #[doc = "Its link of the chain."] hash: String = Hash,
        lazy #[doc = "When it happened."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        sealed #[doc = "Details."] payload: JsonText = Payload,
    }
}

impl OrgRow for EventRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

/// Which events.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct EventFilter {
    /// Of this organisation.
    pub organization_id: Option<OrgId>,
    /// Of one of these types.
    pub kinds: Option<Vec<String>>,
    /// Done by this user.
    pub actor: Option<UserId>,
    /// About this object.
    pub subject_id: Option<String>,
    /// At this time or later.
    pub from: Option<chrono::DateTime<chrono::Utc>>,
    /// Before this time.
    pub to: Option<chrono::DateTime<chrono::Utc>>,
}

fn events(filter: &EventFilter, columns: Columns<event::Entity>) -> List<EventRow> {
    use event::Column;
    let col = |column| Expr::col((event::Entity, column));
    List::new(columns)
        .only(filter.organization_id.map(|org_id| col(Column::OrgId).eq(org_id)))
        .only(filter.kinds.as_ref().map(|kinds| col(Column::Kind).is_in(kinds.iter().cloned())))
        .only(filter.actor.map(|actor| col(Column::ActorUserId).eq(actor)))
        .only(filter.subject_id.as_ref().map(|subject| col(Column::SubjectId).eq(subject.as_str())))
        .only(filter.from.map(|from| col(Column::CreatedAt).gte(from)))
        .only(filter.to.map(|to| col(Column::CreatedAt).lt(to)))
        .sorted(Sort { kind: SortKind::Id, descending: true }, None)
}

impl Store {
    /// Looks events up by id.
    pub async fn event_by_ids(&self, ids: &[EventId], columns: Columns<event::Entity>) -> Result<Vec<EventRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of events, the latest first.
    pub async fn event_list(
        &self,
        filter: &EventFilter,
        columns: Columns<event::Entity>,
        page: &PageRequest,
    ) -> Result<Page<EventRow>> {
        self.list(events(filter, columns), page).await
    }

    /// How many events the list has.
    pub async fn event_count(&self, filter: &EventFilter) -> Result<i64> {
        self.list_count(events(filter, EventRow::keys())).await
    }

    /// Events of one organisation in the order of its log, from after a sequence on, with all columns.
    pub async fn event_sequence(&self, filter: &EventFilter, after: i64, limit: u64) -> Result<Vec<EventRow>> {
        use event::Column;
        let all = [Column::Sequence, Column::Kind, Column::SubjectId, Column::CreatedAt, Column::Payload, Column::Hash];
        let columns = self.scope()?.project(all.into_iter().fold(EventRow::keys(), Columns::with));
        let mut select = self.scope()?.find::<event::Entity>(columns);
        for condition in events(filter, columns).conditions {
            select.and_where(condition);
        }
        let sequence = Expr::col((event::Entity, event::Column::Sequence));
        select
            .and_where(sequence.gt(after))
            .order_by((event::Entity, event::Column::Sequence), Order::Asc)
            .limit(limit);
        self.rows(&select, columns).await
    }
}

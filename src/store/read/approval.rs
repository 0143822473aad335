//! Approval requests, what was decided about them, and to whom they are routed.

use std::collections::HashMap;

use entity::{
    agent_admin, approval_decision, approval_request,
    confidential::JsonText,
    enums::{ApprovalStatus, ApprovalType, Decided, MembershipStatus, OrgRole, UserStatus},
    ids::{AgentId, ApprovalDecisionId, ApprovalRequestId, GoalId, OrgId, TaskId, TypedId, UserId},
    org_membership, user,
};
use sea_orm::{
    ConnectionTrait, TryGetable,
    sea_query::{Asterisk, Cond, Expr, ExprTrait, Func, Query, SelectStatement},
};

use crate::store::{
    List, OrgRow, Store, any_of,
    list::{
        page::{Page, PageRequest, Sort, SortKind},
        row::{Columns, Row, row},
    },
    scope::agent_admin_ids,
    uuids,
};
use crate::{
    error::{Error, Result},
    policy::ApprovalFacts,
    viewer::TenantViewer,
};

row! {
    /// An approval request, with the columns that were asked for.
    ApprovalRow of approval_request {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The request."] id: ApprovalRequestId = Id,
        key #[doc = "Where it stands."] status: ApprovalStatus = Status,
        key #[doc = "The agent whose admins decide."] agent_id: AgentId = AgentId,
        key #[doc = "The goal."] goal_id: GoalId = GoalId,
        key #[doc = "The task, for a risky step."] task_id: Option<TaskId> = TaskId,
        key #[doc = "The goal's submitter."] requested_by: Option<UserId> = RequestedBy,
        key #[doc = "How many distinct deciders it takes."] required_approvals: i32 = RequiredApprovals,
        key #[doc = "When it expires undecided."] expires_at: Option<chrono::DateTime<chrono::Utc>> = ExpiresAt,
        lazy #[doc = "What is to be approved."] kind: ApprovalType = Kind,
        lazy #[doc = "When it was asked."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        lazy #[doc = "When it was decided, called off or expired."] decided_at: Option<chrono::DateTime<chrono::Utc>> = DecidedAt,
        sealed #[doc = "The plan, or the risky step."] payload: JsonText = Payload,
        sealed #[doc = "Why approval is asked."] reason: String = Reason,
    }
}

impl OrgRow for ApprovalRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

impl ApprovalRow {
    /// What its routing depends on.
    pub const fn routing(&self) -> Routing {
        Routing {
            org_id: self.org_id,
            agent_id: self.agent_id,
            requested_by: self.requested_by,
            required_approvals: self.required_approvals,
        }
    }
}

row! {
    /// What one person decided.
    DecisionRow of approval_decision {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The decision."] id: ApprovalDecisionId = Id,
        key #[doc = "The request."] request_id: ApprovalRequestId = RequestId,
        key #[doc = "Who decided."] decided_by: UserId = DecidedBy,
        key #[doc = "What."] decision: Decided = Decision,
        key #[doc = "When."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        sealed #[doc = "Why."] comment: String = Comment,
    }
}

impl OrgRow for DecisionRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

/// Which approval requests.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ApprovalFilter {
    /// In one of these states.
    pub status: Option<Vec<ApprovalStatus>>,
    /// Of one of these types.
    pub kind: Option<Vec<ApprovalType>>,
    /// About this agent.
    pub agent_id: Option<AgentId>,
    /// About this goal.
    pub goal_id: Option<GoalId>,
    /// About this task.
    pub task_id: Option<TaskId>,
    /// Of this organisation.
    pub organization_id: Option<OrgId>,
    /// That wait for the viewer's own decision.
    pub awaiting_me: bool,
}

/// What a request's routing depends on: requests alike in this go to the same people.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Routing {
    /// The organisation.
    pub org_id: OrgId,
    /// The agent.
    pub agent_id: AgentId,
    /// Who never decides.
    pub requested_by: Option<UserId>,
    /// How many deciders it takes.
    pub required_approvals: i32,
}

/// The latest first, which are what is looked for.
const LATEST: Sort = Sort { kind: SortKind::Id, descending: true };

fn col(column: approval_request::Column) -> Expr {
    Expr::col((approval_request::Entity, column))
}

impl ApprovalFilter {
    fn list(&self, viewer: Option<&TenantViewer>, columns: Columns<approval_request::Entity>) -> List<ApprovalRow> {
        use approval_request::Column;
        List::new(columns)
            .only(self.organization_id.map(|org_id| col(Column::OrgId).eq(org_id)))
            .only(self.status.as_ref().map(|s| col(Column::Status).is_in(s.iter().map(|state| state.as_str()))))
            .only(self.kind.as_ref().map(|s| col(Column::Kind).is_in(s.iter().map(|kind| kind.as_str()))))
            .only(self.agent_id.map(|id| col(Column::AgentId).eq(id)))
            .only(self.goal_id.map(|id| col(Column::GoalId).eq(id)))
            .only(self.task_id.map(|id| col(Column::TaskId).eq(id)))
            .only(self.awaiting_me.then(|| awaits(viewer)))
            .sorted(LATEST, None)
    }
}

/// What `policy::decide` says of `APPROVAL_DECIDE`, as a condition, for requests that still wait and that the viewer has
/// not decided. An operator and a key decide none.
fn awaits(viewer: Option<&TenantViewer>) -> Expr {
    use approval_request::Column;
    let Some(viewer) = viewer else { return Expr::val(1).eq(0) };
    let me = viewer.account.user_id;
    let mut decided = Query::select();
    decided
        .column(approval_decision::Column::RequestId)
        .from(approval_decision::Entity)
        .and_where(Expr::col(approval_decision::Column::OrgId).eq(viewer.org_id))
        .and_where(Expr::col(approval_decision::Column::DecidedBy).eq(me));
    let mut others = Cond::any().add(col(Column::RequestedBy).is_null()).add(col(Column::RequestedBy).ne(me));
    let mut all = Cond::all()
        .add(col(Column::Status).eq(ApprovalStatus::Pending.as_str()))
        .add(col(Column::Id).not_in_subquery(decided));
    if viewer.is_org_admin() {
        let one_admin = Expr::SubQuery(None, Box::new(admin_count(viewer.org_id).into())).eq(1);
        others = others.add(col(Column::RequiredApprovals).lte(1).and(one_admin));
    } else {
        all = all.add(col(Column::AgentId).in_subquery(agent_admin_ids(viewer)));
    }
    all.add(others).into()
}

fn admin_count(org_id: OrgId) -> SelectStatement {
    let mut count = Query::select();
    count.expr(Func::count(Expr::col(Asterisk))).from(org_membership::Entity).cond_where(admins(Expr::val(org_id)));
    count
}

/// The admins of an organisation, whatever the state of their accounts: that a super-admin suspends one must not make
/// another the only one, who may then decide what they asked for themselves.
fn admins(org_id: Expr) -> Cond {
    use org_membership::{Column, Entity};
    let col = |column| Expr::col((Entity, column));
    Cond::all()
        .add(col(Column::OrgId).eq(org_id))
        .add(col(Column::Status).eq(MembershipStatus::Active.as_str()))
        .add(col(Column::Role).eq(OrgRole::Admin.as_str()))
}

impl Store {
    /// Looks approval requests up by id.
    pub async fn approval_by_ids(
        &self,
        ids: &[ApprovalRequestId],
        columns: Columns<approval_request::Entity>,
    ) -> Result<Vec<ApprovalRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of approval requests, the latest first.
    pub async fn approval_list(
        &self,
        filter: &ApprovalFilter,
        columns: Columns<approval_request::Entity>,
        page: &PageRequest,
    ) -> Result<Page<ApprovalRow>> {
        self.list(filter.list(self.viewer.tenant(), columns), page).await
    }

    /// How many approval requests the list has.
    pub async fn approval_count(&self, filter: &ApprovalFilter) -> Result<i64> {
        self.list_count(filter.list(self.viewer.tenant(), ApprovalRow::keys())).await
    }

    /// The latest approval requests of each goal, a page for each.
    pub async fn approvals_of_goals(
        &self,
        goals: &[(OrgId, GoalId)],
        columns: Columns<approval_request::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<ApprovalRow>>> {
        use approval_request::Column;
        let parents: Vec<_> = goals.iter().map(|(org_id, id)| (org_id.uuid(), id.uuid())).collect();
        let list = List::new(columns).sorted(LATEST, None);
        self.children(&parents, list, page, |parent| {
            vec![col(Column::OrgId).eq(parent.org_id), col(Column::GoalId).eq(parent.id)]
        })
        .await
    }

    /// What was decided about each request, in order. A request has no more decisions than it has deciders.
    pub async fn decisions_of_approvals(
        &self,
        requests: &[ApprovalRequestId],
        columns: Columns<approval_decision::Entity>,
    ) -> Result<Vec<DecisionRow>> {
        use approval_decision::{Column, Entity};
        let scope = self.scope()?;
        let columns = scope.project(columns);
        let mut select = scope.find::<Entity>(columns);
        select
            .and_where(any_of(Expr::col((Entity, Column::RequestId)), &uuids(requests), self.db.backend()))
            .order_by((Entity, Column::Id), sea_orm::Order::Asc);
        self.rows(&select, columns).await
    }

    /// Which of the requests the viewer has decided.
    pub async fn own_decisions(&self, requests: &[ApprovalRequestId]) -> Result<HashMap<ApprovalRequestId, Decided>> {
        use approval_decision::{Column, Entity};
        let Some(me) = self.viewer.user_id() else { return Ok(HashMap::new()) };
        let columns = Columns::of(&[Column::RequestId, Column::Decision]);
        let mut select = self.scope()?.find::<Entity>(columns);
        select
            .and_where(any_of(Expr::col((Entity, Column::RequestId)), &uuids(requests), self.db.backend()))
            .and_where(Expr::col((Entity, Column::DecidedBy)).eq(me));
        let mut decided = HashMap::new();
        for row in self.read().await?.query_all(&select).await? {
            decided.insert(TryGetable::try_get_by_index(&row, 0)?, TryGetable::try_get_by_index(&row, 1)?);
        }
        Ok(decided)
    }

    /// Whether the viewer's organisation has one admin and no other. Asked by its admins only.
    pub async fn has_one_admin(&self) -> Result<bool> {
        let Some(tenant) = self.viewer.tenant() else { return Ok(false) };
        let row = self.read().await?.query_one(&admin_count(tenant.org_id)).await?;
        let row = row.ok_or_else(|| Error::internal("a count without a row"))?;
        Ok(i64::try_get_by_index(&row, 0)? == 1)
    }

    /// A request with the facts that rules need of it, loaded under the viewer's scope; `NOT_FOUND` when it is absent or
    /// hidden.
    pub async fn approval_facts(&self, id: ApprovalRequestId) -> Result<(ApprovalRow, ApprovalFacts)> {
        let row = self.approval_by_ids(&[id], ApprovalRow::keys()).await?.pop().ok_or(Error::NotFound)?;
        let facts = ApprovalFacts {
            org_id: row.org_id,
            id: row.id,
            requested_by: row.requested_by,
            required_approvals: row.required_approvals,
            one_admin: self.has_one_admin().await?,
            agent: self.agent_facts(row.agent_id).await?,
        };
        Ok((row, facts))
    }
}

/// To whom requests go.
impl Store {
    /// To whom each request is routed now: the agent's admins who may sign in; where they are too few for the approvals
    /// that it takes, the organisation's admins, too. Never to the requester, unless it is the organisation's only admin
    /// and one approval is needed.
    pub async fn approvers(&self, routings: &[Routing]) -> Result<HashMap<Routing, Vec<UserId>>> {
        let mut agents: Vec<AgentId> = routings.iter().map(|routing| routing.agent_id).collect();
        agents.sort_unstable();
        agents.dedup();
        let mut orgs: Vec<OrgId> = routings.iter().map(|routing| routing.org_id).collect();
        orgs.sort_unstable();
        orgs.dedup();
        let (appointed, admins) = (self.present_agent_admins(&agents).await?, self.present_admins(&orgs).await?);
        Ok(routings.iter().map(|routing| (*routing, routing.pick(&appointed, &admins))).collect())
    }

    /// The agent admins of each agent who may sign in, per organisation.
    async fn present_agent_admins(&self, agents: &[AgentId]) -> Result<HashMap<(OrgId, AgentId), Vec<UserId>>> {
        use agent_admin::{Column, Entity};
        let mut select = self.scope()?.rows::<Entity>();
        select
            .columns([(Entity, Column::OrgId), (Entity, Column::AgentId), (Entity, Column::UserId)])
            .inner_join(user::Entity, Expr::col((user::Entity, user::Column::Id)).equals((Entity, Column::UserId)))
            .and_where(Expr::col((user::Entity, user::Column::Status)).eq(UserStatus::Active.as_str()))
            .and_where(any_of(Expr::col((Entity, Column::AgentId)), &uuids(agents), self.db.backend()))
            .order_by((Entity, Column::Id), sea_orm::Order::Asc);
        let mut found: HashMap<_, Vec<UserId>> = HashMap::new();
        for row in self.read().await?.query_all(&select).await? {
            let key = (OrgId::try_get_by_index(&row, 0)?, AgentId::try_get_by_index(&row, 1)?);
            found.entry(key).or_default().push(UserId::try_get_by_index(&row, 2)?);
        }
        Ok(found)
    }

    /// The admins of each organisation, with whether they may sign in.
    async fn present_admins(&self, orgs: &[OrgId]) -> Result<HashMap<OrgId, Vec<(UserId, bool)>>> {
        use org_membership::{Column, Entity};
        let mut select = self.scope()?.rows::<Entity>();
        select
            .columns([(Entity, Column::OrgId), (Entity, Column::UserId)])
            .column((user::Entity, user::Column::Status))
            .inner_join(user::Entity, Expr::col((user::Entity, user::Column::Id)).equals((Entity, Column::UserId)))
            .and_where(any_of(Expr::col((Entity, Column::OrgId)), &uuids(orgs), self.db.backend()))
            .and_where(Expr::col((Entity, Column::Status)).eq(MembershipStatus::Active.as_str()))
            .and_where(Expr::col((Entity, Column::Role)).eq(OrgRole::Admin.as_str()))
            .order_by((Entity, Column::Id), sea_orm::Order::Asc);
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for row in self.read().await?.query_all(&select).await? {
            let active = UserStatus::try_get_by_index(&row, 2)? == UserStatus::Active;
            let admin = (UserId::try_get_by_index(&row, 1)?, active);
            found.entry(OrgId::try_get_by_index(&row, 0)?).or_default().push(admin);
        }
        Ok(found)
    }
}

impl Routing {
    fn pick(
        &self,
        appointed: &HashMap<(OrgId, AgentId), Vec<UserId>>,
        admins: &HashMap<OrgId, Vec<(UserId, bool)>>,
    ) -> Vec<UserId> {
        let may = |user: &UserId| Some(*user) != self.requested_by;
        let mut picked: Vec<UserId> = appointed.get(&(self.org_id, self.agent_id)).cloned().unwrap_or_default();
        picked.retain(may);
        if picked.len() < usize::try_from(self.required_approvals).unwrap_or(1) {
            let admins = admins.get(&self.org_id).map(Vec::as_slice).unwrap_or_default();
            let alone = admins.len() == 1 && self.required_approvals <= 1;
            for (admin, active) in admins {
                if *active && (alone || may(admin)) && !picked.contains(admin) {
                    picked.push(*admin);
                }
            }
        }
        picked
    }
}

//! Wall 2: every read starts from a viewer's scope.
//!
//! [`Scope::find`] gives a `SELECT` that already has the organisation, the visibility rule and the column projection in
//! it. The organisation is bound as a value although row-level security says the same: two walls, not one.

use entity::{
    agent, agent_admin, agent_collaborator,
    enums::{AgentVisibility, TeamRole},
    ids::{OrgId, TeamId},
    service_account_agent,
    table::{Classified, TableClass},
};
use sea_orm::sea_query::{Alias, Cond, Condition, Expr, ExprTrait, IntoColumnRef, IntoIden, Query, SelectStatement};

use super::list::row::Columns;
use crate::{
    policy::{
        Permission,
        content::{member_opens, service_account_opens},
        decide::{member_reads, service_account_reads},
        visibility::{self, ApprovalClause, Clause},
    },
    viewer::{AgentAccess, ServiceViewer, TenantViewer, Viewer},
};

/// What one viewer may read.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// A member's organisation, as far as visibility goes.
    Tenant(&'a TenantViewer),
    /// A service account's organisation, as far as its scopes and its agents go.
    Service(&'a ServiceViewer),
    /// Every organisation's metadata.
    Operator,
}

/// A column of a table that this room names by text.
fn column(table: impl IntoIden, name: &'static str) -> Expr {
    Expr::col((table.into_iden(), Alias::new(name)).into_column_ref())
}

/// Whoever sees one organisation's rows.
#[derive(Clone, Copy, Debug)]
pub enum TenantPrincipal<'a> {
    /// A member of it.
    Member(&'a TenantViewer),
    /// One of its service accounts.
    Key(&'a ServiceViewer),
}

impl TenantPrincipal<'_> {
    /// The organisation.
    pub const fn org_id(self) -> OrgId {
        match self {
            Self::Member(tenant) => tenant.org_id,
            Self::Key(key) => key.org_id,
        }
    }

    /// Whether it is an admin of the organisation. A service account never is.
    pub fn is_org_admin(self) -> bool {
        match self {
            Self::Member(tenant) => tenant.is_org_admin(),
            Self::Key(_) => false,
        }
    }
}

/// How a table's rows depend on what somebody inside the organisation may see.
pub trait Visible: Classified {
    /// The row of the permission table by which a service account reads the table at all.
    const READ: Permission;

    /// Whether an operator sees rows of the table at all. The database's role says the same.
    const OPERATORS: bool = true;

    /// The condition beyond the organisation; none where everybody inside sees all rows.
    fn visible_to(principal: TenantPrincipal<'_>) -> Option<Condition>;
}

impl<'a> Scope<'a> {
    /// The scope of a viewer; nobody else has any.
    pub const fn of(viewer: &'a Viewer) -> Option<Self> {
        match viewer {
            Viewer::Tenant(tenant) => Some(Self::Tenant(tenant)),
            Viewer::ServiceAccount(key) => Some(Self::Service(key)),
            Viewer::SuperAdmin(_) => Some(Self::Operator),
            Viewer::Anonymous | Viewer::Unaffiliated(_) => None,
        }
    }

    /// Who sees one organisation's rows; nobody for an operator, who sees all organisations'.
    pub const fn principal(self) -> Option<TenantPrincipal<'a>> {
        match self {
            Self::Tenant(tenant) => Some(TenantPrincipal::Member(tenant)),
            Self::Service(key) => Some(TenantPrincipal::Key(key)),
            Self::Operator => None,
        }
    }

    /// The organisation, for whoever works inside one.
    pub fn org_id(self) -> Option<OrgId> {
        self.principal().map(TenantPrincipal::org_id)
    }

    /// The columns that this viewer's query may select.
    pub fn project<E: Classified>(self, columns: Columns<E>) -> Columns<E> {
        match self {
            Self::Tenant(tenant) if member_opens(tenant, E::AUDIENCE) => columns,
            Self::Service(key) if service_account_opens(key, E::AUDIENCE) => columns,
            Self::Tenant(_) | Self::Service(_) | Self::Operator => columns.metadata(),
        }
    }

    /// A `SELECT` of `columns` from `E`: rows of the viewer's organisation that it may see.
    pub fn find<E: Visible>(self, columns: Columns<E>) -> SelectStatement {
        let mut select = self.rows::<E>();
        for column in self.project(columns).iter() {
            select.column((E::default(), column));
        }
        select
    }

    /// The same without any column: for counting and for `EXISTS`.
    pub fn rows<E: Visible>(self) -> SelectStatement {
        let mut select = Query::select();
        select.from(E::default().table_ref());
        if let Some(principal) = self.principal() {
            if E::TABLE == TableClass::Tenant {
                select.and_where(column(E::default(), "org_id").eq(principal.org_id()));
            }
            if let Some(condition) = visible::<E>(principal) {
                select.cond_where(condition);
            }
        } else if !E::OPERATORS {
            select.cond_where(nothing());
        }
        select
    }
}

/// The condition beyond the organisation. A service account that does not hold the table's row of the permission table
/// sees none of it, by whatever path; nor does a member whose token's scopes do not.
pub fn visible<E: Visible>(principal: TenantPrincipal<'_>) -> Option<Condition> {
    match principal {
        TenantPrincipal::Key(key) if !service_account_reads(key, E::READ) => Some(nothing()),
        TenantPrincipal::Member(tenant) if !member_reads(tenant, E::READ) => Some(nothing()),
        principal => E::visible_to(principal),
    }
}

fn teams(viewer: &TenantViewer) -> impl Iterator<Item = TeamId> + '_ {
    viewer.teams.keys().copied()
}

/// The rule for agents as SQL over the table `agents`. None for who sees all of them.
fn agent_condition(principal: TenantPrincipal<'_>) -> Option<Condition> {
    match principal {
        TenantPrincipal::Member(viewer) => member_agent_condition(viewer),
        TenantPrincipal::Key(key) => named_agents(key, Expr::col((agent::Entity, agent::Column::Id))),
    }
}

/// The agents that a service account was made for; none for one that was made for all. A sub-query, so that the statement
/// has one text however many they are.
fn named_agents(key: &ServiceViewer, agent_id: Expr) -> Option<Condition> {
    use service_account_agent::{Column, Entity};
    match key.agents {
        AgentAccess::All => None,
        AgentAccess::Named(_) => {
            let mut named = Query::select();
            named
                .column(Column::AgentId)
                .from(Entity)
                .and_where(Expr::col(Column::OrgId).eq(key.org_id))
                .and_where(Expr::col(Column::ServiceAccountId).eq(key.id));
            Some(Cond::all().add(agent_id.in_subquery(named)))
        }
    }
}

/// The rule for global agents and what hangs off them: everybody's, but of a service account's those that it was made for.
pub fn visible_through_global_agent(principal: TenantPrincipal<'_>, agent_id: Expr) -> Option<Condition> {
    match principal {
        TenantPrincipal::Member(_) => None,
        TenantPrincipal::Key(key) => named_agents(key, agent_id),
    }
}

/// The rule for members: one condition per clause of [`visibility::AGENT`]. None for whom a clause grants everything.
fn member_agent_condition(viewer: &TenantViewer) -> Option<Condition> {
    use agent::Column as Agent;
    let col = |column: Agent| Expr::col((agent::Entity, column));
    let mut any = Cond::any();
    for clause in visibility::AGENT {
        any = match clause {
            Clause::OrgAdmin if viewer.is_org_admin() => return None,
            Clause::OrgAdmin => any,
            Clause::Global => any.add(col(Agent::Visibility).eq(AgentVisibility::Global.as_str())),
            Clause::Public => any.add(col(Agent::Visibility).eq(AgentVisibility::Public.as_str())),
            Clause::TeamMember if viewer.teams.is_empty() => any,
            Clause::TeamMember => any.add(
                col(Agent::Visibility).eq(AgentVisibility::Team.as_str()).and(col(Agent::TeamId).is_in(teams(viewer))),
            ),
            Clause::Owner => any.add(col(Agent::OwnerId).eq(viewer.account.user_id)),
            Clause::Collaborator => {
                let mut grants = Query::select();
                grants
                    .column(agent_collaborator::Column::AgentId)
                    .from(agent_collaborator::Entity)
                    .and_where(Expr::col(agent_collaborator::Column::OrgId).eq(viewer.org_id))
                    .cond_where(collaborates(viewer));
                any.add(col(Agent::Id).in_subquery(grants))
            }
            Clause::AgentAdmin => any.add(col(Agent::Id).in_subquery(agent_admin_ids(viewer))),
        };
    }
    Some(any)
}

/// The rule for approval requests: of agents that the viewer sees, those that a clause of [`visibility::APPROVAL`] grants.
fn approval_condition(principal: TenantPrincipal<'_>) -> Option<Condition> {
    use entity::approval_request::{Column, Entity};
    let col = |column| Expr::col((Entity, column));
    let viewer = match principal {
        TenantPrincipal::Member(viewer) => viewer,
        TenantPrincipal::Key(_) => return visible_through_agent(principal, col(Column::AgentId)),
    };
    let mut any = Cond::any();
    for clause in visibility::APPROVAL {
        any = match clause {
            ApprovalClause::OrgAdmin if viewer.is_org_admin() => return None,
            ApprovalClause::OrgAdmin => any,
            ApprovalClause::Requester => any.add(col(Column::RequestedBy).eq(viewer.account.user_id)),
            ApprovalClause::TeamAdmin => {
                let led = viewer.teams.iter().filter(|(_, role)| **role == TeamRole::Admin).map(|(team, _)| *team);
                let led: Vec<TeamId> = led.collect();
                if led.is_empty() {
                    continue;
                }
                let mut agents = Query::select();
                agents
                    .column((agent::Entity, agent::Column::Id))
                    .from(agent::Entity)
                    .and_where(Expr::col((agent::Entity, agent::Column::OrgId)).eq(viewer.org_id))
                    .and_where(Expr::col((agent::Entity, agent::Column::Visibility)).eq(AgentVisibility::Team.as_str()))
                    .and_where(Expr::col((agent::Entity, agent::Column::TeamId)).is_in(led));
                any.add(col(Column::AgentId).in_subquery(agents))
            }
            ApprovalClause::AgentAdmin => any.add(col(Column::AgentId).in_subquery(agent_admin_ids(viewer))),
        };
    }
    Some(Cond::all().add_option(visible_through_agent(principal, col(Column::AgentId))).add(any))
}

/// The agents whose approvals the viewer was appointed to decide.
pub fn agent_admin_ids(viewer: &TenantViewer) -> SelectStatement {
    let mut admins = Query::select();
    admins
        .column(agent_admin::Column::AgentId)
        .from(agent_admin::Entity)
        .and_where(Expr::col(agent_admin::Column::OrgId).eq(viewer.org_id))
        .and_where(Expr::col(agent_admin::Column::UserId).eq(viewer.account.user_id));
    admins
}

/// Grants that reach the viewer by name or through a team.
pub fn collaborates(viewer: &TenantViewer) -> Condition {
    let table = agent_collaborator::Entity;
    let mut any = Cond::any().add(Expr::col((table, agent_collaborator::Column::UserId)).eq(viewer.account.user_id));
    if !viewer.teams.is_empty() {
        any = any.add(Expr::col((table, agent_collaborator::Column::TeamId)).is_in(teams(viewer)));
    }
    any
}

/// Rows that hang off an agent are visible where the agent is.
pub fn visible_through_agent(principal: TenantPrincipal<'_>, agent_id: Expr) -> Option<Condition> {
    let viewer = match principal {
        TenantPrincipal::Member(viewer) => viewer,
        TenantPrincipal::Key(key) => return named_agents(key, agent_id),
    };
    let condition = member_agent_condition(viewer)?;
    let mut agents = Query::select();
    agents
        .column((agent::Entity, agent::Column::Id))
        .from(agent::Entity)
        .and_where(Expr::col((agent::Entity, agent::Column::OrgId)).eq(viewer.org_id))
        .cond_where(condition);
    Some(Cond::all().add(agent_id.in_subquery(agents)))
}

macro_rules! visible {
    ($($table:ident by $read:ident: |$principal:ident| $condition:expr;)*) => {
        $(
            impl Visible for entity::$table::Entity {
                const READ: Permission = Permission::$read;

                fn visible_to($principal: TenantPrincipal<'_>) -> Option<Condition> {
                    $condition
                }
            }
        )*
    };
}

/// Users are those who have, or had, a membership of the organisation; leavers stay readable on history.
fn member_users(org_id: OrgId) -> Condition {
    use entity::{org_membership, user};
    let mut members = Query::select();
    members
        .column(org_membership::Column::UserId)
        .from(org_membership::Entity)
        .and_where(Expr::col(org_membership::Column::OrgId).eq(org_id));
    Cond::all().add(Expr::col((user::Entity, user::Column::Id)).in_subquery(members))
}

/// Rows that hang off a task are visible where the task is.
fn of_visible_task(principal: TenantPrincipal<'_>, task_id: Expr) -> Condition {
    use entity::task::{Column, Entity};
    let mut tasks = Query::select();
    tasks
        .column((Entity, Column::Id))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::OrgId)).eq(principal.org_id()));
    if let Some(condition) = visible::<Entity>(principal) {
        tasks.cond_where(condition);
    }
    Cond::all().add(task_id.in_subquery(tasks))
}

visible! {
    agent by AgentRead: |principal| agent_condition(principal);
    global_agent by AgentRead: |principal| {
        use entity::global_agent::{Column, Entity};
        visible_through_global_agent(principal, Expr::col((Entity, Column::Id)))
    };
    global_agent_document by AgentRead: |principal| {
        use entity::global_agent_document::{Column, Entity};
        visible_through_global_agent(principal, Expr::col((Entity, Column::AgentId)))
    };
    agent_collaborator by MemberRead: |principal| {
        visible_through_agent(principal, Expr::col((agent_collaborator::Entity, agent_collaborator::Column::AgentId)))
    };
    agent_admin by MemberRead: |principal| {
        visible_through_agent(principal, Expr::col((agent_admin::Entity, agent_admin::Column::AgentId)))
    };
    agent_document by AgentRead: |principal| {
        use entity::agent_document::{Column, Entity};
        visible_through_agent(principal, Expr::col((Entity, Column::AgentId)))
    };
    goal by GoalRead: |principal| {
        use entity::goal::{Column, Entity};
        visible_through_agent(principal, Expr::col((Entity, Column::AgentId)))
    };
    task by GoalRead: |principal| {
        use entity::task::{Column, Entity};
        visible_through_agent(principal, Expr::col((Entity, Column::AgentId)))
    };
    workspace_file by GoalRead: |principal| {
        use entity::workspace_file::{Column, Entity};
        visible_through_agent(principal, Expr::col((Entity, Column::AgentId)))
    };
    // An edge is read through its goal's tasks, which are under the rule themselves.
    task_dependency by GoalRead: |principal| {
        use entity::task_dependency::{Column, Entity};
        Some(of_visible_task(principal, Expr::col((Entity, Column::TaskId))))
    };
    execution by GoalRead: |principal| {
        use entity::execution::{Column, Entity};
        Some(of_visible_task(principal, Expr::col((Entity, Column::TaskId))))
    };
    approval_request by ApprovalRead: |principal| approval_condition(principal);
    // What was decided is read with the request.
    approval_decision by ApprovalRead: |principal| {
        use entity::approval_request::{Column as Request, Entity as Requests};
        let condition = visible::<Requests>(principal)?;
        let mut requests = Query::select();
        requests
            .column((Requests, Request::Id))
            .from(Requests)
            .and_where(Expr::col((Requests, Request::OrgId)).eq(principal.org_id()))
            .cond_where(condition);
        use entity::approval_decision::{Column, Entity};
        Some(Cond::all().add(Expr::col((Entity, Column::RequestId)).in_subquery(requests)))
    };
    chat_session by ChatRead: |principal| {
        use entity::chat_session::{Column, Entity};
        match principal {
            TenantPrincipal::Member(viewer) if viewer.is_org_admin() => None,
            TenantPrincipal::Member(viewer) => {
                Some(Cond::all().add(Expr::col((Entity, Column::UserId)).eq(viewer.account.user_id)))
            }
            TenantPrincipal::Key(_) => visible_through_agent(principal, Expr::col((Entity, Column::AgentId))),
        }
    };
    // A service account sees itself.
    service_account by AccountManageOwn: |principal| {
        use entity::service_account::{Column, Entity};
        own_account(principal, Expr::col((Entity, Column::Id)))
    };
    service_account_agent by AccountManageOwn: |principal| {
        own_account(principal, Expr::col((service_account_agent::Entity, service_account_agent::Column::ServiceAccountId)))
    };
    worker by WorkerRead: |_seer| None;
    team by MemberRead: |_seer| None;
    team_membership by MemberRead: |_seer| None;
    org_membership by MemberRead: |_seer| None;
    invitation by MemberManage: |principal| (!principal.is_org_admin()).then(nothing);
    organization_issuer by IssuerManage: |principal| (!principal.is_org_admin()).then(nothing);
    event by AuditRead: |principal| (!principal.is_org_admin()).then(nothing);
    organization by OrganizationRead: |principal| {
        use entity::organization::{Column, Entity};
        Some(Cond::all().add(Expr::col((Entity, Column::Id)).eq(principal.org_id())))
    };
    // Usage belongs to the goal's submitter or the chat's user.
    usage_day by UsageRead: |principal| {
        use entity::usage_day::{Column, Entity};
        match principal {
            TenantPrincipal::Member(viewer) if viewer.is_org_admin() => None,
            TenantPrincipal::Member(viewer) => {
                Some(Cond::all().add(Expr::col((Entity, Column::UserId)).eq(viewer.account.user_id)))
            }
            TenantPrincipal::Key(_) => visible_through_agent(principal, Expr::col((Entity, Column::AgentId))),
        }
    };
    budget by OperationsRead: |principal| (!principal.is_org_admin()).then(nothing);
    user by MemberRead: |principal| Some(member_users(principal.org_id()));
}

/// What was said is read with the chat that it was said in. Not by an operator, for whom a chat is its session's row.
impl Visible for entity::chat_message::Entity {
    const READ: Permission = Permission::ChatRead;
    const OPERATORS: bool = false;

    fn visible_to(principal: TenantPrincipal<'_>) -> Option<Condition> {
        use entity::chat_session::{Column as Session, Entity as Sessions};
        let condition = visible::<Sessions>(principal)?;
        let mut sessions = Query::select();
        sessions
            .column((Sessions, Session::Id))
            .from(Sessions)
            .and_where(Expr::col((Sessions, Session::OrgId)).eq(principal.org_id()))
            .cond_where(condition);
        use entity::chat_message::{Column, Entity};
        Some(Cond::all().add(Expr::col((Entity, Column::SessionId)).in_subquery(sessions)))
    }
}

/// Service accounts are the admins' to see, and each sees itself.
fn own_account(principal: TenantPrincipal<'_>, id: Expr) -> Option<Condition> {
    match principal {
        TenantPrincipal::Member(viewer) => (!viewer.is_org_admin()).then(nothing),
        TenantPrincipal::Key(key) => Some(Cond::all().add(id.eq(key.id))),
    }
}

/// No row at all.
fn nothing() -> Condition {
    Cond::all().add(Expr::val(1).eq(0))
}

//! Wall 2: every read starts from a viewer's scope.
//!
//! [`Scope::find`] gives a `SELECT` that already has the organisation, the visibility rule and the column projection in
//! it. The organisation is bound as a value although row-level security says the same: two walls, not one.

use entity::{
    agent, agent_admin, agent_collaborator,
    enums::AgentVisibility,
    ids::{OrgId, TeamId},
    table::{Classified, TableClass},
};
use sea_orm::sea_query::{Alias, Cond, Condition, Expr, ExprTrait, IntoColumnRef, IntoIden, Query, SelectStatement};

use super::row::Columns;
use crate::{
    policy::visibility::{self, Clause},
    viewer::{TenantViewer, Viewer},
};

/// What one viewer may read.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// A member's organisation, as far as visibility goes.
    Tenant(&'a TenantViewer),
    /// Every organisation's metadata.
    Operator,
}

/// A column of a table that this room names by text.
fn column(table: impl IntoIden, name: &'static str) -> Expr {
    Expr::col((table.into_iden(), Alias::new(name)).into_column_ref())
}

/// How a table's rows depend on what a member may see.
pub trait Visible: Classified {
    /// The condition beyond the organisation; none where every member sees all rows.
    fn visible_to(viewer: &TenantViewer) -> Option<Condition>;
}

impl<'a> Scope<'a> {
    /// The scope of a viewer; nobody else has any.
    pub fn of(viewer: &'a Viewer) -> Option<Self> {
        match viewer {
            // Scopes of an external token that leave no reading leave nothing: every write reads first.
            Viewer::Tenant(tenant) if tenant.account.scopes().is_some_and(|scopes| !scopes.contains("read")) => None,
            Viewer::Tenant(tenant) => Some(Self::Tenant(tenant)),
            Viewer::SuperAdmin(_) => Some(Self::Operator),
            Viewer::Anonymous | Viewer::Unaffiliated(_) => None,
        }
    }

    /// The organisation, for a member.
    pub fn org_id(self) -> Option<OrgId> {
        match self {
            Self::Tenant(tenant) => Some(tenant.org_id),
            Self::Operator => None,
        }
    }

    /// The columns that this viewer's query may select.
    pub fn project<E: Classified>(self, columns: Columns<E>) -> Columns<E> {
        match self {
            Self::Tenant(_) => columns,
            Self::Operator => columns.metadata(),
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
        if let Self::Tenant(tenant) = self {
            if E::TABLE == TableClass::Tenant {
                select.and_where(column(E::default(), "org_id").eq(tenant.org_id));
            }
            if let Some(condition) = E::visible_to(tenant) {
                select.cond_where(condition);
            }
        }
        select
    }
}

fn teams(viewer: &TenantViewer) -> impl Iterator<Item = TeamId> + '_ {
    viewer.teams.keys().copied()
}

/// The rule for agents as SQL over the table `agents`: one condition per clause of [`visibility::AGENT`]. None for whom
/// a clause grants everything.
pub fn agent_condition(viewer: &TenantViewer) -> Option<Condition> {
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
            Clause::AgentAdmin => {
                let mut posts = Query::select();
                posts
                    .column(agent_admin::Column::AgentId)
                    .from(agent_admin::Entity)
                    .and_where(Expr::col(agent_admin::Column::OrgId).eq(viewer.org_id))
                    .and_where(Expr::col(agent_admin::Column::UserId).eq(viewer.account.user_id));
                any.add(col(Agent::Id).in_subquery(posts))
            }
        };
    }
    Some(any)
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
pub fn hangs_off_agent(viewer: &TenantViewer, agent_id: Expr) -> Option<Condition> {
    let condition = agent_condition(viewer)?;
    let mut agents = Query::select();
    agents
        .column((agent::Entity, agent::Column::Id))
        .from(agent::Entity)
        .and_where(Expr::col((agent::Entity, agent::Column::OrgId)).eq(viewer.org_id))
        .cond_where(condition);
    Some(Cond::all().add(agent_id.in_subquery(agents)))
}

macro_rules! visible {
    ($($table:ident: |$viewer:ident| $condition:expr;)*) => {
        $(
            impl Visible for entity::$table::Entity {
                fn visible_to($viewer: &TenantViewer) -> Option<Condition> {
                    $condition
                }
            }
        )*
    };
}

/// Users are those who have, or had, a membership of the viewer's organisation; leavers stay readable on history.
fn member_users(viewer: &TenantViewer) -> Condition {
    use entity::{org_membership, user};
    let mut members = Query::select();
    members
        .column(org_membership::Column::UserId)
        .from(org_membership::Entity)
        .and_where(Expr::col(org_membership::Column::OrgId).eq(viewer.org_id));
    Cond::all().add(Expr::col((user::Entity, user::Column::Id)).in_subquery(members))
}

visible! {
    agent: |viewer| agent_condition(viewer);
    global_agent: |_viewer| None;
    global_agent_document: |_viewer| None;
    agent_collaborator: |viewer| {
        hangs_off_agent(viewer, Expr::col((agent_collaborator::Entity, agent_collaborator::Column::AgentId)))
    };
    agent_admin: |viewer| hangs_off_agent(viewer, Expr::col((agent_admin::Entity, agent_admin::Column::AgentId)));
    agent_document: |viewer| {
        use entity::agent_document::{Column, Entity};
        hangs_off_agent(viewer, Expr::col((Entity, Column::AgentId)))
    };
    goal: |viewer| {
        use entity::goal::{Column, Entity};
        hangs_off_agent(viewer, Expr::col((Entity, Column::AgentId)))
    };
    task: |viewer| {
        use entity::task::{Column, Entity};
        hangs_off_agent(viewer, Expr::col((Entity, Column::AgentId)))
    };
    // An edge is read through its goal's tasks, which are under the rule themselves.
    task_dependency: |viewer| {
        let tasks = Scope::Tenant(viewer)
            .rows::<entity::task::Entity>()
            .column((entity::task::Entity, entity::task::Column::Id))
            .to_owned();
        use entity::task_dependency::{Column, Entity};
        Some(Cond::all().add(Expr::col((Entity, Column::TaskId)).in_subquery(tasks)))
    };
    chat_session: |viewer| {
        use entity::chat_session::{Column, Entity};
        (!viewer.is_org_admin())
            .then(|| Cond::all().add(Expr::col((Entity, Column::UserId)).eq(viewer.account.user_id)))
    };
    worker: |_viewer| None;
    team: |_viewer| None;
    team_membership: |_viewer| None;
    org_membership: |_viewer| None;
    invitation: |viewer| (!viewer.is_org_admin()).then(nothing);
    organization_issuer: |viewer| (!viewer.is_org_admin()).then(nothing);
    event: |viewer| (!viewer.is_org_admin()).then(nothing);
    organization: |viewer| {
        use entity::organization::{Column, Entity};
        Some(Cond::all().add(Expr::col((Entity, Column::Id)).eq(viewer.org_id)))
    };
    user: |viewer| Some(member_users(viewer));
}

/// No row at all.
fn nothing() -> Condition {
    Cond::all().add(Expr::val(1).eq(0))
}

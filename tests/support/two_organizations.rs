//! Two organisations alike, with people in every role, and an operator: a fixture for what happens inside organisations.
//!
//! ```ignore
//! on_both! {
//!     async fn a_member_creates_a_private_agent(world) {
//!         let ada = world.tenant(&world.acme, world.acme.ada).await;
//!         service::agent::create(ada.cx().await, private("Scout")).await.unwrap();
//!     }
//! }
//! ```

use std::{collections::BTreeMap, fmt::Debug, ops::Deref};

use entity::{
    enums::{MembershipStatus, OrgRole, TeamRole},
    ids::{OrgId, SessionId, TeamId, TypedId, UserId},
    org_membership, team, team_membership,
};
use palisade::{
    error::{Error, Result},
    service::Context,
    viewer::{Account, TenantViewer, Viewer},
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, QueryResult, Statement, TryGetable as _, Value};

use crate::support::empty_world;

/// Two organisations with the same people and teams, and an operator.
pub struct World {
    base: empty_world::World,
    pub acme: Org,
    pub globex: Org,
    pub operator: UserId,
}

/// Who is who in one of them.
#[derive(Clone, Copy, Debug)]
pub struct Org {
    pub id: OrgId,
    /// An org admin.
    pub admin: UserId,
    /// A member in no team.
    pub ada: UserId,
    /// Another one.
    pub bob: UserId,
    /// Admin of `team`.
    pub lead: UserId,
    /// Member of `team`.
    pub mate: UserId,
    /// Who left.
    pub leaver: UserId,
    /// Whom nobody has confirmed.
    pub pending: UserId,
    pub team: TeamId,
    /// A team of nobody.
    pub empty_team: TeamId,
}

/// Somebody at work.
pub struct As(empty_world::Caller);

impl As {
    /// Their next root field, which sees what was committed meanwhile.
    pub async fn cx(&self) -> Context<'_> {
        self.0.store().end_read().await;
        self.0.cx()
    }
}

impl Deref for World {
    type Target = empty_world::World;

    fn deref(&self) -> &empty_world::World {
        &self.base
    }
}

impl World {
    pub async fn sqlite() -> Self {
        Self::people(empty_world::World::sqlite().await).await
    }

    pub async fn postgres() -> Self {
        Self::people(empty_world::World::postgres().await).await
    }

    async fn people(base: empty_world::World) -> Self {
        let (acme, globex) = (org(&base, "acme").await, org(&base, "globex").await);
        let (operator, _) = base.operator("operator@platform.example").await;
        Self { base, acme, globex, operator }
    }

    /// Somebody with the rights that the database says they have now.
    pub async fn tenant(&self, org: &Org, user_id: UserId) -> As {
        let memberships = org_membership::Entity::find().all(&self.root).await.unwrap();
        let membership = memberships.into_iter().find(|row| (row.org_id, row.user_id) == (org.id, user_id)).unwrap();
        assert_eq!(membership.status, MembershipStatus::Active, "only an active member has a tenant's viewer");
        let teams = team_membership::Entity::find().all(&self.root).await.unwrap();
        let teams = teams.into_iter().filter(|row| (row.org_id, row.user_id) == (org.id, user_id));
        let teams = teams.map(|row| (row.team_id, row.role)).collect::<BTreeMap<_, _>>();
        let account = Account::signed_in(user_id, SessionId::from_uuid(user_id.uuid()));
        self.viewer(Viewer::Tenant(TenantViewer { account, org_id: org.id, org_role: membership.role, teams }))
    }

    /// The operator.
    pub fn operator(&self) -> As {
        let user_id = self.operator;
        self.viewer(Viewer::SuperAdmin(Account::signed_in(user_id, SessionId::from_uuid(user_id.uuid()))))
    }

    pub fn viewer(&self, viewer: Viewer) -> As {
        As(self.base.caller(viewer))
    }

    /// The same person by another request.
    pub fn again(&self, who: &As) -> As {
        self.viewer(Viewer::clone(&who.0.viewer))
    }

    /// An id that was never issued.
    pub fn absent<I: TypedId>(&self) -> I {
        self.clock.id()
    }

    pub async fn sql(&self, sql: &str, values: impl IntoIterator<Item = Value>) {
        let statement = Statement::from_sql_and_values(self.root.get_database_backend(), sql, values);
        self.root.execute_raw(statement).await.unwrap();
    }

    pub async fn row(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> QueryResult {
        self.rows(sql, values).await.into_iter().next().expect("a row")
    }

    pub async fn count(&self, from: &str, values: impl IntoIterator<Item = Value>) -> i64 {
        i64::try_get_by_index(&self.row(&format!("SELECT count(*) FROM {from}"), values).await, 0).unwrap()
    }

    /// Kinds of the organisation's events after the first `seen`, in order.
    pub async fn events(&self, org: OrgId, seen: usize) -> Vec<String> {
        self.log(org).await.split_off(seen)
    }

    /// Everything that is stored in the tables of teams, agents and goals: to see that nothing changed.
    pub async fn dump(&self) -> String {
        let mut dump = String::new();
        macro_rules! tables {
            ($($table:ident)*) => {
                $(
                    let rows = entity::$table::Entity::find().all(&self.root).await.unwrap();
                    let mut rows: Vec<_> = rows.iter().map(|row| format!("{row:?}\n")).collect();
                    rows.sort_unstable();
                    dump.extend(rows);
                )*
            };
        }
        tables!(team team_membership agent agent_collaborator agent_admin agent_document);
        tables!(global_agent global_agent_document goal task approval_request approval_decision);
        tables!(event platform_event llm_usage usage_day budget task_dependency);
        tables!(execution worker workspace_file workspace_usage chat_session chat_message);
        dump
    }
}

async fn org(world: &empty_world::World, name: &str) -> Org {
    let id = world.org(name).await;
    let (admin, member) = (OrgRole::Admin, OrgRole::Member);
    let (active, left, pending) = (MembershipStatus::Active, MembershipStatus::Left, MembershipStatus::Pending);
    let person = async |who: &str, role, status| {
        let user_id = world.user(&format!("{who}@{name}.example")).await;
        world.membership(id, user_id, role, status).await;
        user_id
    };
    let (lead, mate) = (person("lead", member, active).await, person("mate", member, active).await);
    Org {
        id,
        admin: person("admin", admin, active).await,
        ada: person("ada", member, active).await,
        bob: person("bob", member, active).await,
        lead,
        mate,
        leaver: person("leaver", member, left).await,
        pending: person("pending", member, pending).await,
        team: team(world, id, "research", &[(lead, TeamRole::Admin), (mate, TeamRole::Member)]).await,
        empty_team: team(world, id, "sales", &[]).await,
    }
}

async fn team(world: &empty_world::World, org_id: OrgId, name: &str, members: &[(UserId, TeamRole)]) -> TeamId {
    let (id, now) = (world.clock.id(), world.clock.now());
    let row = team::ActiveModel {
        org_id: Set(org_id),
        id: Set(id),
        name: Set(name.to_owned()),
        name_folded: Set(name.to_owned()),
        slug: Set(name.to_owned()),
        description: Set(String::new()),
        created_at: Set(now),
        updated_at: Set(now),
    };
    team::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
    for (user_id, role) in members {
        let row = team_membership::ActiveModel {
            org_id: Set(org_id),
            id: Set(world.clock.id()),
            team_id: Set(id),
            user_id: Set(*user_id),
            role: Set(*role),
            created_at: Set(now),
        };
        team_membership::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
    }
    id
}

/// What a client reads of a refusal: two that look alike are the same text.
pub fn told<T: Debug>(result: Result<T>) -> String {
    let error = async_graphql::Error::from(result.expect_err("a refusal"));
    format!("{}: {:?}", error.message, error.extensions)
}

macro_rules! refusals {
    ($($name:ident: $pattern:pat,)*) => {
        $(
            #[track_caller]
            pub fn $name<T: Debug>(result: Result<T>) {
                assert!(matches!(&result, Err($pattern)), "{result:?}");
            }
        )*
    };
}

refusals! {
    not_found: Error::NotFound,
    forbidden: Error::Forbidden(_),
    conflict: Error::Conflict(_),
}

#[track_caller]
pub fn invalid<T: Debug>(result: Result<T>, at: &str) {
    assert!(matches!(&result, Err(Error::Validation { field, .. }) if field == at), "{result:?}");
}

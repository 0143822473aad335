//! Two organisations alike on a migrated database of either kind, and what the tests do as whom.
//!
//! ```ignore
//! on_both! {
//!     async fn a_member_creates_a_private_agent(world) {
//!         let ada = world.acme.member().await;
//!         service::agent::create(ada.cx().await, private("Scout")).await.unwrap();
//!     }
//! }
//! ```

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::Confidential,
    enums::{MembershipStatus, OrgRole, OrganizationStatus, TeamRole, UserStatus},
    ids::{OrgId, SessionId, TeamId, TypedId, UserId},
    org_membership, organization, team, team_membership, user,
};
use migration::{Command, Options};
use palisade::{
    clock::Clock,
    error::{Error, Result},
    service::Context,
    store::{
        Store,
        db::{Database, PoolLimits},
    },
    viewer::{Account, TenantViewer, Viewer},
};
use sea_orm::{
    ActiveValue::Set, ConnectOptions, ConnectionTrait, DatabaseConnection, EntityTrait, QueryResult, Statement, Value,
};
use tokio::sync::OnceCell;

use crate::support::postgres;

/// Runs each test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            mod $name {
                use super::*;

                async fn run($world: &World) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    Box::pin(run(&World::sqlite().await)).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgres() {
                    Box::pin(run(&World::postgres().await)).await;
                }
            }
        )*
    };
}
pub(crate) use on_both;

/// Two organisations with the same people and teams, and an operator.
pub struct World {
    pub db: Database,
    pub clock: Clock,
    /// Sees and may do everything: for setting the scene and for looking behind it.
    pub root: DatabaseConnection,
    pub acme: Org,
    pub globex: Org,
    pub operator: UserId,
    _kind: Kind,
}

/// Who is who in one of them.
#[derive(Clone, Copy, Debug)]
pub struct Org {
    pub id: OrgId,
    /// An org admin.
    pub admin: UserId,
    /// Another one.
    pub deputy: UserId,
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

enum Kind {
    Sqlite(#[expect(dead_code, reason = "keeps the file")] tempfile::TempDir),
    Postgres(#[expect(dead_code, reason = "keeps the database")] postgres::Database),
}

/// A viewer at work: one request.
pub struct As {
    store: Store,
    viewer: Arc<Viewer>,
    clock: Clock,
}

impl As {
    /// Its next root field, which sees what was committed meanwhile.
    pub async fn cx(&self) -> Context<'_> {
        self.store.end_read().await;
        Context { viewer: &self.viewer, store: &self.store, clock: &self.clock }
    }
}

async fn connect(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(2).sqlx_logging(false);
    sea_orm::Database::connect(options).await.unwrap()
}

async fn migrate(url: String) {
    let root = connect(url).await;
    migration::run(&root, Command::Up, &Options::default()).await.unwrap();
    root.close().await.unwrap();
}

impl World {
    pub async fn sqlite() -> Self {
        static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("palisade.db");
        let template = TEMPLATE
            .get_or_init(|| async {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("template.db");
                migrate(format!("sqlite:{}?mode=rwc", path.display())).await;
                std::fs::read(path).unwrap()
            })
            .await;
        std::fs::write(&path, template).unwrap();
        Self::new(format!("sqlite:{}?mode=rwc", path.display()), Kind::Sqlite(folder)).await
    }

    pub async fn postgres() -> Self {
        let cluster = postgres::cluster().await;
        let build = async |url: String| {
            migrate(url).await;
            Ok::<_, std::convert::Infallible>(())
        };
        let template = cluster.template("service", build).await;
        let database = cluster.create_database(Some(&template)).await;
        Self::new(database.url("postgres"), Kind::Postgres(database)).await
    }

    async fn new(url: String, kind: Kind) -> Self {
        let limits = PoolLimits { max_connections: 8, acquire_timeout: Duration::from_secs(30) };
        let db = Database::open(&url, limits).unwrap();
        let root = connect(url).await;
        let start = "2026-11-02T10:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let clock = Clock::fixed(start, TimeDelta::seconds(1));
        let scene = Scene { root: &root, clock: &clock };
        let (acme, globex) = (scene.org("acme").await, scene.org("globex").await);
        let operator = scene.user("operator@platform.example", true).await;
        Self { db, clock, acme, globex, operator, root, _kind: kind }
    }

    /// Somebody's next request: their rights are what the database says now.
    pub async fn tenant(&self, org: &Org, user_id: UserId) -> As {
        let membership = org_membership::Entity::find().all(&self.root).await.unwrap();
        let membership = membership.into_iter().find(|row| (row.org_id, row.user_id) == (org.id, user_id)).unwrap();
        assert_eq!(membership.status, MembershipStatus::Active, "only an active member has a tenant's viewer");
        let teams = team_membership::Entity::find().all(&self.root).await.unwrap();
        let teams = teams.into_iter().filter(|row| (row.org_id, row.user_id) == (org.id, user_id));
        let teams = teams.map(|row| (row.team_id, row.role)).collect::<BTreeMap<_, _>>();
        let account = Account { user_id, session_id: SessionId::from_uuid(user_id.uuid()) };
        self.viewer(Viewer::Tenant(TenantViewer { account, org_id: org.id, org_role: membership.role, teams }))
    }

    /// The operator's next request.
    pub fn operator(&self) -> As {
        let user_id = self.operator;
        self.viewer(Viewer::SuperAdmin(Account { user_id, session_id: SessionId::from_uuid(user_id.uuid()) }))
    }

    pub fn viewer(&self, viewer: Viewer) -> As {
        let viewer = Arc::new(viewer);
        As { store: Store::new(self.db.clone(), Arc::clone(&viewer)), viewer, clock: self.clock.clone() }
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
        let statement = Statement::from_sql_and_values(self.root.get_database_backend(), sql, values);
        self.root.query_one_raw(statement).await.unwrap().expect("a row")
    }

    pub async fn count(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> i64 {
        self.row(&format!("SELECT count(*) FROM {sql}"), values).await.try_get_by_index(0).unwrap()
    }

    /// Kinds of the organisation's events after the first `seen`, in order.
    pub async fn events(&self, org: OrgId, seen: usize) -> Vec<String> {
        let sql = "SELECT type FROM events WHERE org_id = $1 ORDER BY sequence";
        let statement = Statement::from_sql_and_values(self.root.get_database_backend(), sql, [org.into()]);
        let rows = self.root.query_all_raw(statement).await.unwrap();
        rows.iter().skip(seen).map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// Everything that is stored in the tables of services, as text: to see that nothing changed.
    pub async fn dump(&self) -> String {
        let mut dump = String::new();
        macro_rules! tables {
            ($($table:ident)*) => {
                $(
                    let mut rows: Vec<_> = entity::$table::Entity::find()
                        .all(&self.root)
                        .await
                        .unwrap()
                        .iter()
                        .map(|row| format!("{row:?}\n"))
                        .collect();
                    rows.sort_unstable();
                    dump.extend(rows);
                )*
            };
        }
        tables!(team team_membership agent agent_collaborator agent_admin agent_document global_agent global_agent_document goal task approval_request event platform_event);
        dump
    }
}

struct Scene<'a> {
    root: &'a DatabaseConnection,
    clock: &'a Clock,
}

impl Scene<'_> {
    async fn org(&self, name: &str) -> Org {
        let id: OrgId = self.clock.id();
        let row = organization::ActiveModel {
            id: Set(id),
            name: Set(name.to_owned()),
            name_folded: Set(name.to_owned()),
            slug: Set(name.to_owned()),
            status: Set(OrganizationStatus::Active),
            config: Set(Confidential::withheld()),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
        };
        organization::Entity::insert(row).exec_without_returning(self.root).await.unwrap();
        let (admin, member) = (OrgRole::Admin, OrgRole::Member);
        let (active, left, pending) = (MembershipStatus::Active, MembershipStatus::Left, MembershipStatus::Pending);
        let person = async |who: &str, role, status| {
            let user_id = self.user(&format!("{who}@{name}.example"), false).await;
            self.membership(id, user_id, role, status).await;
            user_id
        };
        let (lead, mate) = (person("lead", member, active).await, person("mate", member, active).await);
        Org {
            id,
            admin: person("admin", admin, active).await,
            deputy: person("deputy", admin, active).await,
            ada: person("ada", member, active).await,
            bob: person("bob", member, active).await,
            lead,
            mate,
            leaver: person("leaver", member, left).await,
            pending: person("pending", member, pending).await,
            team: self.team(id, "research", &[(lead, TeamRole::Admin), (mate, TeamRole::Member)]).await,
            empty_team: self.team(id, "sales", &[]).await,
        }
    }

    async fn user(&self, email: &str, is_super_admin: bool) -> UserId {
        let id = self.clock.id();
        let row = user::ActiveModel {
            id: Set(id),
            email: Set(email.to_owned()),
            name: Set(email.to_owned()),
            name_folded: Set(email.to_owned()),
            status: Set(UserStatus::Active),
            is_super_admin: Set(is_super_admin),
            password_hash: Set(None),
            last_login_at: Set(None),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
        };
        user::Entity::insert(row).exec_without_returning(self.root).await.unwrap();
        id
    }

    async fn membership(&self, org_id: OrgId, user_id: UserId, role: OrgRole, status: MembershipStatus) {
        let row = org_membership::ActiveModel {
            org_id: Set(org_id),
            id: Set(self.clock.id()),
            user_id: Set(user_id),
            role: Set(role),
            status: Set(status),
            pending_role: Set(None),
            requested_by: Set(None),
            last_used_at: Set(None),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
        };
        org_membership::Entity::insert(row).exec_without_returning(self.root).await.unwrap();
    }

    async fn team(&self, org_id: OrgId, name: &str, members: &[(UserId, TeamRole)]) -> TeamId {
        let id = self.clock.id();
        let row = team::ActiveModel {
            org_id: Set(org_id),
            id: Set(id),
            name: Set(name.to_owned()),
            name_folded: Set(name.to_owned()),
            slug: Set(name.to_owned()),
            description: Set(String::new()),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
        };
        team::Entity::insert(row).exec_without_returning(self.root).await.unwrap();
        for (user_id, role) in members {
            let row = team_membership::ActiveModel {
                org_id: Set(org_id),
                id: Set(self.clock.id()),
                team_id: Set(id),
                user_id: Set(*user_id),
                role: Set(*role),
                created_at: Set(self.clock.now()),
            };
            team_membership::Entity::insert(row).exec_without_returning(self.root).await.unwrap();
        }
        id
    }
}

/// What a client reads of a refusal: two that look alike are the same text.
pub fn told<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = async_graphql::Error::from(result.expect_err("a refusal"));
    format!("{}: {:?}", error.message, error.extensions)
}

macro_rules! refusals {
    ($($name:ident: $pattern:pat,)*) => {
        $(
            #[track_caller]
            pub fn $name<T: std::fmt::Debug>(result: Result<T>) {
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
pub fn invalid<T: std::fmt::Debug>(result: Result<T>, at: &str) {
    assert!(matches!(&result, Err(Error::Validation { field, .. }) if *field == at), "{result:?}");
}

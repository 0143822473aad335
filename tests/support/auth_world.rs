//! A migrated database of either kind, a clock that tests move, and sign-in on top.

use std::{sync::OnceLock, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::{Confidential, Secret},
    enums::{InvitationStatus, MembershipStatus, OrgRole, OrganizationStatus, TeamRole, UserStatus},
    ids::{EventId, OrgId, TeamId, UserId},
    invitation, org_membership, organization, team, team_membership, user,
};
use migration::{Command, Options};
use palisade::{
    auth::{Passwords, ServerSecret, opaque},
    clock::Clock,
    error::{Error, Result},
    service::auth::{
        Identity, IdentitySettings,
        sessions::{Login, SessionTokens},
    },
    store::db::{Database, PoolLimits},
    viewer::Viewer,
};
use sea_orm::{ActiveValue::Set, ConnectOptions, ConnectionTrait, DatabaseConnection, EntityTrait, Statement};
use tokio::sync::OnceCell;

use crate::support::postgres;

pub const PASSWORD: &str = "correct horse";
pub const URL: &str = "https://palisade.example";

/// Runs each test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            mod $name {
                use super::*;

                async fn run($world: World) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn on_sqlite() {
                    run(World::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn on_postgres() {
                    run(World::postgres().await).await;
                }
            }
        )*
    };
}
pub(crate) use on_both;

pub struct World {
    pub db: Database,
    pub clock: Clock,
    pub identity: Identity,
    /// Sees and may do everything: for setting the scene and for looking behind it.
    pub root: DatabaseConnection,
    _kind: Kind,
}

enum Kind {
    Sqlite(#[expect(dead_code, reason = "keeps the file")] tempfile::TempDir),
    Postgres(#[expect(dead_code, reason = "keeps the database")] Box<postgres::Database>),
}

async fn connect(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(2).sqlx_logging(false);
    sea_orm::Database::connect(options).await.unwrap()
}

impl World {
    pub async fn sqlite() -> Self {
        static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("palisade.db");
        let url = format!("sqlite:{}?mode=rwc", path.display());
        let template = TEMPLATE
            .get_or_init(|| async {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("template.db");
                let root = connect(format!("sqlite:{}?mode=rwc", path.display())).await;
                migration::run(&root, Command::Up, &Options::default()).await.unwrap();
                root.close().await.unwrap();
                std::fs::read(path).unwrap()
            })
            .await;
        std::fs::write(&path, template).unwrap();
        Self::new(connect(url.clone()).await, &url, Kind::Sqlite(folder))
    }

    pub async fn postgres() -> Self {
        let cluster = postgres::cluster().await;
        let template = cluster
            .template("identity", async |url: String| {
                let root = connect(url).await;
                migration::run(&root, Command::Up, &Options::default()).await.unwrap();
                root.close().await.unwrap();
                Ok::<_, std::convert::Infallible>(())
            })
            .await;
        let database = cluster.create_database(Some(&template)).await;
        let url = database.url("postgres");
        Self::new(connect(url.clone()).await, &url, Kind::Postgres(Box::new(database)))
    }

    fn new(root: DatabaseConnection, url: &str, kind: Kind) -> Self {
        let limits = PoolLimits { max_connections: 6, acquire_timeout: Duration::from_secs(30) };
        let db = Database::open(url, limits).unwrap();
        let start = "2026-11-02T10:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let clock = Clock::fixed(start, TimeDelta::seconds(1));
        let identity = identity(&db, &clock, [7; 32]);
        Self { db, clock, identity, root, _kind: kind }
    }

    /// Sign-in as another process would run it, over the same database.
    pub fn another(&self) -> Identity {
        self.with_secret([7; 32])
    }

    pub fn with_secret(&self, secret: [u8; 32]) -> Identity {
        identity(&self.db, &self.clock, secret)
    }

    /// As [`World::another`], with a clock of its own.
    pub fn with_clock(&self, clock: &Clock) -> Identity {
        identity(&self.db, clock, [7; 32])
    }

    /// Lets time pass, about so much.
    pub fn pass(&self, time: TimeDelta) {
        for _ in 0..time.num_seconds() {
            self.clock.id::<EventId>();
        }
    }

    pub async fn sql(&self, sql: impl Into<String>) {
        self.root.execute_unprepared(&sql.into()).await.unwrap();
    }

    /// Sets columns of the row of that id.
    pub async fn set(&self, table: &str, id: impl Into<sea_orm::Value>, set: &str) {
        self.set_where(table, "id", id, set).await;
    }

    /// Sets columns of the rows with that key.
    pub async fn set_where(&self, table: &str, key: &str, id: impl Into<sea_orm::Value>, set: &str) {
        let backend = self.root.get_database_backend();
        let sql = format!("UPDATE {table} SET {set} WHERE {key} = $1");
        let done = self.root.execute_raw(Statement::from_sql_and_values(backend, sql, [id.into()])).await.unwrap();
        assert!(done.rows_affected() > 0, "{table} has no such row");
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.root.get_database_backend(), sql);
        let row = self.root.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index::<i64>(0).or_else(|_| row.try_get_by_index::<i32>(0).map(i64::from)).unwrap()
    }

    pub async fn text(&self, sql: &str) -> String {
        let statement = Statement::from_string(self.root.get_database_backend(), sql);
        self.root.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    pub async fn org(&self, name: &str) -> OrgId {
        let id = self.clock.id();
        let row = organization::ActiveModel {
            id: Set(id),
            name: Set(name.to_owned()),
            name_folded: Set(name.to_lowercase()),
            slug: Set(name.to_lowercase()),
            status: Set(OrganizationStatus::Active),
            config: Set(Confidential::withheld()),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
        };
        organization::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
        id
    }

    pub async fn user(&self, email: &str) -> UserId {
        self.account(email, false, Some(hash().await)).await
    }

    pub async fn operator(&self, email: &str) -> UserId {
        self.account(email, true, Some(hash().await)).await
    }

    pub async fn account(&self, email: &str, is_super_admin: bool, password_hash: Option<Secret>) -> UserId {
        let id = self.clock.id();
        let row = user::ActiveModel {
            id: Set(id),
            email: Set(email.to_owned()),
            name: Set("Somebody".to_owned()),
            name_folded: Set("somebody".to_owned()),
            status: Set(UserStatus::Active),
            is_super_admin: Set(is_super_admin),
            password_hash: Set(password_hash),
            last_login_at: Set(None),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
        };
        user::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
        id
    }

    pub async fn member(&self, org: OrgId, user: UserId, role: OrgRole) {
        self.membership(org, user, role, MembershipStatus::Active).await;
    }

    pub async fn membership(&self, org: OrgId, user: UserId, role: OrgRole, status: MembershipStatus) {
        let row = org_membership::ActiveModel {
            org_id: Set(org),
            id: Set(self.clock.id()),
            user_id: Set(user),
            role: Set(role),
            status: Set(status),
            pending_role: Set(None),
            requested_by: Set(None),
            request_id: Set(None),
            requested_at: Set(None),
            last_used_at: Set(None),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
        };
        org_membership::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
    }

    pub async fn membership_of(&self, org: OrgId, user: UserId) -> Option<org_membership::Model> {
        let all = org_membership::Entity::find().all(&self.root).await.unwrap();
        all.into_iter().find(|row| row.org_id == org && row.user_id == user)
    }

    pub async fn team(&self, org: OrgId, name: &str, members: &[(UserId, TeamRole)]) -> TeamId {
        let id = self.clock.id();
        let row = team::ActiveModel {
            org_id: Set(org),
            id: Set(id),
            name: Set(name.to_owned()),
            name_folded: Set(name.to_owned()),
            slug: Set(name.to_owned()),
            description: Set(String::new()),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
        };
        team::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
        for (user, role) in members {
            let row = team_membership::ActiveModel {
                org_id: Set(org),
                id: Set(self.clock.id()),
                team_id: Set(id),
                user_id: Set(*user),
                role: Set(*role),
                created_at: Set(self.clock.now()),
            };
            team_membership::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
        }
        id
    }

    /// An invitation's token.
    pub async fn invite(
        &self,
        org: OrgId,
        email: &str,
        role: OrgRole,
        by: Option<UserId>,
        first_admin: bool,
    ) -> String {
        let fresh = opaque::invitation_token(org);
        let row = invitation::ActiveModel {
            org_id: Set(org),
            id: Set(self.clock.id()),
            email: Set(email.to_owned()),
            role: Set(role),
            status: Set(InvitationStatus::Pending),
            first_admin: Set(first_admin),
            token_hash: Set(Secret::new(fresh.hash)),
            invited_by: Set(by),
            expires_at: Set(self.clock.now() + TimeDelta::days(7)),
            created_at: Set(self.clock.now()),
            accepted_at: Set(None),
        };
        invitation::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
        fresh.text
    }

    /// A member of a new organisation, who administers it.
    pub async fn admin_of(&self, org: &str, email: &str) -> (OrgId, UserId) {
        let (org, user) = (self.org(org).await, self.user(email).await);
        self.member(org, user, OrgRole::Admin).await;
        (org, user)
    }

    pub async fn login(&self, email: &str) -> SessionTokens {
        self.identity.login(login(email, PASSWORD)).await.unwrap()
    }

    pub async fn viewer(&self, token: &str) -> Result<Viewer> {
        let header = format!("Bearer {token}");
        self.identity.authenticate([header.as_bytes()]).await
    }

    /// The token is refused, and not taken for nobody's.
    pub async fn refuses(&self, token: &str) {
        unauthenticated(self.viewer(token).await);
    }
}

fn identity(db: &Database, clock: &Clock, secret: [u8; 32]) -> Identity {
    Identity::new(db.clone(), clock.clone(), ServerSecret::new(secret), IdentitySettings::new(URL))
}

/// One hash of [`PASSWORD`] for all tests: each takes 40 ms.
pub async fn hash() -> Secret {
    static HASH: OnceLock<String> = OnceLock::new();
    if let Some(hash) = HASH.get() {
        return Secret::new(hash.clone());
    }
    let hash = Passwords::new(1).hash(PASSWORD.into()).await.unwrap();
    Secret::new(HASH.get_or_init(|| hash.expose().to_owned()).clone())
}

pub fn login(email: &str, password: &str) -> Login {
    Login { email: email.to_owned(), password: password.into(), organization_id: None, client: None }
}

#[track_caller]
pub fn unauthenticated<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::Unauthenticated)), "{result:?}");
}

#[track_caller]
pub fn invalid<T: std::fmt::Debug>(result: Result<T>, at: &str) {
    assert!(matches!(&result, Err(Error::Validation { field, .. }) if *field == at), "{result:?}");
}

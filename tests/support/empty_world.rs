//! A migrated database of either kind, people in it, and use cases as whoever one likes.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::{JsonText, Secret},
    enums::{MembershipStatus, OrgRole, OrganizationStatus, ServiceScope, UserStatus},
    ids::{AgentId, EventId, OrgId, ServiceAccountId, SessionId, UserId},
    org_membership, organization, service_account, service_account_agent, session, user,
};
use migration::{Command, Options};
use palisade::{
    auth::ServerSecret,
    clock::Clock,
    error::{Error, Result},
    service::{
        Context,
        auth::{Identity, IdentitySettings},
        mail::{MailFolder, Outbox, OutboxSettings, Sender},
    },
    status::{ApprovalWaits, ChatRules, TaskRules},
    store::{
        Store,
        db::{Database, PoolLimits},
    },
    viewer::{Account, AgentAccess, ServiceViewer, TenantViewer, Viewer},
};
use sea_orm::{
    ActiveValue::Set, ConnectOptions, ConnectionTrait, DatabaseConnection, EntityTrait, QueryResult, Statement,
    TryGetable, Value,
};
use tokio::sync::OnceCell;

use crate::support::postgres;

pub const URL: &str = "https://palisade.example";

/// Runs each test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            mod $name {
                use super::*;

                async fn run($world: World) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    run(World::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
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
    /// Sees and may do everything: for setting the scene and for looking behind it.
    pub root: DatabaseConnection,
    _kind: Kind,
}

enum Kind {
    Sqlite(#[expect(dead_code, reason = "keeps the file")] tempfile::TempDir),
    Postgres(#[expect(dead_code, reason = "keeps the database")] Box<postgres::Database>),
}

/// Somebody, with their access to the database.
#[derive(Clone)]
pub struct Caller {
    pub viewer: Arc<Viewer>,
    store: Arc<Store>,
    clock: Clock,
    waits: ApprovalWaits,
    chats: ChatRules,
    tasks: TaskRules,
    identity: Identity,
}

impl Caller {
    pub fn cx(&self) -> Context<'_> {
        Context {
            viewer: &self.viewer,
            store: &self.store,
            clock: &self.clock,
            tasks: &self.tasks,
            waits: &self.waits,
            chats: &self.chats,
            throttle: self.identity.throttle(),
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
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
        let template = TEMPLATE
            .get_or_init(|| async {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("template.db");
                migrate(format!("sqlite:{}?mode=rwc", path.display())).await;
                std::fs::read(path).unwrap()
            })
            .await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("palisade.db");
        std::fs::write(&path, template).unwrap();
        Self::new(&format!("sqlite:{}?mode=rwc", path.display()), Kind::Sqlite(folder)).await
    }

    pub async fn postgres() -> Self {
        let cluster = postgres::cluster().await;
        let build = async |url| {
            migrate(url).await;
            Ok::<_, std::convert::Infallible>(())
        };
        let database = cluster.create_database(Some(&cluster.template("service", build).await)).await;
        Self::new(&database.url("postgres"), Kind::Postgres(Box::new(database))).await
    }

    async fn new(url: &str, kind: Kind) -> Self {
        // As many as the largest crowd of a test; they are opened when needed.
        let limits = PoolLimits { max_connections: 50, acquire_timeout: Duration::from_secs(30) };
        let db = Database::open(url, limits).unwrap();
        let start = "2026-11-02T10:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let clock = Clock::fixed(start, TimeDelta::seconds(1));
        Self { db, clock, root: connect(url.to_owned()).await, _kind: kind }
    }

    /// Sign-in over the same database.
    pub fn identity(&self) -> Identity {
        Identity::new(self.db.clone(), self.clock.clone(), ServerSecret::new([7; 32]), IdentitySettings::new(URL))
    }

    pub fn caller(&self, viewer: Viewer) -> Caller {
        let viewer = Arc::new(viewer);
        let store = Arc::new(Store::new(self.db.clone(), viewer.clone()));
        let (tasks, waits) = (TaskRules::default(), ApprovalWaits::default());
        let chats = ChatRules::default();
        Caller { viewer, store, clock: self.clock.clone(), tasks, waits, chats, identity: self.identity() }
    }

    fn account(&self, user_id: UserId) -> Account {
        Account::signed_in(user_id, self.clock.id())
    }

    pub fn nobody(&self) -> Caller {
        self.caller(Viewer::Anonymous)
    }

    pub fn unaffiliated(&self, user: UserId) -> Caller {
        self.caller(Viewer::Unaffiliated(self.account(user)))
    }

    pub fn member_of(&self, org_id: OrgId, user: UserId, org_role: OrgRole) -> Caller {
        let account = self.account(user);
        self.caller(Viewer::Tenant(TenantViewer { account, org_id, org_role, teams: BTreeMap::new() }))
    }

    /// A new super-admin.
    pub async fn operator(&self, email: &str) -> (UserId, Caller) {
        let user = self.user(email).await;
        self.set("users", user, "is_super_admin = true").await;
        (user, self.caller(Viewer::SuperAdmin(self.account(user))))
    }

    /// A new service account that `maker` made, for these agents or, without any named, for all.
    pub async fn service_account(
        &self,
        org_id: OrgId,
        maker: UserId,
        scopes: &[ServiceScope],
        agents: Option<&[AgentId]>,
    ) -> Caller {
        let id: ServiceAccountId = self.clock.id();
        let words: Vec<String> = scopes.iter().map(|scope| format!("\"{}\"", scope.as_str())).collect();
        let row = service_account::ActiveModel {
            org_id: Set(org_id),
            id: Set(id),
            name: Set("A worker".to_owned()),
            scopes: Set(JsonText::new(format!("[{}]", words.join(",")))),
            all_agents: Set(agents.is_none()),
            created_by: Set(maker),
            key_hash: Set(Secret::new(id.to_string())),
            created_at: Set(self.clock.now()),
            ..Default::default()
        };
        service_account::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
        for agent in agents.into_iter().flatten() {
            let row = service_account_agent::ActiveModel {
                org_id: Set(org_id),
                id: Set(self.clock.id()),
                service_account_id: Set(id),
                agent_id: Set(*agent),
            };
            service_account_agent::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
        }
        let agents = agents.map_or(AgentAccess::All, |agents| AgentAccess::Named(agents.iter().copied().collect()));
        let scopes = scopes.iter().copied().collect();
        self.caller(Viewer::ServiceAccount(ServiceViewer { id, org_id, scopes, agents }))
    }

    /// A new organisation with a new admin.
    pub async fn admin_of(&self, org: &str, email: &str) -> (OrgId, UserId, Caller) {
        let (org, user) = (self.org(org).await, self.user(email).await);
        self.join(org, user, OrgRole::Admin).await;
        (org, user, self.member_of(org, user, OrgRole::Admin))
    }

    pub async fn org(&self, slug: &str) -> OrgId {
        let id = self.clock.id();
        let row = organization::ActiveModel {
            id: Set(id),
            name: Set(slug.to_owned()),
            name_folded: Set(slug.to_owned()),
            slug: Set(slug.to_owned()),
            status: Set(OrganizationStatus::Active),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
            ..Default::default()
        };
        organization::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
        id
    }

    pub async fn user(&self, email: &str) -> UserId {
        let id = self.clock.id();
        let row = user::ActiveModel {
            id: Set(id),
            email: Set(email.to_owned()),
            name: Set("Somebody".to_owned()),
            name_folded: Set("somebody".to_owned()),
            status: Set(UserStatus::Active),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
            ..Default::default()
        };
        user::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
        id
    }

    pub async fn session(&self, user: UserId) -> SessionId {
        let id = self.clock.id();
        let now = self.clock.now();
        let row = session::ActiveModel {
            id: Set(id),
            user_id: Set(user),
            org_id: Set(None),
            created_at: Set(now),
            last_used_at: Set(now),
            expires_at: Set(now + TimeDelta::days(1)),
            revoked_at: Set(None),
        };
        session::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
        id
    }

    pub async fn join(&self, org: OrgId, user: UserId, role: OrgRole) {
        self.membership(org, user, role, MembershipStatus::Active).await;
    }

    pub async fn membership(&self, org: OrgId, user: UserId, role: OrgRole, status: MembershipStatus) {
        let row = org_membership::ActiveModel {
            org_id: Set(org),
            id: Set(self.clock.id()),
            user_id: Set(user),
            role: Set(role),
            status: Set(status),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
            ..Default::default()
        };
        org_membership::Entity::insert(row).exec_without_returning(&self.root).await.unwrap();
    }

    /// Role, status and requested role of a membership, as text.
    pub async fn standing(&self, org: OrgId, user: UserId) -> String {
        self.text(
            "SELECT role || ' ' || status || coalesce(' asks ' || pending_role, '') FROM org_memberships \
             WHERE org_id = $1 AND user_id = $2",
            [org.into(), user.into()],
        )
        .await
    }

    /// Sets columns of the row of that id.
    pub async fn set(&self, table: &str, id: impl Into<Value>, set: &str) {
        let sql = format!("UPDATE {table} SET {set} WHERE id = $1");
        let statement = Statement::from_sql_and_values(self.root.get_database_backend(), sql, [id.into()]);
        assert_eq!(self.root.execute_raw(statement).await.unwrap().rows_affected(), 1, "{table} has no such row");
    }

    pub async fn rows(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Vec<QueryResult> {
        let statement = Statement::from_sql_and_values(self.root.get_database_backend(), sql, values);
        self.root.query_all_raw(statement).await.unwrap()
    }

    /// The first column of the first row.
    pub async fn text(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> String {
        let rows = self.rows(sql, values).await;
        String::try_get_by_index(rows.first().expect("a row"), 0).unwrap()
    }

    /// The first column of every row.
    pub async fn texts(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Vec<String> {
        self.rows(sql, values).await.iter().map(|row| String::try_get_by_index(row, 0).unwrap()).collect()
    }

    /// Lets time pass, about so much.
    pub fn pass(&self, time: TimeDelta) {
        for _ in 0..time.num_seconds() {
            self.clock.id::<EventId>();
        }
    }

    /// Sends what waits in the outbox; answers to whom, in no order.
    pub async fn deliver(&self) -> Vec<String> {
        let home = tempfile::tempdir().unwrap();
        let folder = MailFolder::new(home.path(), "palisade@example.com");
        let settings = OutboxSettings { public_url: URL.to_owned(), attempts: 3, timeout: Duration::from_secs(2) };
        let outbox = Outbox::new(Sender::Folder(folder.clone()), settings);
        while outbox.deliver(&self.db, &self.clock).await.unwrap() > 0 {}
        folder.latest(1000).await.unwrap().into_iter().map(|mail| mail.recipient).collect()
    }

    /// What an organisation's log says, in order.
    pub async fn log(&self, org: OrgId) -> Vec<String> {
        self.texts("SELECT type FROM events WHERE org_id = $1 ORDER BY sequence", [org.into()]).await
    }

    /// What the platform's log says, in order.
    pub async fn platform_log(&self) -> Vec<String> {
        self.texts("SELECT type FROM platform_events ORDER BY id", []).await
    }

    /// Addresses of all mails, in order.
    pub async fn mailed(&self) -> Vec<String> {
        self.texts("SELECT recipient FROM mail_outbox ORDER BY id", []).await
    }

    /// The token in the last mail.
    pub async fn mailed_token(&self, prefix: &str) -> String {
        let body = self.text("SELECT body FROM mail_outbox ORDER BY id DESC", []).await;
        body.split_whitespace().find(|word| word.starts_with(prefix)).expect("a token").to_owned()
    }

    /// Everything that a refused use case must have left as it was.
    pub async fn snapshot(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (table, what) in [
            ("organizations", "slug || name || status || coalesce(config, '')"),
            ("users", "email || name || status || CASE WHEN is_super_admin THEN 's' ELSE '' END"),
            ("org_memberships", "role || status || coalesce(pending_role, '')"),
            ("invitations", "email || status"),
            ("one_time_tokens", "token_hash"),
            ("mail_outbox", "recipient"),
            (
                "service_accounts",
                "name || key_hash || coalesce(previous_key_hash, '') || coalesce(revoked_at || '', '')",
            ),
            ("events", "type"),
            ("platform_events", "type"),
        ] {
            all.extend(self.texts(&format!("SELECT {what} FROM {table} ORDER BY id"), []).await);
        }
        all
    }
}

/// The error's code; `OK` when there is none.
pub fn code<T: Debug>(result: &Result<T>) -> &'static str {
    result.as_ref().map_or_else(Error::code, |_| "OK")
}

/// The use case was refused with this code.
#[track_caller]
pub fn refused<T: Debug>(result: Result<T>, with: &str) {
    assert_eq!(code(&result), with, "{result:?}");
}

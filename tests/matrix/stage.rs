//! The matrix' world behind the real door: everybody's token made once, and every change undone.

use std::{collections::BTreeMap, sync::Arc};

use entity::{confidential::Secret, ids::UserId};
use palisade::{
    auth::{Passwords, opaque, password::Password},
    workspace::WorkspacePath,
};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use tokio::sync::OnceCell;

use super::{
    cast::{ACTORS, Actor, Is, Org, gid, id},
    rows,
};
use crate::support::world::{Caller, World};

/// Of everybody.
pub const PASSWORD: &str = "a password of the matrix";
pub const RESET: &str = "the token of a link that was mailed";
/// Of the link to Max' new address; the one to the old address has been opened.
pub const NEW_ADDRESS: &str = "the token of a link to another address";

pub struct Stage {
    pub world: World,
    tokens: BTreeMap<&'static str, String>,
    /// Of Max' session: for whoever holds it.
    pub refresh: String,
    dump: String,
}

/// What is not compared: the log of refusals and what counts attempts, and moments of use.
const UNCOUNTED: &[&str] = &["event_heads", "login_throttles"];
/// What goes back with any other table: refusals are in the log, too.
const ALONG: &[&str] = &["event_heads", "events", "login_throttles"];

impl Stage {
    pub async fn sqlite() -> Self {
        Self::new("sqlite").await
    }

    pub async fn postgres() -> Self {
        Self::new("postgres").await
    }

    async fn new(kind: &'static str) -> Self {
        static HASH: OnceCell<Secret> = OnceCell::const_new();
        let password = || Password::new(PASSWORD.to_owned());
        let hash = HASH.get_or_init(|| async { Passwords::default().hash(password()).await.unwrap() }).await;
        let world = World::planned(kind, "matrix", Arc::new(rows::plan(hash))).await;
        let (mut tokens, mut refresh) = (BTreeMap::new(), String::new());
        for actor in ACTORS {
            match actor.is {
                Is::Nobody => {}
                Is::Key { .. } => {
                    let key = world.plan.keys.iter().find(|key| key.role == actor.name).unwrap();
                    tokens.insert(actor.name, key.key.clone());
                }
                _ => {
                    let session = world.rooms.identity().demo_session(&rows::email(actor.name)).await.unwrap();
                    tokens.insert(actor.name, session.access_token);
                    if actor.name == "max" {
                        refresh = session.refresh_token;
                    }
                }
            }
        }
        let stage = Self { dump: dump(kind), world, tokens, refresh };
        stage.turn_away().await;
        stage.run(&keep(kind)).await;
        stage
    }

    /// After they have signed in: what makes some of them strangers. And what the plan has no room for.
    async fn turn_away(&self) {
        let literal = |uuid: uuid::Uuid| match self.world.root.get_database_backend() {
            DbBackend::Sqlite => format!("x'{}'", uuid.simple()),
            _ => format!("'{uuid}'"),
        };
        use entity::ids::TypedId as _;
        let user = |name: &str| literal(id::<UserId>(name).uuid());
        let org = |of: Org| literal(rows::org(of).uuid());
        let at = match self.world.root.get_database_backend() {
            DbBackend::Sqlite => "'2026-11-22 08:00:00.000000+00:00'",
            _ => "'2026-11-22T08:00:00Z'",
        };
        let (alpha, beta, gamma) = (org(Org::Alpha), org(Org::Beta), org(Org::Gamma));
        let later = at.replace("2026", "2027");
        let new = |name: &str| literal(id::<UserId>(name).uuid());
        let sql = format!(
            "UPDATE org_memberships SET status = 'PENDING', requested_by = {petra} WHERE user_id = {pia};
             UPDATE users SET status = 'SUSPENDED' WHERE id = {sid};
             UPDATE org_memberships SET status = 'LEFT' WHERE user_id = {leo};
             UPDATE organizations SET status = 'SUSPENDED' WHERE id = {gamma};
             INSERT INTO organization_issuers (org_id, id, issuer, enabled_by, created_at)
                 VALUES ({alpha}, {issuer}, 'https://issuer.example', {ada}, {at}),
                        ({beta}, {other}, 'https://issuer.example', {fay}, {at});
             INSERT INTO user_identities (id, user_id, issuer, subject, created_at)
                 VALUES ({link}, {max}, 'https://issuer.example', 'max', {at});
             INSERT INTO one_time_tokens (id, user_id, purpose, token_hash, expires_at, created_at)
                 VALUES ({reset}, {max}, 'SET_PASSWORD', '{hash}', {later}, {at});
             INSERT INTO email_changes
                 (id, user_id, old_email, new_email, old_token_hash, new_token_hash, old_opened_at, expires_at, created_at)
                 VALUES ({change}, {max}, '{old}', 'elsewhere@matrix.example', 'none', '{moved}', {at}, {later}, {at});",
            petra = user("petra"),
            pia = user("pia"),
            sid = user("sid"),
            leo = user("leo"),
            ada = user("ada"),
            max = user("max"),
            fay = user("fay"),
            issuer = new("issuer"),
            other = new("issuer of beta"),
            link = new("link of max"),
            reset = new("reset"),
            hash = opaque::hash(RESET),
            change = new("change of max"),
            old = rows::email("max"),
            moved = opaque::hash(NEW_ADDRESS),
        );
        self.run(&sql).await;
    }

    async fn run(&self, sql: &str) {
        self.world.root.execute_unprepared(sql).await.unwrap();
    }

    pub fn caller(&self, actor: &Actor) -> Caller<'_> {
        Caller { world: &self.world, token: self.tokens.get(actor.name).cloned() }
    }

    /// Every row of every table, by table; on PostgreSQL as a digest.
    pub async fn dump(&self) -> BTreeMap<String, String> {
        let backend = self.world.root.get_database_backend();
        let rows = self.world.root.query_all_raw(Statement::from_string(backend, self.dump.clone())).await.unwrap();
        let text =
            |row: &sea_orm::QueryResult, at| row.try_get_by_index::<Option<String>>(at).unwrap().unwrap_or_default();
        rows.iter().map(|row| (text(row, 0), text(row, 1))).collect()
    }

    /// Sets these tables back to how the test found them, with what is not compared, and the files.
    pub async fn restore(&self, changed: &[String]) {
        let wanted = |table: &str| changed.iter().any(|name| name == table) || ALONG.contains(&table);
        self.run(&restore(self.world.kind, wanted)).await;
        for file in &self.world.plan.files {
            let (org, goal) = (file.version.org_id.to_string(), file.version.goal_id.to_string());
            let folder = self.world.workspace.path().join("orgs").join(org).join(goal);
            let place = folder.join(WorkspacePath::as_str(&file.path));
            if !place.exists() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(place, &file.bytes).unwrap();
            }
        }
    }
}

/// Tables, each with its columns: what the database derives itself is left to it.
fn tables() -> Vec<(&'static str, String)> {
    let quoted = |columns: Vec<&str>| columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let table =
        |table: &entity::table::Table| (table.name, quoted(table.columns.iter().map(|(name, _)| *name).collect()));
    entity::tables().iter().map(table).collect()
}

/// Keeps a copy of every table beside it.
fn keep(kind: &str) -> String {
    let copies = tables().into_iter().map(|(table, columns)| match kind {
        "sqlite" => format!("CREATE TABLE kept_{table} AS SELECT {columns} FROM {table};"),
        _ => format!("CREATE TABLE kept.{table} AS SELECT {columns} FROM public.{table};"),
    });
    let first = if kind == "sqlite" { "" } else { "CREATE SCHEMA kept;" };
    first.to_owned() + &copies.collect::<String>()
}

/// No foreign key is asked: all of them held before.
fn restore(kind: &str, wanted: impl Fn(&str) -> bool) -> String {
    let (begin, end, kept) = match kind {
        "sqlite" => ("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE;", "COMMIT; PRAGMA foreign_keys = ON;", "kept_"),
        _ => ("BEGIN; SET LOCAL session_replication_role = replica;", "COMMIT;", "kept."),
    };
    let back = |(table, columns)| {
        format!("DELETE FROM {table}; INSERT INTO {table} ({columns}) SELECT {columns} FROM {kept}{table};")
    };
    format!("{begin}{}{end}", tables().into_iter().filter(|(table, _)| wanted(table)).map(back).collect::<String>())
}

fn dump(kind: &str) -> String {
    let tables = entity::tables();
    let one = tables.iter().filter(|table| !UNCOUNTED.contains(&table.name)).map(|table| {
        let quote = |name: &&str| match kind {
            "sqlite" => format!("quote(\"{name}\")"),
            _ => format!("quote_nullable(\"{name}\"::text)"),
        };
        let columns = table.columns.iter().map(|(name, _)| name);
        let kept = columns.filter(|name| !["last_login_at", "last_used_at"].contains(*name));
        let row = kept.map(quote).collect::<Vec<_>>().join(" || ',' || ");
        let from = match table.name {
            log @ ("events" | "platform_events") => format!("{log} WHERE type <> 'mutation.refused'"),
            other => other.to_owned(),
        };
        let all = match kind {
            "sqlite" => "group_concat(r, '|')".to_owned(),
            _ => "md5(string_agg(r, '|' ORDER BY r))".to_owned(),
        };
        format!("SELECT '{}', {all} FROM (SELECT {row} AS r FROM {from} ORDER BY 1) AS t", table.name)
    });
    one.collect::<Vec<_>>().join(" UNION ALL ")
}

/// A member of the actor's organisation to do things to; of the first one's where it has none.
pub fn someone(actor: &Actor) -> String {
    gid::<UserId>(if actor.org() == Some(Org::Beta) { "fox" } else { "zed" })
}

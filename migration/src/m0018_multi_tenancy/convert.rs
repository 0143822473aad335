//! From the old rows to the new. Every row finds a place; what it said that the new schema has no place for goes into the
//! `default` organisation's log.
//!
//! | old rows | become |
//! |---|---|
//! | accounts | accounts without a password, ACTIVE members of `default` |
//! | accounts with one address in different spellings | one account, the oldest; references follow it; the others are told in the log |
//! | accounts without a usable address | closed accounts of members who have LEFT: names on history |
//! | addresses that only the log names as actors | accounts and members, too |
//! | agents | global agents, each with an installed row in `default`; their former owners are told in the log |
//! | references to rows that are gone | a placeholder with the missing id: "(removed agent)" archived, "(removed goal)" and "(removed task)" cancelled, "(removed worker)" offline, a closed chat, a closed account |
//! | goals, tasks and messages that named no agent, goal or session | one placeholder of its kind, "(no agent)", "(no goal)", a closed chat |
//! | words that no enum has | a word that starts nothing by itself; the old word is told in the log |
//! | dependencies and usage reported twice | one dependency; usage rows with the old row's id added to `request_id`; both told in the log |
//! | events | the start of the organisation's chain, in order of time |
//!
//! Ids stay what they were. Times are cut to microseconds; a missing one becomes the row's other time, else that of the
//! conversion.

mod agents;
mod chats;
mod goals;
mod invite;
mod log;
mod pages;
mod people;
mod usage;
mod words;
mod work;

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, SubsecRound as _, Utc};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::{SchemaManager, SchemaManagerConnection};
use uuid::Uuid;

pub(super) use people::address;

/// What the steps of one conversion share.
struct Conversion<'c> {
    db: &'c SchemaManagerConnection<'c>,
    /// When it began; stands in for times that nobody wrote down.
    now: DateTime<Utc>,
    /// The `default` organisation.
    org: Uuid,
    /// Every account there is, by id.
    users: HashSet<Uuid>,
    /// Every account there is, by address.
    addresses: HashMap<String, Uuid>,
    /// Accounts that went up into another one.
    merged: HashMap<Uuid, Uuid>,
    /// Placeholders for rows that named none; made only where there is such a row.
    no_agent: Uuid,
    no_goal: Uuid,
    no_chat: Uuid,
    /// What the new schema has no place for.
    lost: BTreeMap<Lost, Vec<String>>,
}

/// An old value that gave way to another.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Lost {
    table: &'static str,
    column: &'static str,
    was: String,
    is: String,
}

/// Converts everything into the `default` organisation and invites its first admin.
pub(super) async fn run(manager: &SchemaManager<'_>, admin: &str, public_url: Option<&str>) -> Result<(), DbErr> {
    let mut conversion = Conversion {
        db: manager.get_connection(),
        now: Utc::now().trunc_subsecs(6),
        org: Uuid::now_v7(),
        users: HashSet::new(),
        addresses: HashMap::new(),
        merged: HashMap::new(),
        no_agent: Uuid::now_v7(),
        no_goal: Uuid::now_v7(),
        no_chat: Uuid::now_v7(),
        lost: BTreeMap::new(),
    };
    conversion.organization().await?;
    conversion.people().await?;
    conversion.agents().await?;
    conversion.workers().await?;
    conversion.goals().await?;
    conversion.tasks().await?;
    conversion.dependencies().await?;
    conversion.approvals().await?;
    conversion.chats().await?;
    conversion.usage().await?;
    conversion.log().await?;
    conversion.invite(admin, public_url).await
}

impl Conversion<'_> {
    fn statement(&self, sql: &str) -> Statement {
        Statement::from_string(self.db.get_database_backend(), sql)
    }

    /// Ids that one of the `sources` (table, column) refers to and that the `target` lacks, in order.
    async fn missing(&self, target: &str, sources: &[(&str, &str)]) -> Result<Vec<Uuid>, DbErr> {
        let find = |(table, column): &(&str, &str)| {
            format!(
                "SELECT {column} AS id FROM old_{table} WHERE {column} IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM old_{target} t WHERE t.id = old_{table}.{column})"
            )
        };
        let sql = sources.iter().map(find).collect::<Vec<_>>().join(" UNION ");
        let rows = self
            .db
            .query_all_raw(self.statement(&format!("SELECT DISTINCT id FROM ({sql}) AS missing ORDER BY id")))
            .await?;
        rows.iter().map(|row| row.try_get("", "id")).collect()
    }

    /// Whether any row meets a condition.
    async fn any(&self, table: &str, condition: &str) -> Result<bool, DbErr> {
        let sql = format!("SELECT 1 FROM old_{table} WHERE {condition} LIMIT 1");
        Ok(self.db.query_one_raw(self.statement(&sql)).await?.is_some())
    }

    /// Notes for the log what a row said and says no more.
    fn lose(&mut self, table: &'static str, column: &'static str, id: impl ToString, was: String, is: impl ToString) {
        self.lost.entry(Lost { table, column, was, is: is.to_string() }).or_default().push(id.to_string());
    }

    /// The account that a reference means now.
    fn user(&self, id: Option<Uuid>) -> Option<Uuid> {
        id.map(|id| self.merged.get(&id).copied().unwrap_or(id))
    }
}

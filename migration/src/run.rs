//! The door for the command line, the server's start and the tests.
//!
//! A run is one transaction: all pending migrations and the walls, or nothing. Processes that start together wait for each
//! other (an advisory lock on PostgreSQL, the file's write lock on SQLite) and find the work done; a database that is
//! current is told so by reads alone.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigrationStatus, MigratorTraitSelf};

use crate::{
    Migrator, Options, Refusal,
    walls::{self, Finding, OWNER, roles},
};

/// What a run is to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command {
    /// Apply what is pending, and repair the walls.
    Up,
    /// Take back the last so many migrations.
    Down(u32),
    /// Change nothing, and say how far the schema is.
    Status,
}

/// What a run found or did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Every migration with whether it is applied now, in order.
    pub migrations: Vec<(String, bool)>,
    /// Whether the run changed anything.
    pub changed: bool,
    /// What is wrong with the walls now. After `Up`: what only a person can judge, such as a trigger.
    pub findings: Vec<Finding>,
}

impl Outcome {
    /// Names of the migrations that are not applied.
    pub fn pending(&self) -> impl Iterator<Item = &str> {
        self.migrations.iter().filter(|(_, applied)| !applied).map(|(name, _)| name.as_str())
    }

    /// Warns of what is wrong with the walls.
    fn told(self) -> Self {
        for finding in &self.findings {
            tracing::warn!(%finding, "the database's walls have a flaw");
        }
        self
    }

    /// Whether there is nothing to apply and nothing that applying would repair: what it would not must not cost every
    /// start the locks of a repair.
    fn current(&self) -> bool {
        self.pending().next().is_none() && !self.findings.iter().any(|finding| finding.repairable)
    }
}

/// Why a run failed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A migration declined, for a reason that whoever runs it can do something about.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database roles are missing, and this login may not make them.
    #[error("the database roles are missing and this login may not create them; a superuser must run:\n{sql}")]
    Roles {
        /// What makes them.
        sql: String,
        /// What the database said.
        source: DbErr,
    },
    /// The database failed, or holds something that a migration cannot read.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// Holds back every other run on this database. The number is arbitrary and must not change.
const LOCK: i64 = 0x7061_6c69_7361_6465;

/// Brings the schema up, takes it back, or tells how far it is.
///
/// On PostgreSQL the login must be able to become [`OWNER`]; the roles are made on the first run if it may create roles,
/// and tables of the time before become the owner's.
pub async fn run(db: &DatabaseConnection, command: Command, options: &Options) -> Result<Outcome, Error> {
    let migrator = Migrator::new(options.clone());
    let before = look(db, &migrator).await?;
    if command == Command::Status || (command == Command::Up && before.current()) {
        return Ok(before.told());
    }
    if postgres(db) {
        ensure_roles(db).await?;
    }
    // IMMEDIATE: a transaction that began by reading could not wait for another process's writes.
    let mode = Some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() };
    let transaction = db.begin_with_options(options).await?;
    let mut lifted = vec![];
    if postgres(db) {
        transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    }
    if command == Command::Up {
        // Another process may have done it while this one waited.
        let before = survey(&transaction, &migrator).await?;
        if before.current() {
            transaction.rollback().await?;
            return Ok(before);
        }
    }
    if postgres(db) {
        enter(&transaction).await?;
        // Off with the blinkers: FORCE would let a migration of data change no row and say nothing.
        lifted = walls::lift(&transaction).await?;
    }
    let steps = match command {
        Command::Down(steps) => migrator.down(&transaction, Some(steps)).await,
        Command::Up | Command::Status => migrator.up(&transaction, None).await,
    };
    if let Err(error) = steps {
        transaction.rollback().await?;
        return Err(migrator.refusal().cloned().map_or(Error::Database(error), Error::Refused));
    }
    let mut after = Outcome { changed: true, migrations: history(&transaction, &migrator).await?, findings: vec![] };
    if postgres(db) && after.pending().next().is_none() {
        walls::apply(&transaction).await?;
        after.findings = walls::check(&transaction).await?;
    } else if !lifted.is_empty() {
        // Policies and grants of an older schema are in the tables still.
        walls::force(&transaction, &lifted).await?;
    }
    transaction.commit().await?;
    Ok(after.told())
}

fn postgres(db: &impl ConnectionTrait) -> bool {
    db.get_database_backend() == DbBackend::Postgres
}

async fn look(db: &DatabaseConnection, migrator: &Migrator) -> Result<Outcome, DbErr> {
    let transaction = db.begin().await?;
    let outcome = survey(&transaction, migrator).await?;
    transaction.rollback().await?;
    Ok(outcome)
}

/// On PostgreSQL it reads as the owner, where this login may: `has_table` asks a view that hides tables from whoever has no
/// right on them, and a schema that looks empty would be migrated under locks at every start.
async fn survey(db: &DatabaseTransaction, migrator: &Migrator) -> Result<Outcome, DbErr> {
    if !postgres(db) {
        return Ok(Outcome { migrations: history(db, migrator).await?, ..Outcome::default() });
    }
    let member =
        format!("SELECT 1 FROM pg_roles WHERE rolname = '{OWNER}' AND pg_has_role(current_user, oid, 'MEMBER')");
    let member = db.query_one_raw(Statement::from_string(DbBackend::Postgres, member)).await?.is_some();
    if member {
        db.execute_unprepared(&format!("SET LOCAL ROLE {OWNER}")).await?;
    }
    let mut outcome = Outcome { migrations: history(db, migrator).await?, ..Outcome::default() };
    if outcome.pending().next().is_none() {
        outcome.findings = walls::check(db).await?;
    }
    if member {
        db.execute_unprepared("RESET ROLE").await?;
    }
    Ok(outcome)
}

async fn history(db: &impl ConnectionTrait, migrator: &Migrator) -> Result<Vec<(String, bool)>, DbErr> {
    let all = migrator.get_migration_with_status_read_only(db).await?;
    Ok(all.iter().map(|one| (one.name().to_owned(), one.status() == MigrationStatus::Applied)).collect())
}

/// Hands the schema and tables of the time before to the owner, and becomes the owner.
async fn enter(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let names = walls::all_tables().into_iter().map(|table| format!("'{}'", table.name)).collect::<Vec<_>>().join(", ");
    let roles = walls::Role::ALL.map(walls::Role::name).join(", ");
    // Whoever owns the schema may have done it beforehand, for a login that may not.
    if !walls::schema_stands(transaction).await? {
        transaction
            .execute_unprepared(&format!(
                "REVOKE ALL ON SCHEMA public FROM PUBLIC, {OWNER}, {roles};
                 GRANT USAGE, CREATE ON SCHEMA public TO {OWNER};
                 GRANT USAGE ON SCHEMA public TO {roles};"
            ))
            .await?;
    }
    // A temporary table would stay on a pooled connection, and stand before the real one of its name. Who owns the database
    // decides that; where it is not this login, `check` tells it.
    transaction
        .execute_unprepared(&format!(
            "DO $database$
             DECLARE live pg_database;
             BEGIN
               SELECT * INTO live FROM pg_database WHERE datname = current_database();
               IF pg_has_role(current_user, live.datdba, 'USAGE') AND EXISTS (
                   SELECT FROM aclexplode(coalesce(live.datacl, acldefault('d', live.datdba))) a
                   WHERE a.privilege_type <> 'CONNECT' AND a.grantee <> live.datdba
                     AND (a.grantee = 0 OR pg_get_userbyid(a.grantee) IN ('{OWNER}', '{quoted}'))) THEN
                 EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC, {OWNER}, {roles}', live.datname);
               END IF;
             END
             $database$;",
            quoted = walls::Role::ALL.map(walls::Role::name).join("', '"),
        ))
        .await?;
    transaction
        .execute_unprepared(&format!(
            "DO $adopt$
             DECLARE found record;
             BEGIN
               FOR found IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
                   AND c.relkind = 'r' AND pg_get_userbyid(c.relowner) <> '{OWNER}' AND c.relname IN ({names}) LOOP
                 EXECUTE format('ALTER TABLE public.%I OWNER TO {OWNER}', found.relname);
               END LOOP;
             END
             $adopt$;
             SET LOCAL ROLE {OWNER};"
        ))
        .await
        .map(drop)
}

async fn ensure_roles(db: &DatabaseConnection) -> Result<(), Error> {
    roles::ensure(db).await.map_err(|source| Error::Roles { sql: roles::sql(), source })
}

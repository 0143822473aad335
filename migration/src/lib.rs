//! Palisade's migrations, and the walls that PostgreSQL keeps: row-level security and grants.
//!
//! Below 0018 is the platform as it was before tenancy: one company's agents, goals, tasks and chats, with single-column
//! keys and hardly a foreign key. `m0018_multi_tenancy` makes a live database of that kind into one that many
//! organisations share; those after it are ordinary. A migration writes its tables and words out and knows nothing of the
//! entities: it says what was, they say what is. A test compares the outcome with them, on both databases.
//!
//! ```ignore
//! let options = Options { default_admin: Some("ada@example.com".into()), ..Options::default() };
//! migration::run(&db, Command::Up, &options).await?;
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "migrations are SQL in their own transaction, run by an operator: no viewer asks, and the time is the run's"
)]

mod change;
mod m0001_accounts;
mod m0002_agents_and_goals;
mod m0003_tasks_and_workers;
mod m0004_usage_and_approvals;
mod m0005_chat;
mod m0006_events;
mod m0018_multi_tenancy;
mod m0019_service_accounts;
mod m0020_task_runs;
mod m0021_usage_rollups;
mod m0022_chat_messages;
mod m0023_workspace_files;
mod m0024_email_changes;
mod m0025_external_issuers;
mod m0026_audit_filters;
mod refusal;
mod run;
mod schema;
pub mod walls;

use std::sync::{Arc, OnceLock};

use sea_orm_migration::{MigrationTrait, MigratorTraitSelf};

pub use refusal::Refusal;
pub use run::{Command, Error, Outcome, run};

/// What a run may need to know.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--default-admin`: who is invited as the `default` organisation's first admin. Needed once, when a database that
    /// holds content of the time before tenancy is converted; ignored otherwise.
    pub default_admin: Option<String>,
    /// Where the platform is reached, such as `https://palisade.example`, for the invitation's mail.
    pub public_url: Option<String>,
}

/// All migrations, built for one run: sea-orm's have no arguments, so the run's are given to the instance.
#[derive(Clone, Debug, Default)]
pub struct Migrator {
    options: Options,
    /// Why a migration refused, if one did: sea-orm's error would keep only the text.
    refusal: Arc<OnceLock<Refusal>>,
}

impl Migrator {
    /// The migrations with the options of a run.
    pub fn new(options: Options) -> Self {
        Self { options, refusal: Arc::default() }
    }

    /// Why a migration was refused, after a run that failed.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.get()
    }
}

impl MigratorTraitSelf for Migrator {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_accounts::Migration),
            Box::new(m0002_agents_and_goals::Migration),
            Box::new(m0003_tasks_and_workers::Migration),
            Box::new(m0004_usage_and_approvals::Migration),
            Box::new(m0005_chat::Migration),
            Box::new(m0006_events::Migration),
            Box::new(m0018_multi_tenancy::Migration::new(self.options.clone(), self.refusal.clone())),
            Box::new(m0019_service_accounts::Migration),
            Box::new(m0020_task_runs::Migration),
            Box::new(m0021_usage_rollups::Migration),
            Box::new(m0022_chat_messages::Migration),
            Box::new(m0023_workspace_files::Migration::new(self.refusal.clone())),
            Box::new(m0024_email_changes::Migration),
            Box::new(m0025_external_issuers::Migration),
            Box::new(m0026_audit_filters::Migration),
        ]
    }
}

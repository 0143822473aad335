//! One platform for many organisations: converts a live database of the time before tenancy.
//!
//! In one transaction the old tables step aside (`old_…`), the platform's and the organisations' tables are made, the old
//! rows are read page by page, converted in Rust and written, and the old tables are dropped. Interrupted, nothing has
//! happened; run again, it is not pending any more. What becomes of rows that no longer fit is told in [`convert`].

mod back;
mod convert;
mod old;
mod platform;
mod tenant;

use std::sync::{Arc, OnceLock};

use sea_orm::DbBackend;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::{Options, Refusal, walls};

pub(crate) struct Migration {
    options: Options,
    refusal: Arc<OnceLock<Refusal>>,
}

impl Migration {
    pub(crate) fn new(options: Options, refusal: Arc<OnceLock<Refusal>>) -> Self {
        Self { options, refusal }
    }

    /// Fails the transaction; the run finds the reason where it was put.
    fn refuse(&self, refusal: Refusal) -> DbErr {
        let error = DbErr::Migration(refusal.to_string());
        // Set once a run; a second reason could only be the same.
        let _ = self.refusal.set(refusal);
        error
    }
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0018_multi_tenancy"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let populated = old::populated(manager).await?;
        let admin = match (&self.options.default_admin, populated) {
            (None, true) => return Err(self.refuse(Refusal::DefaultAdminNeeded)),
            (Some(address), true) => Some(
                convert::address(address).ok_or_else(|| self.refuse(Refusal::NoAddress { given: address.clone() }))?,
            ),
            // Nothing to administer: organisations are made by the platform's operators.
            (_, false) => None,
        };
        old::set_aside(manager, old::TABLES).await?;
        platform::create(manager).await?;
        tenant::create(manager).await?;
        if let Some(admin) = admin {
            convert::run(manager, &admin, self.options.public_url.as_deref()).await?;
        }
        old::discard(manager, old::TABLES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The owner sees no rows through forced row-level security, and would find nothing to lose.
        if manager.get_database_backend() == DbBackend::Postgres {
            walls::lift(manager.get_connection()).await?;
        }
        if let Some(refusal) = back::obstacle(manager).await? {
            return Err(self.refuse(refusal));
        }
        back::run(manager).await
    }
}

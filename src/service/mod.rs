//! Use cases that change something.
//!
//! A function here reads what its decision needs under the viewer's scope, asks `policy` for a permit, and carries the
//! change out in one read-write transaction that ends with the audit record. It takes plain Rust values and answers
//! with the ids of what changed; whoever shows the outcome reads it again under the viewer's scope.
//!
//! It builds no query (that is `store`'s) and knows no GraphQL.

mod admin_mail;
pub mod agent;
pub mod agent_admin;
pub mod approval;
pub mod audit_export;
pub mod auth;
pub mod budget;
pub mod chat;
pub mod collaborator;
pub mod document;
pub mod explain;
pub mod goal;
pub mod input;
pub mod invitation;
pub mod issuer;
pub mod mail;
pub mod member;
pub mod move_user;
pub mod organization;
pub mod plan;
pub mod refused_mutations;
pub mod service_account;
pub mod streams;
pub mod task_run;
pub mod team;
pub mod usage;
pub mod user;
pub mod worker;
pub mod workspace;

use entity::ids::OrgId;

use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::OrgFacts,
    status::{ApprovalWaits, ChatRules, TaskRules},
    store::{
        Store,
        audit::record::{self, Record},
        db::Tx,
    },
    viewer::Viewer,
};

/// What every use case is given.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Who asks.
    pub viewer: &'a Viewer,
    /// Their access to the database.
    pub store: &'a Store,
    /// Time and ids.
    pub clock: &'a Clock,
    /// How long approval requests wait.
    pub waits: &'a ApprovalWaits,
    /// What the settings say of tasks.
    pub tasks: &'a TaskRules,
    /// What the settings say of chats.
    pub chats: &'a ChatRules,
    /// Counts what may be done so often only.
    pub throttle: &'a auth::throttle::Throttle,
}

impl Context<'_> {
    /// The organisation that an operation is about: the one that is named, or else a member's own. Whether the viewer may
    /// do anything to it is for a permit to say.
    fn organization(&self, field: &'static str, named: Option<OrgId>) -> Result<OrgFacts> {
        match (named.or_else(|| self.viewer.org_id()), self.viewer) {
            (Some(org_id), _) => Ok(OrgFacts { org_id }),
            (None, Viewer::Anonymous) => Err(Error::Unauthenticated),
            (None, Viewer::SuperAdmin(_)) => Err(Error::validation(field, "must name an organisation")),
            (None, Viewer::Unaffiliated(_) | Viewer::Tenant(_) | Viewer::ServiceAccount(_)) => Err(Error::NotFound),
        }
    }

    /// Ends a write inside `org`: tells its log, for an operator the platform's too, and commits.
    async fn finish(&self, tx: Tx, org: OrgId, record: Record) -> Result<()> {
        self.finish_all(tx, org, vec![record]).await
    }

    /// The same with several records, in their order.
    async fn finish_all(&self, tx: Tx, org: OrgId, records: Vec<Record>) -> Result<()> {
        if self.viewer.is_super_admin() {
            for record in &records {
                record::platform_record(&tx, self.clock, self.viewer.user_id(), record.clone()).await?;
            }
        }
        record::record_all(&tx, self.clock, org, self.viewer.actor(), records).await?;
        tx.commit().await
    }
}

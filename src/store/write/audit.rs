//! Who takes a log out is told of in it.

use crate::{
    clock::Clock,
    error::Result,
    policy::permit::{ExportAudit, Permit},
    store::{Store, audit::record::Record},
};

impl Store {
    /// Notes that the log is taken out.
    pub async fn audit_exported(&self, clock: &Clock, permit: &Permit<ExportAudit>) -> Result<()> {
        let org = permit.key();
        let tx = self.begin_write(Some(org)).await?;
        self.finish(tx, clock, org, [Record::about("audit.exported", org)]).await
    }
}

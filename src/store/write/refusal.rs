//! Refused mutations: written after the rollback of what was refused.

use crate::{
    clock::Clock,
    error::Result,
    store::{
        Store,
        audit::record::{self, Record},
    },
};

impl Store {
    /// Records what was refused in the log of the viewer's organisation; an operator's in the platform's. It needs no
    /// permit: it changes nothing, and tells of the viewer alone.
    pub async fn refusals_record(&self, clock: &Clock, records: Vec<Record>) -> Result<()> {
        let org = self.viewer().org_id();
        let tx = self.begin_write(org).await?;
        match org {
            Some(org) => record::record_all(&tx, clock, org, self.viewer().actor(), records).await?,
            None => {
                for record in records {
                    record::platform_record(&tx, clock, self.viewer().user_id(), record).await?;
                }
            }
        }
        tx.commit().await
    }
}

//! Asking for a link to set a password, by an address alone and without signing in.
//!
//! Here nothing depends on whether the address has an account: what is written is one row of the outbox, and who it is
//! for is looked up by the job that sends it. Answer, work and counters are the same for every address.

use std::net::IpAddr;

use super::Identity;
use crate::service::mail;
use crate::{
    auth::email,
    error::{Error, Result},
    store::db::Role,
};

impl Identity {
    /// Has a link mailed to the account of an address, if there is one that may sign in.
    pub async fn request_password_reset(&self, address: &str, client: Option<IpAddr>) -> Result<()> {
        let inner = &*self.0;
        let address = email::normalise(address).ok_or_else(|| Error::validation("email", "This is no address."))?;
        inner.throttle.password_link(&inner.db, &inner.clock, &address, client).await?;
        let tx = inner.db.begin_write(Role::Identity, None).await?;
        mail::enqueue_password_reset(&tx, &inner.clock, address).await?;
        tx.commit().await
    }
}

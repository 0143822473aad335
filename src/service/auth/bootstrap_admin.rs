//! What the command line does: the first super-admin, and tokens for a demo.

use entity::{enums::UserStatus, ids::UserId};

use super::{Identity, invitations::person_name, sessions::SessionTokens};
use crate::{
    auth::{email, password::Password},
    error::{Error, Result},
    store::{
        audit::record::{self, Record},
        auth::{
            self as rows, Lock, account,
            account::{AccountRow, NewAccount},
            setup,
        },
        db::Role,
    },
};

/// The fact that `palisade demo` made this database: nothing in it is anybody's secret.
pub const DEMO: &str = "demo";

/// Who is to operate the platform.
#[derive(Clone, Debug)]
pub struct NewSuperAdmin {
    /// The address.
    pub email: String,
    /// The name.
    pub name: String,
    /// The password.
    pub password: Password,
    /// Whether to go on although there is a super-admin already.
    pub another: bool,
}

impl Identity {
    /// Makes a super-admin's account. Refuses when there is one, unless told otherwise, and when the address is taken: an
    /// account that exists is somebody's, and a member is never made a super-admin.
    ///
    /// Run again after a crash between its two transactions, it sets the password that is still missing.
    pub async fn super_admin_create(&self, input: NewSuperAdmin) -> Result<UserId> {
        let inner = &*self.0;
        let email = email::normalise(&input.email).ok_or_else(|| Error::validation("email", "This is no address."))?;
        let name = person_name("name", &input.name)?;
        input.password.check("password", &email)?;
        let hash = inner.passwords.hash(input.password).await?;

        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let found = account::account_lookup(&tx, &email).await?;
        drop(tx);
        let unfinished = |account: &AccountRow| {
            account.is_super_admin && account.password_hash.is_none() && account.status == UserStatus::Active
        };
        let user = match found {
            Some(account) if unfinished(&account) => account.id,
            Some(_) => return Err(Error::Conflict("This address has an account already.")),
            None => {
                // The role of operators alone may write `is_super_admin`, and may not write a password.
                let tx = inner.db.begin_write(Role::Operator, None).await?;
                rows::exclusive(&tx, Lock::SuperAdmins).await?;
                if !input.another && setup::super_admin_exists(&tx).await? {
                    return Err(Error::Conflict("There is a super-admin already."));
                }
                let id = inner.clock.id();
                let now = inner.clock.now();
                account::account_create(&tx, NewAccount { id, email, name, password_hash: None }, now).await?;
                setup::super_admin_appoint(&tx, id).await?;
                let record = Record::about("super_admin.created", id);
                record::platform_record(&tx, &inner.clock, None, record).await?;
                tx.commit().await?;
                id
            }
        };
        let tx = inner.db.begin_write(Role::Identity, None).await?;
        if !account::password_update(&tx, user, None, hash, inner.clock.now()).await? {
            return Err(Error::Conflict("The account was changed at the same moment."));
        }
        tx.commit().await?;
        Ok(user)
    }

    /// Signs in as anybody, without a password, where the database is a demo's.
    pub async fn demo_session(&self, address: &str) -> Result<SessionTokens> {
        let inner = &*self.0;
        let keys = inner.keys.signing().await?;
        let tx = inner.db.begin_write(Role::Identity, None).await?;
        if setup::setting_lookup(&tx, DEMO).await?.as_deref() != Some("true") {
            return Err(Error::Forbidden("tokens are given out for a demo's database only"));
        }
        let address = email::normalise(address).unwrap_or_default();
        let account = account::account_lookup(&tx, &address).await?.ok_or(Error::NotFound)?;
        let org = rows::membership_list(&tx, account.id).await?.first().map(|membership| membership.org_id);
        let tokens = inner.session_begin(&tx, &keys, account.id, org).await?;
        tx.commit().await?;
        Ok(tokens)
    }
}

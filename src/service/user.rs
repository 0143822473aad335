//! Accounts: made, suspended and closed by super-admins, named by their owners.
//!
//! No use case here sets a password or changes an address. A link to set the password goes to the account's address and
//! to nobody else, so that whoever asks for it is none the nearer to the account.
//!
//! What a super-admin does to an account shows in the platform's log, and in the log of every organisation that the
//! account belongs to.

use entity::{
    enums::UserStatus,
    ids::{OrgId, UserId},
};

use super::{Context, input, mail};
use crate::{
    error::{Error, Result},
    policy::{
        AccountFacts,
        facts::Platform,
        permit,
        permit::{AppointSuperAdmin, CreateUser, ManageUser, RenameUser},
    },
    store::{
        audit::record::{self, Record},
        auth::session,
        db::{Role, Tx},
        write::user as rows,
    },
};

/// An account to be created.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The address; nobody can change it for its owner later.
    pub email: String,
    /// Display name.
    pub name: String,
}

/// Creates an account and mails its owner a link to set a password. Before that it can do nothing.
pub async fn create(cx: Context<'_>, public_url: &str, new: NewUser) -> Result<UserId> {
    let may = permit::<CreateUser>(cx.viewer, &Platform)?;
    let email = input::email("input.email", &new.email)?;
    let name = input::name("input.name", &new.name)?;
    let id: UserId = cx.clock.id();
    let tx = cx.store.begin_write(None).await?;
    rows::user_create(&tx, &may, id, email.clone(), name, cx.clock.now()).await?;
    mail::password_link(&tx, cx.clock, public_url, id, &email).await?;
    conclude(cx, tx, &[], Record::about("user.created", id)).await?;
    Ok(id)
}

/// Changes an account's name: its owner its own, a super-admin anybody's.
pub async fn rename(cx: Context<'_>, id: UserId, name: &str) -> Result<UserId> {
    let may = permit::<RenameUser>(cx.viewer, &AccountFacts { user_id: id })?;
    let name = input::name("input.name", name)?;
    let now = cx.clock.now();
    let record = Record::about("user.renamed", id);
    if cx.viewer.is_super_admin() {
        let tx = cx.store.begin_write(None).await?;
        rows::user_rename(&tx, &may, name, now).await?;
        let orgs = rows::user_organizations(&tx, &may).await?;
        conclude(cx, tx, &orgs, record).await?;
        return Ok(id);
    }
    // A member's role does not write accounts; the platform's own does, inside the member's organisation if it has one.
    let org = cx.viewer.org_id();
    let tx = cx.store.begin_as(Role::System, org).await?;
    rows::user_rename(&tx, &may, name, now).await?;
    match org {
        Some(org) => cx.finish(tx, org, record).await?,
        None => conclude(cx, tx, &[], record).await?,
    }
    Ok(id)
}

/// Locks an account out until it is reactivated, and ends its sessions. Also an organisation's only admin's: what the
/// organisation loses by it comes back.
pub async fn suspend(cx: Context<'_>, id: UserId) -> Result<UserId> {
    change_status(cx, id, &[UserStatus::Active], UserStatus::Suspended, "user.suspended").await
}

/// Lets a suspended account in again.
pub async fn reactivate(cx: Context<'_>, id: UserId) -> Result<UserId> {
    change_status(cx, id, &[UserStatus::Suspended], UserStatus::Active, "user.reactivated").await
}

/// Closes an account for good, and ends its sessions. Refused for the last admin of an organisation.
pub async fn deactivate(cx: Context<'_>, id: UserId) -> Result<UserId> {
    let from = [UserStatus::Active, UserStatus::Suspended];
    change_status(cx, id, &from, UserStatus::Deactivated, "user.deactivated").await
}

async fn change_status(
    cx: Context<'_>,
    id: UserId,
    from: &[UserStatus],
    to: UserStatus,
    kind: &'static str,
) -> Result<UserId> {
    let may = permit::<ManageUser>(cx.viewer, &AccountFacts { user_id: id })?;
    not_oneself(cx, id)?;
    let tx = cx.store.begin_write(None).await?;
    let held = rows::user_lock(&tx, &may).await?;
    if !from.contains(&held.account.status) {
        return Err(Error::Conflict(match held.account.status {
            UserStatus::Active => "The account is active.",
            UserStatus::Suspended => "The account is suspended.",
            UserStatus::Deactivated => "The account is closed.",
        }));
    }
    if to != UserStatus::Active {
        not_the_last_super_admin(&held)?;
    }
    let orgs = rows::user_organizations(&tx, &may).await?;
    if to == UserStatus::Deactivated {
        for org in &orgs {
            tx.enter(*org).await?;
            if rows::user_is_last_admin(&tx, &may, *org).await? {
                return Err(Error::Conflict("The account is the last admin of an organisation."));
            }
        }
    }
    rows::user_set_status(&tx, &may, to, cx.clock.now()).await?;
    if to != UserStatus::Active {
        session::session_revoke_all(&tx, id, None, cx.clock.now()).await?;
    }
    conclude(cx, tx, &orgs, Record::about(kind, id)).await?;
    Ok(id)
}

/// Mails an account's owner a link to set a password. Answers nothing: the link is the owner's alone.
pub async fn reset_password(cx: Context<'_>, public_url: &str, id: UserId) -> Result<()> {
    let may = permit::<ManageUser>(cx.viewer, &AccountFacts { user_id: id })?;
    cx.throttle.password_link_by_admin(cx.store.database(), cx.clock, id).await?;
    let tx = cx.store.begin_write(None).await?;
    let account = rows::user_lookup(&tx, &may).await?;
    if account.status == UserStatus::Deactivated {
        return Err(Error::Conflict("The account is closed."));
    }
    mail::password_link(&tx, cx.clock, public_url, id, &account.email).await?;
    let orgs = rows::user_organizations(&tx, &may).await?;
    conclude(cx, tx, &orgs, Record::about("user.password_link_sent", id)).await
}

/// Makes or unmakes a super-admin, and ends the account's sessions. Super-admins hold no membership, and there is always
/// one left.
pub async fn set_super_admin(cx: Context<'_>, id: UserId, is_super_admin: bool) -> Result<UserId> {
    let may = permit::<AppointSuperAdmin>(cx.viewer, &AccountFacts { user_id: id })?;
    not_oneself(cx, id)?;
    let tx = cx.store.begin_write(None).await?;
    let held = rows::user_lock(&tx, &may).await?;
    if held.account.is_super_admin == is_super_admin {
        return Ok(id);
    }
    let kind = if is_super_admin {
        if held.account.status != UserStatus::Active {
            return Err(Error::Conflict("The account is not active."));
        }
        // The schema refuses it, too; this says why.
        if !rows::user_organizations(&tx, &may).await?.is_empty() {
            return Err(Error::Conflict("The account belongs to an organisation: a super-admin belongs to none."));
        }
        "super_admin.appointed"
    } else {
        not_the_last_super_admin(&held)?;
        "super_admin.dismissed"
    };
    rows::user_set_super_admin(&tx, &may, is_super_admin, cx.clock.now()).await?;
    session::session_revoke_all(&tx, id, None, cx.clock.now()).await?;
    conclude(cx, tx, &[], Record::about(kind, id)).await?;
    Ok(id)
}

fn not_oneself(cx: Context<'_>, id: UserId) -> Result<()> {
    if cx.viewer.user_id() == Some(id) { Err(Error::Forbidden("not to one's own account")) } else { Ok(()) }
}

fn not_the_last_super_admin(held: &rows::LockedAccount) -> Result<()> {
    if held.account.is_super_admin && held.other_super_admins == 0 {
        return Err(Error::Conflict("The account is the last super-admin who may sign in."));
    }
    Ok(())
}

/// Ends a write on an account: tells the platform's log and those of `orgs`, in their order, and commits.
async fn conclude(cx: Context<'_>, tx: Tx, orgs: &[OrgId], record: Record) -> Result<()> {
    record::platform_record(&tx, cx.clock, cx.viewer.user_id(), record.clone()).await?;
    for org in orgs {
        tx.enter(*org).await?;
        record::record(&tx, cx.clock, *org, cx.viewer.actor(), record.clone()).await?;
    }
    tx.commit().await
}

//! Members: what a super-admin asks for, what an organisation's admins give, confirm and take away.
//!
//! | who | gives | takes away |
//! |---|---|---|
//! | an admin of the organisation | at once, to who is a member; others it invites | at once |
//! | a super-admin | a request, which an active admin of the organisation confirms | at once |
//!
//! An organisation never loses its last admin who may sign in, except by a suspension. Whoever has two roles to lose in
//! one instant waits for the other under the locks of `store::write::member`.
//!
//! What a super-admin takes away is written by the platform's own role, inside that one organisation: the operators' role
//! can neither grant nor end a membership.

use chrono::TimeDelta;
use entity::{
    enums::{MembershipStatus, OrgRole, UserStatus},
    ids::{OrgId, OrgMembershipId, UserId},
};
use serde_json::json;

use super::{
    Context,
    admin_mail::{Post, Request, tell_admins, tell_new_admin},
};
use crate::{
    error::{Error, Result},
    policy::{
        MembershipRequestFacts, OrgFacts, Permission, Resource, decide, permit,
        permit::{AddMember, ConfirmMember, ManageMembers, Permit},
    },
    store::{
        audit::record::Record,
        db::{Role, Tx},
        write::{
            member as rows,
            member::{MemberState, Wish},
            organization::organization_open,
            user::AccountState,
        },
    },
};

const LAST_ADMIN: Error = Error::Conflict("The organisation would be left without an admin.");
const CLOSED: Error = Error::Conflict("The account is closed.");

/// How long the admins of an organisation without one who may sign in have, once each was told by mail.
const ADMINS_WAIT: TimeDelta = TimeDelta::hours(72);

/// A membership.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemberKey {
    /// The organisation.
    pub org_id: OrgId,
    /// The membership.
    pub id: OrgMembershipId,
    /// The member.
    pub user_id: UserId,
}

/// A membership to be asked for.
#[derive(Clone, Copy, Debug)]
pub struct NewMember {
    /// The organisation.
    pub organization_id: OrgId,
    /// Who.
    pub user_id: UserId,
    /// The role.
    pub role: OrgRole,
}

/// Asks for a membership by user id. It grants nothing until an admin of the organisation confirms it.
pub async fn add(cx: Context<'_>, public_url: &str, new: NewMember) -> Result<MemberKey> {
    let may = permit::<AddMember>(cx.viewer, &OrgFacts { org_id: new.organization_id })?;
    let tx = cx.store.begin_write(Some(may.key())).await?;
    let org = organization_open(&tx, &may).await?;
    let account = rows::member_account(&tx, &may, new.user_id).await?;
    let held = rows::member_lock(&tx, &may, new.user_id).await?;
    let asking = Asking { public_url, organization: &org.name, role: new.role };
    let key = ask(cx, &tx, &may, asking, &account, held).await?;
    cx.finish(tx, key.org_id, about("member.requested", new.user_id, new.role)).await?;
    Ok(key)
}

/// What a super-admin asks an organisation for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking<'a> {
    /// Where the platform is reached.
    pub public_url: &'a str,
    /// The organisation's name.
    pub organization: &'a str,
    /// The role.
    pub role: OrgRole,
}

/// Writes the request for a membership of somebody who has none, and tells the admins. The membership is held.
pub(super) async fn ask(
    cx: Context<'_>,
    tx: &Tx,
    may: &Permit<AddMember>,
    asking: Asking<'_>,
    account: &AccountState,
    held: Option<MemberState>,
) -> Result<MemberKey> {
    let Asking { public_url, organization, role } = asking;
    if account.is_super_admin {
        return Err(Error::Conflict("A super-admin belongs to no organisation."));
    }
    if account.status == UserStatus::Deactivated {
        return Err(CLOSED);
    }
    let wish = wish(cx, role);
    let id = match held {
        None => {
            let id = cx.clock.id();
            rows::member_request_new(tx, may, id, account.id, wish).await?;
            id
        }
        Some(member) if member.is_over() => {
            rows::member_request(tx, may, member.id, wish).await?;
            member.id
        }
        Some(member) if member.status == MembershipStatus::Active => {
            return Err(Error::Conflict("The account is a member already."));
        }
        Some(_) => return Err(Error::Conflict("A membership waits to be confirmed already.")),
    };
    let org_id = may.key();
    let post = Post { clock: cx.clock, public_url, org_id, organization };
    tell_admins(tx, post, Request { id: wish.id, email: &account.email, role }).await?;
    Ok(MemberKey { org_id, id, user_id: account.id })
}

fn wish(cx: Context<'_>, role: OrgRole) -> Wish {
    Wish { id: cx.clock.id(), role, by: cx.viewer.user_id(), at: cx.clock.now() }
}

/// A member's new role.
#[derive(Clone, Copy, Debug)]
pub struct RoleChange {
    /// The organisation; without it, the viewer's own.
    pub organization_id: Option<OrgId>,
    /// The member.
    pub user_id: UserId,
    /// The role.
    pub role: OrgRole,
}

/// Changes a member's role. What a super-admin gives is a request; everything else holds at once.
pub async fn update_role(cx: Context<'_>, public_url: &str, change: RoleChange) -> Result<MemberKey> {
    let org = cx.organization("input.organizationId", change.organization_id)?;
    let may = permit::<ManageMembers>(cx.viewer, &org)?;
    let (org_id, user_id, role) = (may.key(), change.user_id, change.role);
    let by_operator = cx.viewer.is_super_admin();
    let tx = if by_operator && role == OrgRole::Member {
        cx.store.begin_as(Role::System, Some(org_id)).await?
    } else {
        cx.store.begin_write(Some(org_id)).await?
    };
    let org = organization_open(&tx, &may).await?;
    let member = present(rows::member_lock(&tx, &may, user_id).await?)?;
    let key = MemberKey { org_id, id: member.id, user_id };
    let active = member.status == MembershipStatus::Active;
    let as_asked = if active { member.role == role && member.pending_role.is_none() } else { false };
    // One that was made before requests had names is made anew: nobody's wait can be counted from it.
    let waits = member.pending_role == Some(role) && member.request_id.is_some();
    if as_asked || by_operator && waits {
        return Ok(key);
    }
    if !active && !by_operator {
        return Err(Error::Conflict("The membership waits to be confirmed or refused."));
    }
    let account = rows::member_account(&tx, &may, user_id).await?;
    if role == OrgRole::Admin && account.status == UserStatus::Deactivated {
        return Err(CLOSED);
    }
    let now = cx.clock.now();
    let post = Post { clock: cx.clock, public_url, org_id, organization: &org.name };
    if by_operator && (role == OrgRole::Admin || !active) {
        let wish = wish(cx, role);
        rows::member_request(&tx, &may, member.id, wish).await?;
        tell_admins(&tx, post, Request { id: wish.id, email: &account.email, role }).await?;
        cx.finish(tx, org_id, about("member.requested", user_id, role)).await?;
        return Ok(key);
    }
    if role != OrgRole::Admin {
        keeps_an_admin(&tx, &may, member).await?;
    }
    rows::member_set_role(&tx, &may, member, role, now).await?;
    if role == OrgRole::Admin {
        tell_new_admin(&tx, post, user_id, &account.email).await?;
    }
    cx.finish(tx, org_id, about("member.role_changed", user_id, role)).await?;
    Ok(key)
}

/// Who is to go.
#[derive(Clone, Copy, Debug)]
pub struct Removal {
    /// The organisation; without it, the viewer's own.
    pub organization_id: Option<OrgId>,
    /// The member.
    pub user_id: UserId,
}

/// Ends a membership, or takes back one that waits to be confirmed. The row stays: history keeps who it was.
pub async fn remove(cx: Context<'_>, removal: Removal) -> Result<OrgId> {
    let org = cx.organization("input.organizationId", removal.organization_id)?;
    let may = permit::<ManageMembers>(cx.viewer, &org)?;
    let (org_id, user_id) = (may.key(), removal.user_id);
    let tx = if cx.viewer.is_super_admin() {
        cx.store.begin_as(Role::System, Some(org_id)).await?
    } else {
        cx.store.begin_write(Some(org_id)).await?
    };
    organization_open(&tx, &may).await?;
    let member = present(rows::member_lock(&tx, &may, user_id).await?)?;
    keeps_an_admin(&tx, &may, member).await?;
    rows::member_leave(&tx, &may, member, cx.clock.now()).await?;
    let record = Record::about("member.removed", user_id).with(json!({ "status": member.status.as_str() }));
    cx.finish(tx, org_id, record).await?;
    Ok(org_id)
}

/// An answer to what a super-admin asked for.
#[derive(Clone, Copy, Debug)]
pub struct Confirmation {
    /// The member.
    pub user_id: UserId,
    /// Whether it is given.
    pub accept: bool,
    /// The role that the answer is about. With it, an answer never meets a request that was changed meanwhile.
    pub role: Option<OrgRole>,
}

/// Accepts or refuses a membership or role that a super-admin asked for. For the organisation's admins, and never for the
/// person concerned. Where the organisation has no admin who may sign in, any other active member may, once the admins
/// had `ADMINS_WAIT`: counted from the last of the mails that told each of them, so that a super-admin who suspends the
/// only admin and moves somebody in is no sooner there.
pub async fn confirm(cx: Context<'_>, public_url: &str, answer: Confirmation) -> Result<MemberKey> {
    let Some(viewer) = cx.viewer.tenant() else {
        // A super-admin has no organisation, and is refused for what it is.
        decide(cx.viewer, Permission::MemberConfirm, Resource::Platform).require()?;
        return Err(Error::NotFound);
    };
    let (org_id, user_id, now) = (viewer.org_id, answer.user_id, cx.clock.now());
    let by_admin = viewer.is_org_admin();
    let tx = if by_admin {
        cx.store.begin_write(Some(org_id)).await?
    } else {
        // Who was told when is in the outbox, which no member's role reads.
        cx.store.begin_as(Role::System, Some(org_id)).await?
    };
    let no_active_admin = !by_admin && rows::member_admins_absent(&tx, org_id).await?;
    let may =
        permit::<ConfirmMember>(cx.viewer, &MembershipRequestFacts { org_id, concerns: user_id, no_active_admin })?;
    let org = organization_open(&tx, &may).await?;
    let member = present(rows::member_lock(&tx, &may, user_id).await?)?;
    let role = match (member.status, member.pending_role) {
        (_, Some(asked)) => asked,
        (MembershipStatus::Pending, None) => member.role,
        (MembershipStatus::Active | MembershipStatus::Left, None) => {
            return Err(Error::Conflict("Nothing waits to be confirmed."));
        }
    };
    if answer.role.is_some_and(|expected| expected != role) {
        return Err(Error::Conflict("Another role is asked for by now."));
    }
    if !by_admin && !rows::member_request_waited(&tx, &may, &member, now, ADMINS_WAIT).await? {
        return Err(Error::Conflict("Not every admin was told of this 72 hours ago."));
    }
    let kind = if answer.accept {
        let account = rows::member_account(&tx, &may, user_id).await?;
        if account.status == UserStatus::Deactivated {
            return Err(CLOSED);
        }
        rows::member_confirm(&tx, &may, member, role, now).await?;
        if role == OrgRole::Admin {
            let post = Post { clock: cx.clock, public_url, org_id, organization: &org.name };
            tell_new_admin(&tx, post, user_id, &account.email).await?;
        }
        "member.confirmed"
    } else {
        rows::member_refuse(&tx, &may, member, now).await?;
        "member.refused"
    };
    cx.finish(tx, org_id, about(kind, user_id, role)).await?;
    Ok(MemberKey { org_id, id: member.id, user_id })
}

fn about(kind: &'static str, user: UserId, role: OrgRole) -> Record {
    Record::about(kind, user).with(json!({ "role": role.as_str() }))
}

/// Who is no member, and who was one, answer alike.
pub(super) fn present(member: Option<MemberState>) -> Result<MemberState> {
    member.filter(|member| !member.is_over()).ok_or(Error::NotFound)
}

/// Refuses to take the last admin's role. The admins' rows are held already.
pub(super) async fn keeps_an_admin(tx: &Tx, may: &Permit<ManageMembers>, member: MemberState) -> Result<()> {
    if member.is_admin() && rows::member_other_admins(tx, may, member.user_id).await? == 0 {
        return Err(LAST_ADMIN);
    }
    Ok(())
}

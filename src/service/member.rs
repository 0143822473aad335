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

use entity::{
    enums::{MembershipStatus, OrgRole, UserStatus},
    ids::{OrgId, OrgMembershipId, UserId},
};
use serde_json::json;

use super::{Context, mail};
use crate::{
    error::{Error, Result},
    policy::{
        OrgFacts, Permission, Resource, decide, permit,
        permit::{Action, AddMember, ConfirmMember, ManageMembers, Permit},
    },
    store::{
        audit::Record,
        db::{Role, Tx},
        write::{
            member as rows,
            member::MemberState,
            organization::{OrganizationState, organization_open},
        },
    },
};

const LAST_ADMIN: Error = Error::Conflict("The organisation would be left without an admin.");
const CLOSED: Error = Error::Conflict("The account is closed.");

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
    let (org_id, user_id) = (may.key(), new.user_id);
    let (actor, now) = (cx.viewer.user_id(), cx.clock.now());
    let tx = cx.store.begin_write(Some(org_id)).await?;
    let org = organization_open(&tx, &may).await?;
    let account = rows::member_account(&tx, &may, user_id).await?;
    if account.is_super_admin {
        return Err(Error::Conflict("A super-admin belongs to no organisation."));
    }
    if account.status == UserStatus::Deactivated {
        return Err(CLOSED);
    }
    let id = match rows::member_lock(&tx, &may, user_id).await? {
        None => {
            let id = cx.clock.id();
            rows::member_request_new(&tx, &may, id, user_id, new.role, actor, now).await?;
            id
        }
        Some(member) if member.is_over() => {
            rows::member_request(&tx, &may, member.id, new.role, actor, now).await?;
            member.id
        }
        Some(member) if member.status == MembershipStatus::Active => {
            return Err(Error::Conflict("The account is a member already."));
        }
        Some(_) => return Err(Error::Conflict("A membership waits to be confirmed already.")),
    };
    let request = Request { email: &account.email, role: new.role };
    tell_admins(cx, &tx, &may, public_url, &org, request).await?;
    cx.finish(tx, org_id, about("member.requested", user_id, new.role)).await?;
    Ok(MemberKey { org_id, id, user_id })
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
    if as_asked || by_operator && member.pending_role == Some(role) {
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
    if by_operator && (role == OrgRole::Admin || !active) {
        rows::member_request(&tx, &may, member.id, role, cx.viewer.user_id(), now).await?;
        tell_admins(cx, &tx, &may, public_url, &org, Request { email: &account.email, role }).await?;
        cx.finish(tx, org_id, about("member.requested", user_id, role)).await?;
        return Ok(key);
    }
    if role != OrgRole::Admin {
        keeps_an_admin(&tx, &may, member).await?;
    }
    rows::member_set_role(&tx, &may, member, role, now).await?;
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
/// person concerned.
pub async fn confirm(cx: Context<'_>, answer: Confirmation) -> Result<MemberKey> {
    // Asked without an organisation first: a super-admin has none, and is refused for what it is.
    decide(cx.viewer, Permission::MemberConfirm, Resource::Platform).require()?;
    let org = cx.organization("input.organizationId", None)?;
    let may = permit::<ConfirmMember>(cx.viewer, &org)?;
    let (org_id, user_id, now) = (may.key(), answer.user_id, cx.clock.now());
    if cx.viewer.user_id() == Some(user_id) {
        return Err(Error::Forbidden("not for oneself"));
    }
    let tx = cx.store.begin_write(Some(org_id)).await?;
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
    let kind = if answer.accept {
        if rows::member_account(&tx, &may, user_id).await?.status == UserStatus::Deactivated {
            return Err(CLOSED);
        }
        rows::member_confirm(&tx, &may, member, role, now).await?;
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
fn present(member: Option<MemberState>) -> Result<MemberState> {
    member.filter(|member| !member.is_over()).ok_or(Error::NotFound)
}

/// Refuses to take the last admin's role. The admins' rows are held already.
async fn keeps_an_admin(tx: &Tx, may: &Permit<ManageMembers>, member: MemberState) -> Result<()> {
    if member.is_admin() && rows::member_other_admins(tx, may, member.user_id).await? == 0 {
        return Err(LAST_ADMIN);
    }
    Ok(())
}

/// What a super-admin asks for.
struct Request<'a> {
    email: &'a str,
    role: OrgRole,
}

/// Mails every admin of the organisation, suspended ones too, that a request waits for an answer.
async fn tell_admins<A: Action<On = OrgFacts>>(
    cx: Context<'_>,
    tx: &Tx,
    may: &Permit<A>,
    public_url: &str,
    org: &OrganizationState,
    request: Request<'_>,
) -> Result<()> {
    for recipient in rows::member_admin_addresses(tx, may).await? {
        let mail = mail::request_mail(public_url, &org.name, recipient, request.email, request.role);
        mail::enqueue(tx, cx.clock, mail).await?;
    }
    Ok(())
}

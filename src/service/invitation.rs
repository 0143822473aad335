//! Invitations, as they are sent and taken back; accepting one is [`invitation`](super::auth::invitations)'s.
//!
//! Nothing here asks whether an address has an account: what is done, and what is answered, is the same for one that is
//! known and one that is not.

use chrono::TimeDelta;
use entity::{
    confidential::Secret,
    enums::OrgRole,
    ids::{InvitationId, OrgId},
};
use serde_json::json;

use super::{Context, input, mail};
use crate::{
    auth::opaque,
    error::{Error, Result},
    policy::{
        OrgFacts, permit,
        permit::{ManageMembers, Permit},
    },
    store::{
        audit::record::Record,
        db::Tx,
        list::row::Row,
        read::invitation::InvitationRow,
        write::{
            invitation as rows,
            organization::{organization_is_untouched, organization_open},
        },
    },
};

/// How long an invitation can be accepted.
const VALID: TimeDelta = TimeDelta::days(7);

/// Who is to be invited.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Into which organisation; without it, the viewer's own.
    pub organization_id: Option<OrgId>,
    /// Where the invitation goes.
    pub email: String,
    /// The role on offer.
    pub role: OrgRole,
}

/// An invitation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvitationKey {
    /// Its organisation.
    pub org_id: OrgId,
    /// Which one.
    pub id: InvitationId,
}

/// Invites somebody by e-mail. What a super-admin's invitation gives waits for confirmation, except for the first admin
/// of an organisation that holds nothing yet.
pub async fn create(cx: Context<'_>, public_url: &str, new: NewInvitation) -> Result<InvitationKey> {
    let org = cx.organization("input.organizationId", new.organization_id)?;
    let may = permit::<ManageMembers>(cx.viewer, &org)?;
    let email = input::email("input.email", &new.email)?;

    let org_id = may.key();
    cx.throttle.invitation(cx.store.database(), cx.clock, org_id, &email).await?;
    let tx = cx.store.begin_write(Some(org_id)).await?;
    let state = organization_open(&tx, &may).await?;
    let first_admin =
        cx.viewer.is_super_admin() && new.role == OrgRole::Admin && organization_is_untouched(&tx, &may).await?;
    let offer = Offer { role: new.role, first_admin, organization: &state.name };
    let payload = json!({ "email": email, "role": new.role.as_str() });
    let id = send(&cx, &tx, &may, public_url, email, offer).await?;
    cx.finish(tx, org_id, Record::about("invitation.created", id).with(payload)).await?;
    Ok(InvitationKey { org_id, id })
}

/// What an invitation offers.
pub(super) struct Offer<'a> {
    /// The role.
    pub role: OrgRole,
    /// Whether it makes the first admin of an organisation that holds nothing.
    pub first_admin: bool,
    /// The organisation's name.
    pub organization: &'a str,
}

/// Writes an invitation and the mail that carries its token, which is stored nowhere else.
pub(super) async fn send(
    cx: &Context<'_>,
    tx: &Tx,
    may: &Permit<ManageMembers>,
    public_url: &str,
    email: String,
    offer: Offer<'_>,
) -> Result<InvitationId> {
    let now = cx.clock.now();
    let token = opaque::invitation_token(may.key());
    let mail = mail::invitation_mail(public_url, offer.organization, &email, &token.text, now + VALID);
    let draft = rows::InvitationDraft {
        id: cx.clock.id(),
        email,
        role: offer.role,
        first_admin: offer.first_admin,
        token_hash: Secret::new(token.hash),
        invited_by: cx.viewer.user_id(),
        expires_at: now + VALID,
    };
    let id = draft.id;
    rows::invitation_create(tx, may, draft, now).await?;
    mail::enqueue(tx, cx.clock, mail).await?;
    Ok(id)
}

/// Takes an invitation back that nobody has accepted yet.
pub async fn revoke(cx: Context<'_>, id: InvitationId) -> Result<InvitationKey> {
    // Before anything is looked up: who may revoke none learns nothing of any.
    if let Some(org_id) = cx.viewer.org_id() {
        permit::<ManageMembers>(cx.viewer, &OrgFacts { org_id })?;
    }
    let found = cx.store.invitation_by_ids(&[id], InvitationRow::keys()).await?;
    let row = found.first().ok_or(Error::NotFound)?;
    let may = permit::<ManageMembers>(cx.viewer, &OrgFacts { org_id: row.org_id })?;
    let org_id = may.key();
    let tx = cx.store.begin_write(Some(org_id)).await?;
    if !rows::invitation_revoke(&tx, &may, id).await? {
        return Err(Error::Conflict("The invitation does not wait to be accepted any more."));
    }
    cx.finish(tx, org_id, Record::about("invitation.revoked", id)).await?;
    Ok(InvitationKey { org_id, id })
}

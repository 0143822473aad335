//! Moving somebody from one organisation to another: they leave the first at once, with all that hangs on it, and wait to
//! be confirmed by the second. One transaction, told in both logs.
//!
//! It is written by the platform's own role: the leaving is more than an operator's role may write, and the two must not
//! come apart. What it asks of the second organisation is the same request as `addMember`'s, worth as little.

use entity::{
    enums::OrgRole,
    ids::{OrgId, UserId},
};
use serde_json::json;

use super::{
    Context,
    member::{Asking, ask, keeps_an_admin, present},
};
use crate::{
    error::{Error, Result},
    policy::{
        AccountFacts, OrgFacts, permit,
        permit::{AddMember, ManageMembers, ManageUser},
    },
    store::{
        audit::record::{self, Record},
        db::Role,
        write::{member as rows, organization::organization_open, user::user_lookup},
    },
};

/// Who moves, whence and whither.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// Who.
    pub user_id: UserId,
    /// The organisation that they leave.
    pub from: OrgId,
    /// The organisation that is asked to take them.
    pub to: OrgId,
    /// The role that is asked for there.
    pub role: OrgRole,
}

/// Moves somebody. Nothing of it happens unless all of it can.
pub async fn move_user(cx: Context<'_>, public_url: &str, wanted: Move) -> Result<UserId> {
    let Move { user_id, from, to, role } = wanted;
    let may_move = permit::<ManageUser>(cx.viewer, &AccountFacts { user_id })?;
    let may_leave = permit::<ManageMembers>(cx.viewer, &OrgFacts { org_id: from })?;
    let may_ask = permit::<AddMember>(cx.viewer, &OrgFacts { org_id: to })?;
    if from == to {
        return Err(Error::validation("input.toOrganizationId", "must be another organisation"));
    }
    let tx = cx.store.begin_as(Role::System, Some(from)).await?;
    organization_open(&tx, &may_leave).await?;
    let organization = organization_open(&tx, &may_ask).await?;
    let account = user_lookup(&tx, &may_move).await?;

    // Memberships are held in the order of their organisations' ids, and so are the logs below: of two moves in opposite
    // directions, one waits.
    let (mut leaving, mut held) = (None, None);
    for org in in_order(from, to) {
        tx.enter(org).await?;
        if org == from {
            leaving = rows::member_lock(&tx, &may_leave, user_id).await?;
        } else {
            held = rows::member_lock(&tx, &may_ask, user_id).await?;
        }
    }
    let leaving = present(leaving)?;
    tx.enter(from).await?;
    keeps_an_admin(&tx, &may_leave, leaving).await?;
    rows::member_leave(&tx, &may_leave, leaving, cx.clock.now()).await?;
    tx.enter(to).await?;
    ask(cx, &tx, &may_ask, Asking { public_url, organization: &organization.name, role }, &account, held).await?;

    let actor = cx.viewer.actor();
    record::platform_record(&tx, cx.clock, cx.viewer.user_id(), Record::about("user.moved", user_id)).await?;
    for org in in_order(from, to) {
        let record = if org == from {
            Record::about("member.removed", user_id).with(json!({ "status": leaving.status.as_str() }))
        } else {
            Record::about("member.requested", user_id).with(json!({ "role": role.as_str() }))
        };
        tx.enter(org).await?;
        record::record(&tx, cx.clock, org, actor, record).await?;
    }
    tx.commit().await?;
    Ok(user_id)
}

fn in_order(one: OrgId, other: OrgId) -> [OrgId; 2] {
    if one < other { [one, other] } else { [other, one] }
}

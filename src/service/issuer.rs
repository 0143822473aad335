//! Which external issuers an organisation lets speak for its members: its own admins say so, and nobody else.
//!
//! Whether the server takes tokens of that issuer at all is a setting of the server's. An admin is not told: the issuers of
//! the platform's other customers are no business of theirs.

use entity::ids::OrgId;
use serde_json::json;

use super::Context;
use crate::{
    config::trustworthy,
    error::{Error, Result},
    policy::{Permission, Resource, decide, permit, permit::ManageIssuers},
    store::{audit::record::Record, write::issuer as rows},
};

/// Issuers that one organisation lets in at most.
const MOST: u64 = 20;

/// Lets an issuer speak for the organisation's members. A second time it changes nothing.
pub async fn enable(cx: Context<'_>, issuer: &str) -> Result<OrgId> {
    let (org, may) = permitted(cx)?;
    if !trustworthy(issuer) {
        return Err(Error::validation("issuer", "An issuer is an https:// address, exactly as its tokens write it."));
    }
    let tx = cx.store.begin_write(Some(org)).await?;
    if rows::issuer_exists(&tx, &may, issuer).await? {
        return Ok(org);
    }
    if rows::issuer_count(&tx, &may).await? >= MOST {
        return Err(Error::Conflict("The organisation lets in as many issuers as it may."));
    }
    let by = cx.viewer.user_id().ok_or(Error::Unauthenticated)?;
    let id = cx.clock.id();
    rows::issuer_create(&tx, &may, id, issuer, by, cx.clock.now()).await?;
    cx.finish(tx, org, Record::about("issuer.enabled", id).with(json!({ "issuer": issuer }))).await?;
    Ok(org)
}

/// Ends that: its tokens open nothing of the organisation any more. Where it was not let in, nothing changes.
pub async fn disable(cx: Context<'_>, issuer: &str) -> Result<OrgId> {
    let (org, may) = permitted(cx)?;
    let tx = cx.store.begin_write(Some(org)).await?;
    if !rows::issuer_delete(&tx, &may, issuer).await? {
        return Ok(org);
    }
    cx.finish(tx, org, Record::about("issuer.disabled", org).with(json!({ "issuer": issuer }))).await?;
    Ok(org)
}

fn permitted(cx: Context<'_>) -> Result<(OrgId, permit::Permit<ManageIssuers>)> {
    // Asked without an organisation first: a super-admin has none, and is refused for what it is.
    decide(cx.viewer, Permission::IssuerManage, Resource::Platform).require()?;
    let org = cx.organization("issuer", None)?;
    let may = permit::<ManageIssuers>(cx.viewer, &org)?;
    if cx.viewer.account().is_some_and(|account| account.external().is_some()) {
        // Else an issuer that was let in could let in others, which stay when it is put out.
        return Err(Error::Forbidden("this needs a sign-in here, with a password"));
    }
    Ok((org.org_id, may))
}

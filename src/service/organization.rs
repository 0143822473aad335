//! Organisations: made, renamed, suspended and closed by super-admins, configured by their own admins.

use entity::{
    enums::{OrgRole, OrganizationStatus},
    ids::{InvitationId, OrgId},
};
use serde_json::json;

use super::{Context, input, invitation};
use crate::{
    error::{Error, Result},
    policy::{
        OrgFacts,
        facts::Platform,
        permit,
        permit::{ConfigureOrganization, CreateOrganization, ManageMembers, ManageOrganization, Permit},
    },
    store::{audit::record::Record, write::organization as rows},
};

/// An organisation to be created.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// Display name.
    pub name: String,
    /// Handle in URLs.
    pub slug: String,
    /// Who is invited as its first admin.
    pub first_admin_email: Option<String>,
}

/// What was created.
#[derive(Clone, Copy, Debug)]
pub struct CreatedOrganization {
    /// The organisation.
    pub id: OrgId,
    /// The first admin's invitation.
    pub invitation_id: Option<InvitationId>,
}

/// Creates an organisation, and mails its first admin an invitation. It holds nothing yet, which is why this admin needs
/// nobody's confirmation.
pub async fn create(cx: Context<'_>, public_url: &str, new: NewOrganization) -> Result<CreatedOrganization> {
    let may = permit::<CreateOrganization>(cx.viewer, &Platform)?;
    let name = input::name("input.name", &new.name)?;
    let slug = input::slug("input.slug", &new.slug)?;
    let email = new.first_admin_email.as_deref().map(|text| input::email("input.firstAdminEmail", text)).transpose()?;

    let id: OrgId = cx.clock.id();
    let tx = cx.store.begin_write(Some(id)).await?;
    let draft = rows::OrganizationDraft { id, name: name.clone(), slug };
    rows::organization_create(&tx, &may, draft, cx.clock.now()).await?;
    let mut record = Record::about(rows::CREATED, id);
    let mut invitation_id = None;
    if let Some(email) = email {
        let may = permit::<ManageMembers>(cx.viewer, &OrgFacts { org_id: id })?;
        let offer = invitation::Offer { role: OrgRole::Admin, first_admin: true, organization: &name };
        let sent = invitation::send(&cx, &tx, &may, public_url, email, offer).await?;
        record = record.with(json!({ "invitationId": sent.to_string() }));
        invitation_id = Some(sent);
    }
    cx.finish(tx, id, record).await?;
    Ok(CreatedOrganization { id, invitation_id })
}

/// What is to change of an organisation; what is not given stays.
#[derive(Clone, Debug, Default)]
pub struct OrganizationChange {
    /// Which one; without it, the viewer's own.
    pub id: Option<OrgId>,
    /// Display name. Super-admins only.
    pub name: Option<String>,
    /// Handle in URLs. Super-admins only.
    pub slug: Option<String>,
    /// The settings as a JSON object, or `Some(None)` to take them away. The organisation's admins only.
    pub config: Option<Option<String>>,
}

/// Renames an organisation (a super-admin) or changes its settings (its admins).
pub async fn update(cx: Context<'_>, change: OrganizationChange) -> Result<OrgId> {
    let org = cx.organization("input.id", change.id)?;
    let renames = change.name.is_some() || change.slug.is_some();
    // No role holds both: whoever gives both is refused, whichever it lacks.
    let rename = renames.then(|| permit::<ManageOrganization>(cx.viewer, &org)).transpose()?;
    let configure = match change.config {
        Some(config) => Some((permit::<ConfigureOrganization>(cx.viewer, &org)?, config)),
        None => None,
    };
    let name = change.name.map(|text| input::name("input.name", &text)).transpose()?;
    let slug = change.slug.map(|text| input::slug("input.slug", &text)).transpose()?;
    match (rename, configure) {
        (Some(may), _) => self::rename(cx, may, name, slug).await?,
        (None, Some((may, config))) => self::configure(cx, may, config).await?,
        (None, None) => {
            // Who may change nothing of it reads that, and no more.
            permit::<ManageOrganization>(cx.viewer, &org)
                .map(drop)
                .or_else(|_| permit::<ConfigureOrganization>(cx.viewer, &org).map(drop))?;
            return Err(Error::validation("input", "must change something"));
        }
    }
    Ok(org.org_id)
}

async fn rename(
    cx: Context<'_>,
    may: Permit<ManageOrganization>,
    name: Option<String>,
    slug: Option<String>,
) -> Result<()> {
    let org = may.key();
    let tx = cx.store.begin_write(Some(org)).await?;
    rows::organization_open(&tx, &may).await?;
    let changed: Vec<_> = [("name", name.is_some()), ("slug", slug.is_some())]
        .into_iter()
        .filter_map(|(field, given)| given.then_some(field))
        .collect();
    rows::organization_rename(&tx, &may, name, slug, cx.clock.now()).await?;
    cx.finish(tx, org, Record::about("organization.renamed", org).with(json!({ "changed": changed }))).await
}

async fn configure(cx: Context<'_>, may: Permit<ConfigureOrganization>, config: Option<String>) -> Result<()> {
    let org = may.key();
    let config = config.map(|text| input::json_object("input.config", text)).transpose()?;
    let tx = cx.store.begin_write(Some(org)).await?;
    rows::organization_configure(&tx, &may, config, cx.clock.now()).await?;
    cx.finish(tx, org, Record::about("organization.configured", org)).await
}

/// Shuts an organisation out: its members lose access with their next request. Its data stays.
pub async fn suspend(cx: Context<'_>, id: OrgId) -> Result<OrgId> {
    change_status(cx, id, &[OrganizationStatus::Active], OrganizationStatus::Suspended, "organization.suspended").await
}

/// Lets a suspended organisation in again.
pub async fn reactivate(cx: Context<'_>, id: OrgId) -> Result<OrgId> {
    change_status(cx, id, &[OrganizationStatus::Suspended], OrganizationStatus::Active, "organization.reactivated")
        .await
}

/// Closes an organisation for good; its data is kept for history.
pub async fn archive(cx: Context<'_>, id: OrgId) -> Result<OrgId> {
    let from = [OrganizationStatus::Active, OrganizationStatus::Suspended];
    change_status(cx, id, &from, OrganizationStatus::Archived, "organization.archived").await
}

async fn change_status(
    cx: Context<'_>,
    id: OrgId,
    from: &[OrganizationStatus],
    to: OrganizationStatus,
    kind: &'static str,
) -> Result<OrgId> {
    let may = permit::<ManageOrganization>(cx.viewer, &OrgFacts { org_id: id })?;
    let tx = cx.store.begin_write(Some(id)).await?;
    let status = rows::organization_lock(&tx, &may).await?;
    if !from.contains(&status) {
        return Err(Error::Conflict(match status {
            OrganizationStatus::Active => "The organisation is active.",
            OrganizationStatus::Suspended => "The organisation is suspended.",
            OrganizationStatus::Archived => "The organisation is archived.",
        }));
    }
    rows::organization_set_status(&tx, &may, to, cx.clock.now()).await?;
    cx.finish(tx, id, Record::about(kind, id)).await?;
    Ok(id)
}

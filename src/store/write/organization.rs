//! Organisations, as they are made and changed.

use chrono::{DateTime, Utc};
use entity::{
    confidential::{Confidential, JsonText},
    enums::OrganizationStatus,
    event,
    ids::OrgId,
    org_membership, organization,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, LockType},
};

use crate::{
    error::{Error, Result},
    policy::{
        facts::Protected,
        permit::{Action, ConfigureOrganization, CreateOrganization, ManageMembers, ManageOrganization, Permit},
    },
    store::{db::Tx, fold},
};

/// What the first event of an organisation that was created here says.
pub const CREATED: &str = "organization.created";

/// An organisation to be made.
#[derive(Clone, Debug)]
pub struct OrganizationDraft {
    /// Its id. The transaction has entered it already.
    pub id: OrgId,
    /// Display name.
    pub name: String,
    /// Handle in URLs.
    pub slug: String,
}

/// Makes an organisation without settings.
pub async fn organization_create(
    tx: &Tx,
    _permit: &Permit<CreateOrganization>,
    draft: OrganizationDraft,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = organization::ActiveModel {
        id: Set(draft.id),
        name_folded: Set(fold(&draft.name)),
        name: Set(draft.name),
        slug: Set(draft.slug),
        status: Set(OrganizationStatus::Active),
        created_at: Set(now),
        updated_at: Set(now),
        // Not even null: the role of operators may not write settings.
        ..Default::default()
    };
    organization::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// What a use case needs to know of an organisation.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OrganizationState {
    /// Display name.
    pub name: String,
    /// Whether it is served.
    pub status: OrganizationStatus,
}

fn state(org: OrgId) -> sea_orm::Select<organization::Entity> {
    organization::Entity::find()
        .select_only()
        .columns([organization::Column::Name, organization::Column::Status])
        .filter(organization::Column::Id.eq(org))
}

/// The organisation as it is now, unless it is closed for good.
pub async fn organization_open<A: Action<On: Protected<Key = OrgId>>>(
    tx: &Tx,
    permit: &Permit<A>,
) -> Result<OrganizationState> {
    let found: Option<OrganizationState> = state(permit.key()).into_model().one(tx).await?;
    let found = found.ok_or(Error::NotFound)?;
    match found.status {
        OrganizationStatus::Active | OrganizationStatus::Suspended => Ok(found),
        OrganizationStatus::Archived => Err(Error::Conflict("The organisation is archived.")),
    }
}

/// The organisation's status, which nobody else changes until the end of the transaction.
pub async fn organization_lock(tx: &Tx, permit: &Permit<ManageOrganization>) -> Result<OrganizationStatus> {
    let found: Option<OrganizationState> = state(permit.key()).lock(LockType::NoKeyUpdate).into_model().one(tx).await?;
    found.map(|found| found.status).ok_or(Error::NotFound)
}

/// Changes the name or the handle; what is not given stays.
pub async fn organization_rename(
    tx: &Tx,
    permit: &Permit<ManageOrganization>,
    name: Option<String>,
    slug: Option<String>,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut update = organization::Entity::update_many()
        .col_expr(organization::Column::UpdatedAt, Expr::value(now))
        .filter(organization::Column::Id.eq(permit.key()));
    if let Some(name) = name {
        update = update
            .col_expr(organization::Column::NameFolded, Expr::value(fold(&name)))
            .col_expr(organization::Column::Name, Expr::value(name));
    }
    if let Some(slug) = slug {
        update = update.col_expr(organization::Column::Slug, Expr::value(slug));
    }
    update.exec(tx).await?;
    Ok(())
}

/// Changes the settings, or takes them away.
pub async fn organization_configure(
    tx: &Tx,
    permit: &Permit<ConfigureOrganization>,
    config: Option<String>,
    now: DateTime<Utc>,
) -> Result<()> {
    let config = Confidential::from_option(config.map(JsonText::new));
    let done = organization::Entity::update_many()
        .col_expr(organization::Column::Config, Expr::value(config))
        .col_expr(organization::Column::UpdatedAt, Expr::value(now))
        .filter(organization::Column::Id.eq(permit.key()))
        .exec(tx)
        .await?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Error::NotFound) }
}

/// Changes whether the organisation is served.
pub async fn organization_set_status(
    tx: &Tx,
    permit: &Permit<ManageOrganization>,
    status: OrganizationStatus,
    now: DateTime<Utc>,
) -> Result<()> {
    organization::Entity::update_many()
        .col_expr(organization::Column::Status, Expr::value(status))
        .col_expr(organization::Column::UpdatedAt, Expr::value(now))
        .filter(organization::Column::Id.eq(permit.key()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Whether the organisation was created here and never had a member: then it holds nothing that a first admin could
/// read. One that was converted from the time before tenancy holds content from its first day, and its log does not begin
/// with [`CREATED`].
pub async fn organization_is_untouched(tx: &Tx, permit: &Permit<ManageMembers>) -> Result<bool> {
    let org = permit.key();
    if org_membership::Entity::find().filter(org_membership::Column::OrgId.eq(org)).count(tx).await? > 0 {
        return Ok(false);
    }
    let first: Option<String> = event::Entity::find()
        .select_only()
        .column(event::Column::Kind)
        .filter(event::Column::OrgId.eq(org))
        .filter(event::Column::Sequence.eq(1))
        .into_tuple()
        .one(tx)
        .await?;
    Ok(first.as_deref() == Some(CREATED))
}

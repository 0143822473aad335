//! External issuers that an organisation lets in.

use chrono::{DateTime, Utc};
use entity::{
    ids::{OrganizationIssuerId, UserId},
    organization_issuer::{ActiveModel, Column, Entity},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use crate::{
    error::Result,
    policy::permit::{ManageIssuers, Permit},
    store::db::Tx,
};

/// Whether the organisation lets the issuer in.
pub async fn issuer_exists(tx: &Tx, permit: &Permit<ManageIssuers>, issuer: &str) -> Result<bool> {
    let own = Entity::find().filter(Column::OrgId.eq(permit.key())).filter(Column::Issuer.eq(issuer));
    Ok(own.count(tx).await? > 0)
}

/// How many issuers the organisation lets in.
pub async fn issuer_count(tx: &Tx, permit: &Permit<ManageIssuers>) -> Result<u64> {
    Ok(Entity::find().filter(Column::OrgId.eq(permit.key())).count(tx).await?)
}

/// Lets an issuer in.
pub async fn issuer_create(
    tx: &Tx,
    permit: &Permit<ManageIssuers>,
    id: OrganizationIssuerId,
    issuer: &str,
    enabled_by: UserId,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = ActiveModel {
        org_id: Set(permit.key()),
        id: Set(id),
        issuer: Set(issuer.to_owned()),
        enabled_by: Set(enabled_by),
        created_at: Set(now),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Puts an issuer out; `false` where it was not in.
pub async fn issuer_delete(tx: &Tx, permit: &Permit<ManageIssuers>, issuer: &str) -> Result<bool> {
    let own = Entity::delete_many().filter(Column::OrgId.eq(permit.key())).filter(Column::Issuer.eq(issuer));
    Ok(own.exec(tx).await?.rows_affected == 1)
}

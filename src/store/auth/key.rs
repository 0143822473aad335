//! Signing keys, sealed.

use chrono::{DateTime, Utc};
use entity::signing_key;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use crate::{error::Result, store::db::Tx};

/// Every key that is kept.
pub async fn signing_key_list(tx: &Tx) -> Result<Vec<signing_key::Model>> {
    Ok(signing_key::Entity::find().all(tx).await?)
}

/// Keeps a key.
pub async fn signing_key_create(tx: &Tx, row: signing_key::Model) -> Result<()> {
    let row = signing_key::ActiveModel {
        id: Set(row.id),
        public_key: Set(row.public_key),
        sealed_private_key: Set(row.sealed_private_key),
        created_at: Set(row.created_at),
        retired_at: Set(row.retired_at),
    };
    signing_key::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Stops every key from signing.
pub async fn signing_key_retire_all(tx: &Tx, now: DateTime<Utc>) -> Result<()> {
    signing_key::Entity::update_many()
        .col_expr(signing_key::Column::RetiredAt, Expr::value(now))
        .filter(signing_key::Column::RetiredAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Forgets keys that were retired before a moment.
pub async fn signing_key_sweep(tx: &Tx, before: DateTime<Utc>) -> Result<()> {
    signing_key::Entity::delete_many().filter(signing_key::Column::RetiredAt.lt(before)).exec(tx).await?;
    Ok(())
}

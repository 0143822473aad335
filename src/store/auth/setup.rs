//! What the command line does to an installation.

use entity::{ids::UserId, platform_setting, user};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};

use crate::{error::Result, store::db::Tx};

/// Whether there is any super-admin. On `Role::Operator` or `Role::Identity`.
pub async fn super_admin_exists(tx: &Tx) -> Result<bool> {
    let found: Option<UserId> = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::IsSuperAdmin.eq(true))
        .limit(1)
        .into_tuple()
        .one(tx)
        .await?;
    Ok(found.is_some())
}

/// Makes an account just created a super-admin's. On `Role::Operator`.
pub async fn super_admin_appoint(tx: &Tx, user: UserId) -> Result<()> {
    user::Entity::update_many()
        .col_expr(user::Column::IsSuperAdmin, Expr::value(true))
        .filter(user::Column::Id.eq(user))
        .exec(tx)
        .await?;
    Ok(())
}

/// The value of a fact about this database. On `Role::Identity`.
pub async fn setting_lookup(tx: &Tx, key: &str) -> Result<Option<String>> {
    Ok(platform_setting::Entity::find()
        .select_only()
        .column(platform_setting::Column::Value)
        .filter(platform_setting::Column::Key.eq(key))
        .into_tuple()
        .one(tx)
        .await?)
}

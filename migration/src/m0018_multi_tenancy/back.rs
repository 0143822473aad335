//! From the new tables back to the old.

use sea_orm::DbErr;
use sea_orm_migration::SchemaManager;

use super::Refusal;

pub(super) async fn obstacle(_: &SchemaManager<'_>) -> Result<Option<Refusal>, DbErr> {
    Ok(Some(Refusal::WouldLose { what: "the way back is not written yet".to_owned() }))
}

pub(super) async fn run(_: &SchemaManager<'_>) -> Result<(), DbErr> {
    Ok(())
}

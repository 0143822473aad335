//! From the old rows to the new.

use sea_orm::DbErr;
use sea_orm_migration::SchemaManager;

/// An e-mail address as accounts hold it, or nothing if it is none.
pub(super) fn address(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.split_once('@')?;
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control());
    (plain(local) && plain(domain)).then_some(text)
}

pub(super) async fn run(_: &SchemaManager<'_>, _: &str, _: Option<&str>) -> Result<(), DbErr> {
    Err(DbErr::Migration("the conversion of old rows is not written yet".to_owned()))
}

//! A key that signs access tokens. Its id is the `kid`.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Secret,
    ids::SigningKeyId,
    table::{Class, Classified, TableClass},
};

/// A row of `signing_keys`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SigningKeyId,
    /// Ed25519 public key, base64url, as published in the JWKS.
    pub public_key: String,
    /// PKCS#8 private key, sealed with the secret from the environment, base64.
    pub sealed_private_key: Secret,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it stopped signing; it verifies until its last token has expired.
    pub retired_at: Option<DateTimeUtc>,
}

/// Relations are written as composite foreign keys in the migrations; queries over them are `store`'s.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Classified for Entity {
    const TABLE: TableClass = TableClass::Platform;

    fn class(column: &Column) -> Class {
        use Column::*;
        match column {
            Id | PublicKey | CreatedAt | RetiredAt => Class::Metadata,
            SealedPrivateKey => Class::Secret,
        }
    }
}

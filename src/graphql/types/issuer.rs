//! External issuers, and what links an account to them.

use async_graphql::{Context, ID, Object, SimpleObject};

use super::user::{User, user};
use crate::{
    error::Result,
    graphql::{connection::gid, scalars::DateTime},
    store::{auth::external::IdentityRow, read::issuer::OrganizationIssuerRow},
};

/// An external issuer that an organisation lets speak for its members.
pub struct OrganizationIssuer(pub OrganizationIssuerRow);

/// An external issuer that an organisation lets speak for its members.
#[Object]
impl OrganizationIssuer {
    /// `iss`, exactly as in its tokens. The server takes them where its settings name the issuer, too.
    async fn issuer(&self) -> Result<&str> {
        Ok(self.0.issuer.get()?)
    }

    /// The admin who enabled it.
    async fn enabled_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        user(ctx, Some(self.0.enabled_by)).await
    }

    /// When it was enabled.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }
}

/// A subject of an external issuer whose tokens speak for the account.
#[derive(SimpleObject)]
pub struct UserIdentity {
    /// Globally unique id.
    id: ID,
    /// `iss` of the issuer.
    issuer: String,
    /// `sub` at that issuer.
    subject: String,
    /// When it was linked.
    created_at: DateTime,
}

impl From<IdentityRow> for UserIdentity {
    fn from(row: IdentityRow) -> Self {
        Self { id: gid(row.id), issuer: row.issuer, subject: row.subject, created_at: row.created_at.into() }
    }
}

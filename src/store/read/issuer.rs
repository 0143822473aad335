//! External issuers that organisations let in, as their admins and operators see them.

use entity::{
    ids::{OrgId, OrganizationIssuerId, UserId},
    organization_issuer,
};
use sea_orm::sea_query::Expr;

use crate::error::Result;
use crate::store::{
    OrgRow, Store, any_of,
    list::row::{Columns, row},
    uuids,
};

row! {
    /// An issuer that an organisation lets in, with the columns that were asked for.
    OrganizationIssuerRow of organization_issuer {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The row."] id: OrganizationIssuerId = Id,
        key #[doc = "The admin who enabled it."] enabled_by: UserId = EnabledBy,
        lazy #[doc = "`iss` of its tokens."] issuer: String = Issuer,
        lazy #[doc = "When it was enabled."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
    }
}

impl OrgRow for OrganizationIssuerRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

impl Store {
    /// The issuers of each organisation, in the order in which they were let in: none for a member who is no admin. There
    /// are few of them: a list without pages.
    pub async fn issuers_of_organizations(
        &self,
        orgs: &[OrgId],
        columns: Columns<organization_issuer::Entity>,
    ) -> Result<Vec<OrganizationIssuerRow>> {
        let scope = self.scope()?;
        let columns = scope.project(columns);
        let mut select = scope.find::<organization_issuer::Entity>(columns);
        let org_id = Expr::col((organization_issuer::Entity, organization_issuer::Column::OrgId));
        select.and_where(any_of(org_id, &uuids(orgs), self.db.backend()));
        select.order_by((organization_issuer::Entity, organization_issuer::Column::Id), sea_orm::Order::Asc);
        self.rows(&select, columns).await
    }
}

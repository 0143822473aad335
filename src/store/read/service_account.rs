//! Service accounts, as an organisation's admins and operators see them, and each sees itself: never the key, not even its
//! hash.

use std::collections::{HashMap, HashSet};

use entity::{
    confidential::JsonText,
    enums::{MembershipStatus, OrgRole, UserStatus},
    ids::{AgentId, OrgId, ServiceAccountId, TypedId, UserId},
    org_membership, service_account, service_account_agent, user,
};
use sea_orm::{
    ConnectionTrait, TryGetable,
    sea_query::{Expr, ExprTrait},
};

use crate::error::Result;
use crate::store::{
    List, OrgRow, Store, any_of,
    list::{
        page::{Page, PageRequest},
        row::{Columns, Row, row},
    },
    uuids,
};

row! {
    /// A service account, with the columns that were asked for.
    ServiceAccountRow of service_account {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The service account."] id: ServiceAccountId = Id,
        key #[doc = "Who made it."] created_by: UserId = CreatedBy,
        key #[doc = "Whether it sees every agent."] all_agents: bool = AllAgents,
        lazy #[doc = "Its name, for people."] name: String = Name,
        lazy #[doc = "What it may do."] scopes: JsonText = Scopes,
        lazy #[doc = "Until when the key before the last rotation works."]
            previous_key_expires_at: Option<chrono::DateTime<chrono::Utc>> = PreviousKeyExpiresAt,
        lazy #[doc = "When it was last used, to the minute."]
            last_used_at: Option<chrono::DateTime<chrono::Utc>> = LastUsedAt,
        lazy #[doc = "When it was made."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        lazy #[doc = "When it was taken back."] revoked_at: Option<chrono::DateTime<chrono::Utc>> = RevokedAt,
    }
}

impl OrgRow for ServiceAccountRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

impl Store {
    /// Looks service accounts up by id.
    pub async fn service_account_by_ids(
        &self,
        ids: &[ServiceAccountId],
        columns: Columns<service_account::Entity>,
    ) -> Result<Vec<ServiceAccountRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of service accounts for each organisation: none for a member who is no admin.
    pub async fn service_accounts_of_organizations(
        &self,
        orgs: &[OrgId],
        columns: Columns<service_account::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<ServiceAccountRow>>> {
        let parents: Vec<_> = orgs.iter().map(|org| (org.uuid(), org.uuid())).collect();
        let org_id = Expr::col((service_account::Entity, service_account::Column::OrgId));
        self.children(&parents, List::new(columns), page, |parent| vec![org_id.eq(parent.org_id)]).await
    }

    /// How many service accounts each organisation has.
    pub async fn service_account_counts_of_organizations(&self, orgs: &[OrgId]) -> Result<HashMap<OrgId, i64>> {
        self.child_counts(List::<ServiceAccountRow>::new(ServiceAccountRow::keys()), "org_id", orgs).await
    }

    /// The agents that each service account was made for.
    pub async fn service_account_agents(
        &self,
        accounts: &[ServiceAccountId],
    ) -> Result<Vec<(ServiceAccountId, AgentId)>> {
        use service_account_agent::{Column, Entity};
        let mut select = self.scope()?.find::<Entity>(Columns::of(&[Column::ServiceAccountId, Column::AgentId]));
        select
            .and_where(any_of(Expr::col((Entity, Column::ServiceAccountId)), &uuids(accounts), self.db.backend()))
            .order_by((Entity, Column::AgentId), sea_orm::Order::Asc);
        let mut agents = Vec::new();
        for row in self.read().await?.query_all(&select).await? {
            agents.push((ServiceAccountId::try_get_by_index(&row, 0)?, AgentId::try_get_by_index(&row, 1)?));
        }
        Ok(agents)
    }

    /// Which of these people are active admins of these organisations now: what they made holds. The same rule as
    /// [`Maker::holds`](crate::auth::service_key::Maker::holds).
    pub async fn active_admins(&self, makers: &[(OrgId, UserId)]) -> Result<HashSet<(OrgId, UserId)>> {
        use org_membership::{Column, Entity};
        let users: Vec<UserId> = makers.iter().map(|(_, user_id)| *user_id).collect();
        let of_user = |column| Expr::col((user::Entity, column));
        let mut select = self.scope()?.find::<Entity>(Columns::of(&[Column::OrgId, Column::UserId]));
        select
            .inner_join(user::Entity, of_user(user::Column::Id).equals((Entity, Column::UserId)))
            .and_where(any_of(Expr::col((Entity, Column::UserId)), &uuids(&users), self.db.backend()))
            .and_where(Expr::col((Entity, Column::Role)).eq(OrgRole::Admin.as_str()))
            .and_where(Expr::col((Entity, Column::Status)).eq(MembershipStatus::Active.as_str()))
            .and_where(of_user(user::Column::Status).eq(UserStatus::Active.as_str()))
            .and_where(of_user(user::Column::IsSuperAdmin).eq(false));
        let mut admins = HashSet::new();
        for row in self.read().await?.query_all(&select).await? {
            admins.insert((OrgId::try_get_by_index(&row, 0)?, UserId::try_get_by_index(&row, 1)?));
        }
        Ok(admins)
    }
}

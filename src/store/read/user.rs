//! Users, as far as a viewer's scope reaches.

use std::collections::HashMap;

use entity::{
    enums::{MembershipStatus, UserStatus},
    ids::{OrgId, UserId},
    org_membership, user,
};
use sea_orm::{
    ConnectionTrait, TryGetable,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::error::Result;
use crate::store::{
    List, OrgRow, Store, any_of, contains,
    db::Role,
    list::{
        page::{Page, PageRequest},
        row::{Columns, Row, row},
    },
    scope::Scope,
    uuids,
};

row! {
    /// A user, with the columns that were asked for.
    UserRow of user {
        key #[doc = "The account."] id: UserId = Id,
        lazy #[doc = "Sign-in address."] email: String = Email,
        lazy #[doc = "Display name."] name: String = Name,
        lazy #[doc = "Whether the account may sign in."] status: UserStatus = Status,
        lazy #[doc = "Whether it is an operator."] is_super_admin: bool = IsSuperAdmin,
        lazy #[doc = "Last sign-in."] last_login_at: Option<chrono::DateTime<chrono::Utc>> = LastLoginAt,
        lazy #[doc = "When it was made."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
    }
}

impl OrgRow for UserRow {
    fn org_id(&self) -> Option<OrgId> {
        None
    }
}

/// Which users.
#[derive(Clone, Debug, Default, Hash, PartialEq)]
pub struct UserFilter {
    /// In one of these states.
    pub status: Option<Vec<UserStatus>>,
    /// With this text in the name.
    pub search: Option<String>,
    /// Present members of this organisation.
    pub organization_id: Option<OrgId>,
}

impl Store {
    /// Looks users up by id.
    pub async fn user_by_ids(&self, ids: &[UserId], columns: Columns<user::Entity>) -> Result<Vec<UserRow>> {
        self.by_ids(&uuids(ids), self.user_columns(columns)?).await
    }

    /// A page of users: a member sees the present members of its organisation, an operator everybody.
    pub async fn user_list(
        &self,
        filter: &UserFilter,
        columns: Columns<user::Entity>,
        page: &PageRequest,
    ) -> Result<Page<UserRow>> {
        self.list(self.users(filter, self.user_columns(columns)?)?, page).await
    }

    /// How many users the list has.
    pub async fn user_count(&self, filter: &UserFilter) -> Result<i64> {
        self.list_count(self.users(filter, UserRow::keys())?).await
    }

    /// The viewer's own account, with its last sign-in, read by `identity`: it needs no organisation.
    pub async fn user_self(&self, columns: Columns<user::Entity>) -> Result<Option<UserRow>> {
        let Some(user_id) = self.viewer.user_id() else { return Ok(None) };
        let mut select = Query::select();
        select.from(user::Entity).and_where(Expr::col((user::Entity, user::Column::Id)).eq(user_id));
        for column in columns.metadata().iter() {
            select.column((user::Entity, column));
        }
        let tx = self.db.begin_read(Role::Identity, None).await?;
        let row = tx.query_one(&select).await?;
        Ok(row.map(|row| UserRow::read(&row, columns.metadata(), 0)).transpose()?)
    }

    /// Names of whoever acted in the viewer's organisation, operators included: they show in its log by id and name.
    /// For ids that were read from that log, nothing else.
    pub async fn user_names_on_history(&self, ids: &[UserId]) -> Result<HashMap<UserId, String>> {
        self.scope()?;
        let mut select = Query::select();
        select.columns([user::Column::Id, user::Column::Name]).from(user::Entity).and_where(any_of(
            Expr::col((user::Entity, user::Column::Id)),
            &uuids(ids),
            self.db.backend(),
        ));
        let mut names = HashMap::new();
        for row in self.read().await?.query_all(&select).await? {
            names.insert(UserId::try_get_by_index(&row, 0)?, String::try_get_by_index(&row, 1)?);
        }
        Ok(names)
    }

    /// When an account last signed in is between it and the platform: a member's query does not even select it (its own
    /// comes with the viewer).
    fn user_columns(&self, columns: Columns<user::Entity>) -> Result<Columns<user::Entity>> {
        Ok(match self.scope()? {
            Scope::Operator => columns,
            Scope::Tenant(_) | Scope::Service(_) => columns.without(user::Column::LastLoginAt),
        })
    }

    fn users(&self, filter: &UserFilter, columns: Columns<user::Entity>) -> Result<List<UserRow>> {
        let col = |column| Expr::col((user::Entity, column));
        let organization = self.scope()?.org_id().or(filter.organization_id);
        let foreign = filter.organization_id.is_some() && filter.organization_id != organization;
        Ok(List::new(columns)
            .only(foreign.then(|| Expr::val(1).eq(0)))
            .only(
                filter.status.as_ref().map(|states| col(user::Column::Status).is_in(states.iter().map(|s| s.as_str()))),
            )
            .only(filter.search.as_ref().map(|text| contains(col(user::Column::NameFolded), text)))
            .only(organization.map(|org_id| col(user::Column::Id).in_subquery(present_members(org_id)))))
    }
}

/// The users with a membership that is not over.
pub(in crate::store) fn present_members(org_id: OrgId) -> sea_orm::sea_query::SelectStatement {
    Query::select()
        .column(org_membership::Column::UserId)
        .from(org_membership::Entity)
        .and_where(Expr::col(org_membership::Column::OrgId).eq(org_id))
        .and_where(present_condition())
        .to_owned()
}

/// The membership is not over.
pub(in crate::store) fn present_condition() -> Expr {
    Expr::col((org_membership::Entity, org_membership::Column::Status)).ne(MembershipStatus::Left.as_str())
}

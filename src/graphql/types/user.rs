//! Users and their memberships.

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use entity::ids::UserId;

use super::organization::Organization;
use crate::{
    error::{Error, Result},
    graphql::{
        batches::{MembershipsOf, OrganizationById, UserById},
        connection::{connection, gid, parse_optional_id},
        context::cx,
        enums::{MembershipStatus, OrgRole, UserStatus, stored},
        lookahead,
        scalars::DateTime,
    },
    store::{
        list::row::{Row, Selected},
        read::{
            membership::{MemberFilter, MembershipRow},
            organization::OrganizationRow,
            user::{UserFilter, UserRow},
        },
    },
};

/// An account. It holds no organisation: memberships do.
pub struct User(pub UserRow);

/// An account. It holds no organisation: memberships do.
#[Object]
impl User {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// Sign-in address.
    async fn email(&self) -> Result<&str> {
        Ok(self.0.email.get()?)
    }

    /// Display name.
    async fn name(&self) -> Result<&str> {
        Ok(self.0.name.get()?)
    }

    /// Whether the account may sign in.
    async fn status(&self) -> Result<UserStatus> {
        Ok((*self.0.status.get()?).into())
    }

    /// Whether it is a platform operator.
    async fn is_super_admin(&self) -> Result<bool> {
        Ok(*self.0.is_super_admin.get()?)
    }

    /// When it last signed in: its owner's and super-admins' to know, null for everybody else.
    async fn last_login_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        let cx = cx(ctx);
        let time = match &self.0.last_login_at {
            Selected::Value(time) => *time,
            Selected::NotSelected if cx.viewer.user_id() == Some(self.0.id) => {
                let own = cx.store.user_self(UserRow::columns(["lastLoginAt"])).await?;
                own.map(|row| row.last_login_at.get().copied()).transpose()?.flatten()
            }
            Selected::NotSelected => None,
        };
        Ok(time.map(Into::into))
    }

    /// When it was made.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// Its memberships, as far as the viewer sees them: a member sees the one in its own organisation.
    async fn memberships(&self, ctx: &Context<'_>) -> Result<Vec<OrgMembership>> {
        let cx = cx(ctx);
        let batch = MembershipsOf { columns: lookahead::columns::<MembershipRow>(ctx) };
        let rows = cx.loaders.load(&cx.store, batch, self.0.id).await?.unwrap_or_default();
        Ok(rows.into_iter().map(OrgMembership::new).collect())
    }
}

/// Loads a user that some row refers to.
pub async fn user(ctx: &Context<'_>, id: Option<UserId>) -> Result<Option<User>> {
    let (Some(id), cx) = (id, cx(ctx)) else { return Ok(None) };
    let batch = UserById { columns: lookahead::columns::<UserRow>(ctx) };
    Ok(cx.loaders.load(&cx.store, batch, id).await?.map(User))
}

/// A user's place in an organisation.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct OrgMembership {
    #[graphql(skip)]
    row: MembershipRow,
    #[graphql(skip)]
    organization: Option<OrganizationRow>,
    /// The role that the membership grants while it is active.
    role: OrgRole,
    /// Whether it grants anything.
    status: MembershipStatus,
    /// A role that a super-admin asked for and no admin of the organisation has confirmed yet.
    pending_role: Option<OrgRole>,
}

impl OrgMembership {
    /// Wraps a row.
    pub fn new(row: MembershipRow) -> Self {
        Self {
            role: row.role.into(),
            status: row.shown_status().into(),
            pending_role: row.pending_role.map(Into::into),
            organization: None,
            row,
        }
    }

    /// Wraps a row whose organisation is known: the viewer's own, which may be outside its scope.
    pub fn with(row: MembershipRow, organization: OrganizationRow) -> Self {
        Self { organization: Some(organization), ..Self::new(row) }
    }
}

#[ComplexObject]
impl OrgMembership {
    /// The member.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        let cx = cx(ctx);
        if cx.viewer.user_id() == Some(self.row.user_id) && self.organization.is_some() {
            let own = cx.store.user_self(lookahead::columns::<UserRow>(ctx)).await?;
            return own.map(User).ok_or(Error::NotFound);
        }
        user(ctx, Some(self.row.user_id)).await?.ok_or_else(|| Error::internal("a membership without its user"))
    }

    /// The organisation.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        if let Some(organization) = &self.organization {
            return Ok(Organization(organization.clone()));
        }
        let cx = cx(ctx);
        let batch = OrganizationById { columns: lookahead::columns::<OrganizationRow>(ctx) };
        let row = cx.loaders.load(&cx.store, batch, self.row.org_id).await?;
        row.map(Organization).ok_or_else(|| Error::internal("a membership without its organisation"))
    }

    /// When the user joined.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.row.created_at.get()?).into())
    }
}

connection!(UserConnection, UserEdge, User, "user", "users");
connection!(OrgMembershipConnection, OrgMembershipEdge, OrgMembership, "membership", "memberships");

/// Narrows a list of users.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "UserFilter")]
pub struct UserFilterInput {
    /// Only accounts in one of these states.
    pub status: Option<Vec<UserStatus>>,
    /// Only users whose name contains this text, whatever its case.
    pub search: Option<String>,
    /// Only present members of this organisation.
    pub organization_id: Option<ID>,
}

impl UserFilterInput {
    /// Checks the ids.
    pub fn parse(self) -> Result<UserFilter> {
        Ok(UserFilter {
            status: stored(self.status),
            search: self.search,
            organization_id: parse_optional_id("filter.organizationId", self.organization_id.as_ref())?,
        })
    }
}

/// Narrows a list of members.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "MemberFilter")]
pub struct MemberFilterInput {
    /// Only members with one of these roles.
    pub role: Option<Vec<OrgRole>>,
    /// Only memberships in one of these states; without it, everybody who has not left.
    pub status: Option<Vec<MembershipStatus>>,
}

impl MemberFilterInput {
    /// The store's filter.
    pub fn parse(self) -> MemberFilter {
        MemberFilter { role: stored(self.role), status: stored(self.status) }
    }
}

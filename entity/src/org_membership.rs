//! A user's place in an organisation. Never deleted: history keeps who a leaver was.

use sea_orm::entity::prelude::*;

use crate::{
    enums::{MembershipStatus, OrgRole},
    ids::{MemberRequestId, OrgId, OrgMembershipId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `org_memberships`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "org_memberships")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the membership inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrgMembershipId,
    /// The member.
    pub user_id: UserId,
    /// What the member may do while `status` is active.
    pub role: OrgRole,
    /// Only `ACTIVE` grants anything. The database role of operators cannot write this column.
    pub status: MembershipStatus,
    /// A role that a super-admin asked for and no admin of the organisation has confirmed yet.
    pub pending_role: Option<OrgRole>,
    /// The super-admin who asked for `pending_role`.
    pub requested_by: Option<UserId>,
    /// What is asked for now: another wish has another name, and the mails that told the admins carry it.
    pub request_id: Option<MemberRequestId>,
    /// When it was asked for.
    pub requested_at: Option<DateTimeUtc>,
    /// Last sign-in or switch into this organisation; sign-in without an organisation takes the latest.
    pub last_used_at: Option<DateTimeUtc>,
    /// When the user first joined.
    pub created_at: DateTimeUtc,
    /// When the row last changed.
    pub updated_at: DateTimeUtc,
}

/// Relations are written as composite foreign keys in the migrations; queries over them are `store`'s.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Classified for Entity {
    const TABLE: TableClass = TableClass::Tenant;

    fn class(column: &Column) -> Class {
        use Column::*;
        match column {
            OrgId | Id | UserId | Role | Status | PendingRole | RequestedBy | RequestId | RequestedAt | LastUsedAt
            | CreatedAt | UpdatedAt => Class::Metadata,
        }
    }
}

//! What one person decided about an approval request.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Confidential,
    enums::Decided,
    ids::{ApprovalDecisionId, ApprovalRequestId, OrgId, UserId},
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `approval_decisions`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "approval_decisions")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the row inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApprovalDecisionId,
    /// The request.
    pub request_id: ApprovalRequestId,
    /// Who decided.
    pub decided_by: UserId,
    /// What.
    pub decision: Decided,
    /// Why.
    #[sea_orm(nullable)]
    pub comment: Confidential<String>,
    /// When.
    pub created_at: DateTimeUtc,
}

/// Relations are written as composite foreign keys in the migrations; queries over them are `store`'s.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Classified for Entity {
    const TABLE: TableClass = TableClass::Tenant;
    const AUDIENCE: Audience = Audience::Work;

    fn class(column: &Column) -> Class {
        use Column::*;
        match column {
            OrgId | Id | RequestId | DecidedBy | Decision | CreatedAt => Class::Metadata,
            Comment => Class::Confidential,
        }
    }
}

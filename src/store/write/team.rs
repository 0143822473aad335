//! Teams and their members, as they are changed.

use entity::{
    agent, agent_collaborator,
    enums::TeamRole,
    ids::{TeamId, TeamMembershipId, UserId},
    team, team_membership,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait,
    sea_query::{Expr, ExprTrait, LockType, Query},
};
use serde_json::json;

use super::check::active_member;
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::{
        TeamFacts, TeamKey,
        permit::{CreateTeam, ManageTeam, ManageTeamMembers, Permit},
    },
    store::{Store, audit::record::Record, fold, list::row::Row as _, read::team::TeamRow},
};

/// A team that is to be created.
#[derive(Clone, Debug)]
pub struct TeamDraft {
    /// Display name.
    pub name: String,
    /// Handle, unique in the organisation.
    pub slug: String,
    /// What the team is for.
    pub description: String,
}

/// What is to change of a team; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct TeamChange {
    /// Display name.
    pub name: Option<String>,
    /// Handle, unique in the organisation.
    pub slug: Option<String>,
    /// What the team is for.
    pub description: Option<String>,
}

impl Store {
    /// The facts that rules need of one team, loaded under the viewer's scope; `NOT_FOUND` when it is absent or another
    /// organisation's.
    pub async fn team_facts(&self, id: TeamId) -> Result<TeamFacts> {
        let row = self.team_by_ids(&[id], TeamRow::keys()).await?.pop().ok_or(Error::NotFound)?;
        Ok(TeamFacts { key: TeamKey { org_id: row.org_id, id: row.id } })
    }

    /// Creates a team.
    pub async fn team_create(&self, clock: &Clock, permit: &Permit<CreateTeam>, draft: TeamDraft) -> Result<TeamId> {
        let org_id = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let id = clock.id();
        let now = clock.now();
        let row = team::ActiveModel {
            org_id: Set(org_id),
            id: Set(id),
            name_folded: Set(fold(&draft.name)),
            name: Set(draft.name),
            slug: Set(draft.slug),
            description: Set(draft.description),
            created_at: Set(now),
            updated_at: Set(now),
        };
        team::Entity::insert(row).exec_without_returning(&tx).await?;
        self.finish(tx, clock, org_id, [Record::about("team.created", id)]).await?;
        Ok(id)
    }

    /// Renames or describes a team.
    pub async fn team_update(&self, clock: &Clock, permit: &Permit<ManageTeam>, change: TeamChange) -> Result<()> {
        use team::{Column, Entity};
        let TeamKey { org_id, id } = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let mut update = Query::update();
        let mut changed = Vec::new();
        update.table(Entity).value(Column::UpdatedAt, clock.now());
        if let Some(name) = change.name {
            update.value(Column::NameFolded, fold(&name)).value(Column::Name, name);
            changed.push("name");
        }
        if let Some(slug) = change.slug {
            update.value(Column::Slug, slug);
            changed.push("slug");
        }
        if let Some(description) = change.description {
            update.value(Column::Description, description);
            changed.push("description");
        }
        update.and_where(Expr::col(Column::OrgId).eq(org_id)).and_where(Expr::col(Column::Id).eq(id));
        if tx.execute(&update).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        let record = Record::about("team.updated", id).with(json!({ "changed": changed }));
        self.finish(tx, clock, org_id, [record]).await
    }

    /// Deletes a team that owns no agent, with its memberships and collaborations.
    pub async fn team_delete(&self, clock: &Clock, permit: &Permit<ManageTeam>) -> Result<()> {
        let TeamKey { org_id, id } = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        // Whoever is giving the team an agent or a member holds its row: wait for them, and see what they did.
        let mut held = Query::select();
        held.expr(Expr::val(1))
            .from(team::Entity)
            .and_where(Expr::col(team::Column::OrgId).eq(org_id))
            .and_where(Expr::col(team::Column::Id).eq(id))
            .lock(LockType::Update);
        tx.query_one(&held).await?.ok_or(Error::NotFound)?;
        let mut owned = Query::select();
        owned
            .expr(Expr::val(1))
            .from(agent::Entity)
            .and_where(Expr::col(agent::Column::OrgId).eq(org_id))
            .and_where(Expr::col(agent::Column::TeamId).eq(id))
            .limit(1);
        if tx.query_one(&owned).await?.is_some() {
            return Err(Error::Conflict("The team owns agents: move them first."));
        }
        let mut members = Query::delete();
        members
            .from_table(team_membership::Entity)
            .and_where(Expr::col(team_membership::Column::OrgId).eq(org_id))
            .and_where(Expr::col(team_membership::Column::TeamId).eq(id));
        tx.execute(&members).await?;
        let mut grants = Query::delete();
        grants
            .from_table(agent_collaborator::Entity)
            .and_where(Expr::col(agent_collaborator::Column::OrgId).eq(org_id))
            .and_where(Expr::col(agent_collaborator::Column::TeamId).eq(id));
        tx.execute(&grants).await?;
        let mut delete = Query::delete();
        delete
            .from_table(team::Entity)
            .and_where(Expr::col(team::Column::OrgId).eq(org_id))
            .and_where(Expr::col(team::Column::Id).eq(id));
        tx.execute(&delete).await?;
        self.finish(tx, clock, org_id, [Record::about("team.deleted", id)]).await
    }

    /// Adds an active member of the organisation to a team.
    pub async fn team_member_add(
        &self,
        clock: &Clock,
        permit: &Permit<ManageTeamMembers>,
        user_id: UserId,
        role: TeamRole,
    ) -> Result<TeamMembershipId> {
        let TeamKey { org_id, id } = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        active_member(&tx, org_id, user_id).await?;
        let membership_id = clock.id();
        let row = team_membership::ActiveModel {
            org_id: Set(org_id),
            id: Set(membership_id),
            team_id: Set(id),
            user_id: Set(user_id),
            role: Set(role),
            created_at: Set(clock.now()),
        };
        team_membership::Entity::insert(row).exec_without_returning(&tx).await?;
        let record = Record::about("team.member_added", id)
            .with(json!({ "userId": user_id.to_string(), "role": role.as_str() }));
        self.finish(tx, clock, org_id, [record]).await?;
        Ok(membership_id)
    }

    /// Changes a member's role in a team.
    pub async fn team_member_update(
        &self,
        clock: &Clock,
        permit: &Permit<ManageTeamMembers>,
        user_id: UserId,
        role: TeamRole,
    ) -> Result<()> {
        use team_membership::{Column, Entity};
        let TeamKey { org_id, id } = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Role, role.as_str())
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::TeamId).eq(id))
            .and_where(Expr::col(Column::UserId).eq(user_id));
        if tx.execute(&update).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        let record = Record::about("team.member_role_changed", id)
            .with(json!({ "userId": user_id.to_string(), "role": role.as_str() }));
        self.finish(tx, clock, org_id, [record]).await
    }

    /// Ends a membership of a team.
    pub async fn team_member_remove(
        &self,
        clock: &Clock,
        permit: &Permit<ManageTeamMembers>,
        user_id: UserId,
    ) -> Result<()> {
        use team_membership::{Column, Entity};
        let TeamKey { org_id, id } = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let mut delete = Query::delete();
        delete
            .from_table(Entity)
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::TeamId).eq(id))
            .and_where(Expr::col(Column::UserId).eq(user_id));
        if tx.execute(&delete).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        let record = Record::about("team.member_removed", id).with(json!({ "userId": user_id.to_string() }));
        self.finish(tx, clock, org_id, [record]).await
    }
}

//! Teams and their members.

use std::collections::HashMap;

use entity::{
    enums::TeamRole,
    ids::{OrgId, TeamId, TeamMembershipId, TypedId, UserId},
    team, team_membership,
};
use sea_orm::sea_query::{Expr, ExprTrait};

use crate::store::{
    List, OrgRow, Store, any_of, contains,
    list::{
        page::{Page, PageRequest, Sort, SortKind},
        row::{Columns, Row, row},
    },
    uuids,
};
use crate::{error::Result, policy::TeamKey};

row! {
    /// A team, with the columns that were asked for.
    TeamRow of team {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The team."] id: TeamId = Id,
        lazy #[doc = "Display name."] name: String = Name,
        lazy #[doc = "Handle."] slug: String = Slug,
        lazy #[doc = "What it is for."] description: String = Description,
        lazy #[doc = "When it was created."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
    }
}

impl OrgRow for TeamRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

row! {
    /// A team membership, with the columns that were asked for.
    TeamMembershipRow of team_membership {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The team membership."] id: TeamMembershipId = Id,
        key #[doc = "The team."] team_id: TeamId = TeamId,
        key #[doc = "The member."] user_id: UserId = UserId,
        key #[doc = "The role in the team."] role: TeamRole = Role,
        lazy #[doc = "When the member joined the team."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
    }
}

impl OrgRow for TeamMembershipRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

/// Which teams.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct TeamFilter {
    /// With this text in the name.
    pub search: Option<String>,
    /// Of this organisation.
    pub organization_id: Option<OrgId>,
}

fn teams(filter: &TeamFilter, columns: Columns<team::Entity>) -> List<TeamRow> {
    let col = |column| Expr::col((team::Entity, column));
    List::new(columns)
        .only(filter.organization_id.map(|org_id| col(team::Column::OrgId).eq(org_id)))
        .only(filter.search.as_ref().map(|text| contains(col(team::Column::NameFolded), text)))
        .sorted(Sort { kind: SortKind::Text, descending: false }, Some(col(team::Column::NameFolded)))
}

impl Store {
    /// Looks teams up by id.
    pub async fn team_by_ids(&self, ids: &[TeamId], columns: Columns<team::Entity>) -> Result<Vec<TeamRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of teams by name.
    pub async fn team_list(
        &self,
        filter: &TeamFilter,
        columns: Columns<team::Entity>,
        page: &PageRequest,
    ) -> Result<Page<TeamRow>> {
        self.list(teams(filter, columns), page).await
    }

    /// How many teams the list has.
    pub async fn team_count(&self, filter: &TeamFilter) -> Result<i64> {
        self.list_count(teams(filter, TeamRow::keys())).await
    }

    /// A page of teams for each organisation.
    pub async fn teams_of_organizations(
        &self,
        orgs: &[OrgId],
        columns: Columns<team::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<TeamRow>>> {
        let parents: Vec<_> = orgs.iter().map(|org| (org.uuid(), org.uuid())).collect();
        let org_id = Expr::col((team::Entity, team::Column::OrgId));
        let list = teams(&TeamFilter::default(), columns);
        self.children(&parents, list, page, |parent| vec![org_id.eq(parent.org_id)]).await
    }

    /// How many teams each organisation has.
    pub async fn team_counts(&self, orgs: &[OrgId]) -> Result<HashMap<OrgId, i64>> {
        self.child_counts(teams(&TeamFilter::default(), TeamRow::keys()), "org_id", orgs).await
    }

    /// A page of members for each team.
    pub async fn team_member_list(
        &self,
        teams: &[TeamKey],
        columns: Columns<team_membership::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<TeamMembershipRow>>> {
        use team_membership::{Column, Entity};
        let parents: Vec<_> = teams.iter().map(|team| (team.org_id.uuid(), team.id.uuid())).collect();
        self.children(&parents, List::new(columns), page, |parent| {
            vec![
                Expr::col((Entity, Column::OrgId)).eq(parent.org_id),
                Expr::col((Entity, Column::TeamId)).eq(parent.id),
            ]
        })
        .await
    }

    /// How many members each team has.
    pub async fn team_member_counts(&self, teams: &[TeamId]) -> Result<HashMap<TeamId, i64>> {
        self.child_counts(List::<TeamMembershipRow>::new(TeamMembershipRow::keys()), "team_id", teams).await
    }

    /// The teams that each user belongs to, in the viewer's scope.
    pub async fn team_memberships_of(
        &self,
        users: &[UserId],
        columns: Columns<team_membership::Entity>,
    ) -> Result<Vec<TeamMembershipRow>> {
        let scope = self.scope()?;
        let columns = scope.project(columns);
        let mut select = scope.find::<team_membership::Entity>(columns);
        let user_id = Expr::col((team_membership::Entity, team_membership::Column::UserId));
        select.and_where(any_of(user_id, &uuids(users), self.db.backend()));
        select.order_by((team_membership::Entity, team_membership::Column::Id), sea_orm::Order::Asc);
        self.rows(&select, columns).await
    }
}

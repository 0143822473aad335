//! What the rows say about an external subject now, and the viewer that follows from it.
//!
//! Places are only those whose own admins let the issuer in: of the account's other organisations an external token
//! learns nothing. Claims take away and never give, as with tokens of ours.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{
    enums::{MembershipStatus, OrgRole, OrganizationStatus, TeamRole, UserStatus},
    ids::{OrgId, TeamId, UserId, UserIdentityId},
};

use super::ExternalClaims;
use crate::{
    error::{Error, Result},
    viewer::{Account, Entry, External, TenantViewer, Viewer},
};

/// A link, its account, and the account's places in organisations that let the issuer in.
#[derive(Clone, Debug)]
pub struct ExternalStatus {
    /// The link.
    pub identity_id: UserIdentityId,
    /// The account that linked the subject.
    pub user_id: UserId,
    /// Whether it may sign in.
    pub status: UserStatus,
    /// Whether it is a platform operator's.
    pub is_super_admin: bool,
    /// Its memberships, as far as they go with this issuer.
    pub places: Vec<Place>,
}

/// A membership.
#[derive(Clone, Debug)]
pub struct Place {
    /// The organisation.
    pub org_id: OrgId,
    /// Its handle.
    pub slug: String,
    /// Whether it is served.
    pub org_status: OrganizationStatus,
    /// The role.
    pub role: OrgRole,
    /// Whether it grants it.
    pub status: MembershipStatus,
    /// Teams there.
    pub teams: BTreeMap<TeamId, TeamRole>,
}

impl ExternalStatus {
    /// The place that the claims name; without a name, the only one that is open.
    pub fn place(&self, claims: &ExternalClaims) -> Option<&Place> {
        let mut served = self.places.iter().filter(|place| place.org_status == OrganizationStatus::Active);
        let Some(named) = &claims.organization else {
            let mut open = served.filter(|place| place.status == MembershipStatus::Active);
            let only = open.next()?;
            return open.next().is_none().then_some(only);
        };
        let id: Option<OrgId> = named.parse().ok();
        served.find(|place| id.map_or(place.slug == *named, |id| place.org_id == id))
    }

    /// The viewer for a token with these claims.
    pub fn viewer_for(&self, claims: &ExternalClaims, now: DateTime<Utc>) -> Result<Viewer> {
        // An issuer never speaks for an operator.
        if self.status != UserStatus::Active || self.is_super_admin || now >= claims.expires_at {
            return Err(Error::Unauthenticated);
        }
        let external =
            External { identity_id: self.identity_id, issuer: claims.issuer.clone(), scopes: claims.scopes.clone() };
        let account = Account { user_id: self.user_id, entry: Entry::External(external) };
        let Some(place) = self.place(claims) else {
            let nowhere = claims.organization.is_none();
            return if nowhere { Ok(Viewer::Unaffiliated(account)) } else { Err(Error::Unauthenticated) };
        };
        match place.status {
            MembershipStatus::Active => {}
            // It waits to be confirmed: somebody, but nowhere yet.
            MembershipStatus::Pending => return Ok(Viewer::Unaffiliated(account)),
            MembershipStatus::Left => return Err(Error::Unauthenticated),
        }
        let mut tenant =
            TenantViewer { account, org_id: place.org_id, org_role: place.role, teams: place.teams.clone() };
        if claims.org_role == Some(OrgRole::Member) {
            tenant.org_role = OrgRole::Member;
        }
        if let Some(claimed) = &claims.team_ids {
            tenant.teams.retain(|team, _| claimed.contains(team));
        }
        Ok(Viewer::Tenant(tenant))
    }
}

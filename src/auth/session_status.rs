//! What the rows say about a session now, and the viewer that follows from it.
//!
//! Powers are the intersection of the token's claims and the rows: a claim can take away, never give. Blindness is the
//! union: a super-admin by either never becomes a tenant, and where the two disagree there is no viewer at all.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{
    enums::{MembershipStatus, OrgRole, OrganizationStatus, TeamRole, UserStatus},
    ids::{OrgId, SessionId, TeamId, UserId},
};

use super::token::Claims;
use crate::{
    error::{Error, Result},
    viewer::{Account, TenantViewer, Viewer},
};

/// A session, its user, and the user's place in the session's organisation.
#[derive(Clone, Debug)]
pub struct SessionStatus {
    /// The session.
    pub session_id: SessionId,
    /// When it ends whatever happens.
    pub expires_at: DateTime<Utc>,
    /// When it was ended.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Who signed in.
    pub user_id: UserId,
    /// Their address.
    pub email: String,
    /// Whether the account may sign in.
    pub status: UserStatus,
    /// Whether the account is a platform operator's.
    pub is_super_admin: bool,
    /// The organisation that the session works in.
    pub org_id: Option<OrgId>,
    /// Whether that organisation is served.
    pub org_status: Option<OrganizationStatus>,
    /// The membership in it, if there is one.
    pub membership: Option<(OrgRole, MembershipStatus)>,
    /// Teams of that organisation.
    pub teams: BTreeMap<TeamId, TeamRole>,
}

impl SessionStatus {
    /// Whether the session goes on and its account may sign in.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && now < self.expires_at && self.status == UserStatus::Active
    }

    /// The viewer by the rows alone; `None` where they grant none.
    pub fn viewer(&self, now: DateTime<Utc>) -> Option<Viewer> {
        if !self.is_live(now) {
            return None;
        }
        let account = Account::signed_in(self.user_id, self.session_id);
        let Some(org_id) = self.org_id else {
            return Some(if self.is_super_admin { Viewer::SuperAdmin(account) } else { Viewer::Unaffiliated(account) });
        };
        let served = self.org_status == Some(OrganizationStatus::Active);
        match self.membership {
            Some((org_role, MembershipStatus::Active)) if served && !self.is_super_admin => {
                Some(Viewer::Tenant(TenantViewer { account, org_id, org_role, teams: self.teams.clone() }))
            }
            _ => None,
        }
    }

    /// The viewer for a token with these claims.
    pub fn viewer_for(&self, claims: &Claims, now: DateTime<Utc>) -> Result<Viewer> {
        let same = self.user_id == claims.user_id
            && self.session_id == claims.session_id
            // The session may have been switched since: a token is for the organisation that it names and no other.
            && self.org_id == claims.org_id
            && self.is_super_admin == claims.is_super_admin;
        let viewer = if same && now < claims.expires_at { self.viewer(now) } else { None };
        let mut viewer = viewer.ok_or(Error::Unauthenticated)?;
        if let Viewer::Tenant(tenant) = &mut viewer {
            if claims.org_role == Some(OrgRole::Member) {
                tenant.org_role = OrgRole::Member;
            }
            if let Some(claimed) = &claims.team_ids {
                tenant.teams.retain(|team, _| claimed.contains(team));
            }
        }
        Ok(viewer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use entity::ids::{SigningKeyId, TypedId};
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn id<I: TypedId>(n: u128) -> I {
        I::from_uuid(Uuid::from_u128(n))
    }

    fn admin() -> SessionStatus {
        SessionStatus {
            session_id: id(1),
            expires_at: NOW + TimeDelta::days(1),
            revoked_at: None,
            user_id: id(2),
            email: "ada@example.com".to_owned(),
            status: UserStatus::Active,
            is_super_admin: false,
            org_id: Some(id(3)),
            org_status: Some(OrganizationStatus::Active),
            membership: Some((OrgRole::Admin, MembershipStatus::Active)),
            teams: [(id(4), TeamRole::Admin), (id(5), TeamRole::Member)].into(),
        }
    }

    fn operator() -> SessionStatus {
        SessionStatus {
            is_super_admin: true,
            org_id: None,
            org_status: None,
            membership: None,
            teams: BTreeMap::new(),
            ..admin()
        }
    }

    fn claims(status: &SessionStatus) -> Claims {
        Claims {
            user_id: status.user_id,
            session_id: status.session_id,
            is_super_admin: status.is_super_admin,
            org_id: status.org_id,
            org_role: status.membership.map(|(role, _)| role),
            team_ids: Some(status.teams.keys().copied().collect()),
            scopes: vec![],
            issued_at: NOW,
            expires_at: NOW + TimeDelta::minutes(15),
            key_id: id::<SigningKeyId>(9),
        }
    }

    fn tenant(status: &SessionStatus, claims: &Claims) -> TenantViewer {
        match status.viewer_for(claims, NOW) {
            Ok(Viewer::Tenant(tenant)) => tenant,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_and_claims_that_agree_give_the_viewer_they_name() {
        let viewer = tenant(&admin(), &claims(&admin()));
        assert_eq!((viewer.org_role, viewer.teams.len()), (OrgRole::Admin, 2));
        assert!(matches!(operator().viewer_for(&claims(&operator()), NOW), Ok(Viewer::SuperAdmin(_))));
        let alone = SessionStatus { is_super_admin: false, ..operator() };
        assert!(matches!(alone.viewer_for(&claims(&alone), NOW), Ok(Viewer::Unaffiliated(_))));
    }

    #[test]
    fn a_claim_takes_away_and_never_gives() {
        let less =
            Claims { org_role: Some(OrgRole::Member), team_ids: Some([id(5), id(6)].into()), ..claims(&admin()) };
        let viewer = tenant(&admin(), &less);
        assert_eq!(viewer.org_role, OrgRole::Member);
        assert_eq!(viewer.teams, [(id(5), TeamRole::Member)].into());

        let demoted = SessionStatus {
            membership: Some((OrgRole::Member, MembershipStatus::Active)),
            teams: BTreeMap::new(),
            ..admin()
        };
        let viewer = tenant(&demoted, &claims(&admin()));
        assert_eq!((viewer.org_role, viewer.teams.len()), (OrgRole::Member, 0));
    }

    #[test]
    fn an_absent_claim_limits_nothing() {
        let viewer = tenant(&admin(), &Claims { org_role: None, team_ids: None, ..claims(&admin()) });
        assert_eq!((viewer.org_role, viewer.teams.len()), (OrgRole::Admin, 2));
    }

    #[test]
    fn whatever_ends_a_session_or_a_membership_ends_the_viewer() {
        let (good, asked) = (admin(), claims(&admin()));
        for gone in [
            SessionStatus { revoked_at: Some(NOW), ..good.clone() },
            SessionStatus { expires_at: NOW, ..good.clone() },
            SessionStatus { status: UserStatus::Suspended, ..good.clone() },
            SessionStatus { status: UserStatus::Deactivated, ..good.clone() },
            SessionStatus { org_status: Some(OrganizationStatus::Suspended), ..good.clone() },
            SessionStatus { org_status: Some(OrganizationStatus::Archived), ..good.clone() },
            SessionStatus { org_status: None, ..good.clone() },
            SessionStatus { membership: Some((OrgRole::Admin, MembershipStatus::Left)), ..good.clone() },
            SessionStatus { membership: Some((OrgRole::Admin, MembershipStatus::Pending)), ..good.clone() },
            SessionStatus { membership: None, ..good.clone() },
            SessionStatus { org_id: Some(id(33)), ..good.clone() },
            SessionStatus { org_id: None, ..good.clone() },
            SessionStatus { user_id: id(22), ..good.clone() },
            SessionStatus { session_id: id(11), ..good.clone() },
        ] {
            assert!(matches!(gone.viewer_for(&asked, NOW), Err(Error::Unauthenticated)), "{gone:?}");
        }
        let late = Claims { expires_at: NOW, ..asked };
        assert!(good.viewer_for(&late, NOW).is_err());
    }

    #[test]
    fn a_super_admin_by_the_claim_or_the_row_alone_is_nobody() {
        let member = SessionStatus { is_super_admin: false, ..operator() };
        assert!(member.viewer_for(&claims(&operator()), NOW).is_err());
        assert!(operator().viewer_for(&claims(&member), NOW).is_err());
        let promoted = SessionStatus { is_super_admin: true, ..admin() };
        assert!(promoted.viewer_for(&claims(&admin()), NOW).is_err());
        assert!(promoted.viewer_for(&claims(&promoted), NOW).is_err());
        let pretender = Claims { is_super_admin: true, ..claims(&admin()) };
        assert!(admin().viewer_for(&pretender, NOW).is_err());
    }
}

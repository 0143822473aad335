//! Accounts that come by an external issuer's token: who they are here, how they are linked, and how they begin.
//!
//! A subject is linked by the account's owner, signed in here, who shows a token of it; never by a matching address, which
//! is only what an issuer says. Where an issuer's settings allow it (off by default), a subject that nobody linked gets an
//! account of its own and asks for a membership: role member, granting nothing until an admin of that organisation
//! confirms it. An address that somebody has already gets no account and no link.

use entity::{
    enums::{MembershipStatus, OrgRole, UserStatus},
    ids::{OrgId, UserIdentityId},
};
use serde_json::json;

use super::{Identity, Inner, Proof, invitations::person_name, sessions::signed_in};
use crate::service::admin_mail::{Post, Request, tell_admins};
use crate::{
    auth::external::{ExternalClaims, ExternalStatus},
    error::{Error, Result},
    store::{
        audit::record::{self, Record},
        auth::{
            account,
            account::NewAccount,
            external as rows,
            external::IdentityRow,
            invitation::{self as members, Joining},
        },
        db::{Role, Tx},
    },
    viewer::{Account, Actor, Viewer},
};

/// Subjects that one account links at most.
const MOST: u64 = 20;

impl Identity {
    /// The viewer for an external issuer's verified claims under the rows as they are now.
    pub(in crate::service) async fn external_viewer(&self, claims: &ExternalClaims) -> Result<Viewer> {
        let inner = &*self.0;
        let (mut standing, newcomer) = inner.external_status(claims).await?;
        if let Some(org) = newcomer {
            match inner.ask_to_join(claims, org).await {
                // Somebody came by the same token at the same moment, or the address was taken meanwhile.
                Ok(()) | Err(Error::Conflict(_)) => (standing, _) = inner.external_status(claims).await?,
                Err(error) => return Err(error),
            }
        }
        standing.ok_or(Error::Unauthenticated)?.viewer_for(claims, inner.clock.now())
    }

    /// The account's links; for one that came by a link, that one alone: the others are no business of its issuer.
    pub async fn identities(&self, account: &Account) -> Result<Vec<IdentityRow>> {
        let tx = self.0.db.begin_read(Role::Identity, None).await?;
        let mut all = rows::identity_list(&tx, account.user_id).await?;
        if let Some(external) = account.external() {
            all.retain(|row| row.id == external.identity_id);
        }
        Ok(all)
    }

    /// Links the subject of an external token to the viewer's account. A second time it changes nothing.
    pub async fn link_identity(&self, viewer: &Viewer, token: &str) -> Result<IdentityRow> {
        let inner = &*self.0;
        let me = signed_in(viewer)?;
        if viewer.is_super_admin() {
            return Err(Error::Forbidden("an external issuer never speaks for a super-admin"));
        }
        let no_token = || Error::validation("token", "This is no token of an issuer that this server takes.");
        let claims = match self.verify(token).await {
            Ok(Proof::External(claims)) => claims,
            Ok(Proof::Ours(_)) | Err(Error::Unauthenticated) => return Err(no_token()),
            Err(error) => return Err(error),
        };
        let tx = inner.db.begin_write(Role::System, None).await?;
        if members::account_state(&tx, me.user_id).await? != Some((UserStatus::Active, false)) {
            return Err(Error::Unauthenticated);
        }
        match rows::identity_lookup(&tx, &claims.issuer, &claims.subject).await? {
            Some(row) if row.user_id == me.user_id => return Ok(row),
            Some(_) => return Err(Error::Conflict("This subject is linked to another account.")),
            None => {}
        }
        if rows::identity_count(&tx, me.user_id).await? >= MOST {
            return Err(Error::Conflict("The account has as many links as it may have."));
        }
        let row = inner.link(&tx, &claims, me.user_id).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Takes a link away: the subject's tokens are refused from then on.
    pub async fn unlink_identity(&self, viewer: &Viewer, id: UserIdentityId) -> Result<()> {
        let inner = &*self.0;
        let me = signed_in(viewer)?;
        let tx = inner.db.begin_write(Role::System, None).await?;
        if !rows::identity_delete(&tx, me.user_id, id).await? {
            return Err(Error::NotFound);
        }
        record::platform_record(&tx, &inner.clock, Some(me.user_id), Record::about("identity.unlinked", id)).await?;
        tx.commit().await
    }
}

impl Inner {
    /// What the rows say of a subject, and the organisation that it is to ask for, if it is new there. Both of one moment:
    /// else one who comes twice at once could find no link, and then its own address taken.
    pub(in crate::service) async fn external_status(
        &self,
        claims: &ExternalClaims,
    ) -> Result<(Option<ExternalStatus>, Option<OrgId>)> {
        let tx = self.db.begin_read(Role::Identity, None).await?;
        let standing = rows::external_status_lookup(&tx, &claims.issuer, &claims.subject).await?;
        let newcomer = self.newcomer(&tx, claims, standing.as_ref()).await?;
        Ok((standing, newcomer))
    }

    /// The organisation that the subject is to ask for, if its issuer may bring newcomers.
    async fn newcomer(
        &self,
        tx: &Tx,
        claims: &ExternalClaims,
        standing: Option<&ExternalStatus>,
    ) -> Result<Option<OrgId>> {
        let brings = self.settings.issuers.find(&claims.issuer).is_some_and(|issuer| issuer.trust().just_in_time);
        let Some(named) = claims.organization.as_deref().filter(|_| brings) else { return Ok(None) };
        let may = match (standing, &claims.email) {
            (Some(standing), _) => standing.status == UserStatus::Active && !standing.is_super_admin,
            (None, email) => email.is_some(),
        };
        if !may {
            return Ok(None);
        }
        let Some(org) = rows::issuer_organization(tx, &claims.issuer, named).await? else { return Ok(None) };
        let known = match (standing, &claims.email) {
            // A membership in whatever state was decided about before: who left does not come back by this door.
            (Some(standing), _) => standing.places.iter().any(|place| place.org_id == org),
            (None, Some(email)) => account::account_lookup(tx, email).await?.is_some(),
            (None, None) => true,
        };
        Ok((!known).then_some(org))
    }

    /// Makes the account, if it is new, its link, and a membership that waits. One transaction of the platform's own role
    /// inside the organisation.
    async fn ask_to_join(&self, claims: &ExternalClaims, org: OrgId) -> Result<()> {
        let tx = self.db.begin_write(Role::System, Some(org)).await?;
        let now = self.clock.now();
        let served = members::organization_served(&tx, org).await?;
        let Some(organization) = served else { return Err(Error::Unauthenticated) };
        if !rows::issuer_is_enabled(&tx, org, &claims.issuer).await? {
            return Err(Error::Unauthenticated);
        }
        let found = rows::identity_lookup(&tx, &claims.issuer, &claims.subject).await?;
        let user = match (found, &claims.email) {
            (Some(row), _) => row.user_id,
            (None, Some(email)) => {
                let mailbox = email.split('@').next().unwrap_or(email);
                let name = claims.name.as_deref().and_then(|name| person_name("name", name).ok());
                let name = name.unwrap_or_else(|| mailbox.to_owned());
                let id = self.clock.id();
                let account = NewAccount { id, email: email.clone(), name, password_hash: None };
                account::account_create(&tx, account, now).await?;
                record::platform_record(&tx, &self.clock, Some(id), Record::about("user.created", id)).await?;
                self.link(&tx, claims, id).await?;
                id
            }
            (None, None) => return Err(Error::Unauthenticated),
        };
        if members::account_state(&tx, user).await? != Some((UserStatus::Active, false)) {
            return Err(Error::Unauthenticated);
        }
        if members::member_lock(&tx, org, user).await?.is_some() {
            return tx.commit().await;
        }
        let (role, status) = (OrgRole::Member, MembershipStatus::Pending);
        let request = self.clock.id();
        let joining = Joining { org, user, role, status, wish: Some((request, now)), requested_by: None };
        members::member_create(&tx, self.clock.id(), joining, now).await?;
        if let Some(email) = &claims.email {
            let public_url = &self.settings.public_url;
            let post = Post { clock: &self.clock, public_url, org_id: org, organization: &organization };
            tell_admins(&tx, post, Request { id: request, email, role }).await?;
        }
        let details = json!({ "role": role.as_str(), "issuer": &*claims.issuer });
        let record = Record::about("member.requested", user).with(details);
        record::record(&tx, &self.clock, org, Actor::User(user), record).await?;
        tx.commit().await
    }

    async fn link(&self, tx: &Tx, claims: &ExternalClaims, user: entity::ids::UserId) -> Result<IdentityRow> {
        let row = IdentityRow {
            id: self.clock.id(),
            user_id: user,
            issuer: claims.issuer.to_string(),
            subject: claims.subject.clone(),
            created_at: self.clock.now(),
        };
        rows::identity_create(tx, row.clone()).await?;
        record::platform_record(tx, &self.clock, Some(user), Record::about("identity.linked", row.id)).await?;
        Ok(row)
    }
}

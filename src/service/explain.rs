//! Why somebody may do something, or may not: for an operator at the command line, and for `viewerCan`.
//!
//! [`Identity::viewer_as`] makes the viewer that a sign-in at this moment would make, by the same rows and the same rules.
//! [`Subject::load`] reads the object under that viewer's own scope, so that whatever the viewer is not shown is not
//! explained either.

use std::sync::Arc;

use entity::ids::{
    AgentId, ApprovalRequestId, ChatSessionId, GoalId, OrgId, ServiceAccountId, TeamId, TypedId, UserId,
};

use super::auth::Identity;
use crate::{
    auth::{SessionStatus, email},
    error::{Error, Result},
    policy::{
        AccountFacts, AgentFacts, ApprovalFacts, ChatFacts, Explanation, GoalFacts, OrgFacts, Permission, Resource,
        TeamFacts, explain,
    },
    store::{
        Store,
        auth::{self as rows, account},
        db::Role,
        list::row::Row as _,
        read::{organization::OrganizationRow, user::UserRow},
    },
    viewer::Viewer,
};

/// What a decision is asked about, as one viewer stands to it.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// The platform.
    Platform,
    /// An organisation.
    Organization(OrgFacts),
    /// An account.
    Account(AccountFacts),
    /// A team.
    Team(TeamFacts),
    /// An agent.
    Agent(AgentFacts),
    /// A goal.
    Goal(GoalFacts),
    /// An approval request.
    Approval(ApprovalFacts),
    /// A chat.
    Chat(ChatFacts),
}

impl Subject {
    /// The object of this id; without one the viewer's organisation, or the platform for who has none. `NOT_FOUND` when it
    /// is absent, hidden or another organisation's.
    pub async fn load(store: &Store, id: Option<&str>) -> Result<Self> {
        let Some(id) = id else {
            return Ok(match store.viewer().org_id() {
                Some(org_id) => Self::Organization(OrgFacts { org_id }),
                None => Self::Platform,
            });
        };
        Ok(match id.split_once('_').map_or("", |(prefix, _)| prefix) {
            OrgId::PREFIX => {
                let org_id: OrgId = parse(id)?;
                store.organization_by_ids(&[org_id], OrganizationRow::keys()).await?.pop().ok_or(Error::NotFound)?;
                Self::Organization(OrgFacts { org_id })
            }
            UserId::PREFIX => {
                let user_id: UserId = parse(id)?;
                store.user_by_ids(&[user_id], UserRow::keys()).await?.pop().ok_or(Error::NotFound)?;
                Self::Account(AccountFacts { user_id })
            }
            TeamId::PREFIX => Self::Team(store.team_facts(parse(id)?).await?),
            AgentId::PREFIX => Self::Agent(store.agent_facts(parse(id)?).await?),
            GoalId::PREFIX => Self::Goal(store.goal_facts(parse(id)?).await?),
            ApprovalRequestId::PREFIX => Self::Approval(store.approval_facts(parse(id)?).await?.1),
            ChatSessionId::PREFIX => Self::Chat(store.chat_facts(parse(id)?).await?),
            _ => {
                let message = "Not the id of an organisation, user, team, agent, goal, approval request or chat.";
                return Err(Error::validation("id", message));
            }
        })
    }

    /// The object, as rules look at it.
    pub const fn resource(&self) -> Resource<'_> {
        match self {
            Self::Platform => Resource::Platform,
            Self::Organization(facts) => Resource::Organization(facts),
            Self::Account(facts) => Resource::Account(facts),
            Self::Team(facts) => Resource::Team(facts),
            Self::Agent(facts) => Resource::Agent(facts),
            Self::Goal(facts) => Resource::Goal(facts),
            Self::Approval(facts) => Resource::Approval(facts),
            Self::Chat(facts) => Resource::Chat(facts),
        }
    }
}

fn parse<I: TypedId>(id: &str) -> Result<I> {
    id.parse().map_err(|error: entity::ids::IdError| Error::validation("id", error.to_string()))
}

/// Why the store's viewer may do `permission` to the object of this id, or may not.
pub async fn explained(store: &Store, permission: Permission, id: Option<&str>) -> Result<Explanation> {
    match Subject::load(store, id).await {
        Ok(subject) => Ok(explain(store.viewer(), permission, subject.resource())),
        Err(Error::NotFound) => Ok(Explanation::not_found(permission)),
        Err(error) => Err(error),
    }
}

impl Identity {
    /// The viewer that `who` would be if they signed in now: an address, or a service account's id, or its name in the
    /// organisation of that handle. Without a handle a person works where sign-in would put them. `UNAUTHENTICATED` for
    /// who could not sign in, `NOT_FOUND` for whom there is not, or not in that organisation.
    pub async fn viewer_as(&self, who: &str, organization: Option<&str>) -> Result<Viewer> {
        if who.contains('@') { self.person(who, organization).await } else { self.key_of(who, organization).await }
    }

    async fn person(&self, address: &str, organization: Option<&str>) -> Result<Viewer> {
        let inner = &*self.0;
        let address = email::normalise(address).ok_or_else(|| Error::validation("as", "This is no address."))?;
        let tx = inner.db.begin_read(Role::Identity, None).await?;
        let account = account::account_lookup(&tx, &address).await?.ok_or(Error::NotFound)?;
        let memberships = rows::membership_list(&tx, account.id).await?;
        let org_id = match organization {
            None => memberships.first().map(|membership| membership.org_id),
            Some(slug) => {
                let found = memberships.iter().find(|membership| membership.slug == slug);
                Some(found.ok_or(Error::NotFound)?.org_id)
            }
        };
        let place = match org_id {
            Some(org_id) => rows::place_lookup(&tx, account.id, org_id).await?,
            None => rows::Place::default(),
        };
        let now = inner.clock.now();
        let status = SessionStatus {
            // Of a session that nobody has begun: it names nothing.
            session_id: inner.clock.id(),
            expires_at: now + inner.settings.session_ttl,
            revoked_at: None,
            user_id: account.id,
            email: address,
            status: account.status,
            is_super_admin: account.is_super_admin,
            org_id,
            org_status: place.org_status,
            membership: place.membership,
            teams: place.teams,
        };
        status.viewer(now).ok_or(Error::Unauthenticated)
    }

    async fn key_of(&self, who: &str, organization: Option<&str>) -> Result<Viewer> {
        let tx = self.0.db.begin_read(Role::Identity, None).await?;
        let named: Option<ServiceAccountId> = who.parse().ok();
        let found: Vec<ServiceAccountId> = match (organization, named) {
            (Some(slug), _) => {
                let accounts = rows::service_account::key_names(&tx, slug).await?.into_iter();
                let wanted = |(id, name): &(_, String)| named.map_or(name == who, |named| *id == named);
                accounts.filter(wanted).map(|(id, _)| id).collect()
            }
            (None, Some(id)) => vec![id],
            (None, None) => {
                let message = "An address, a service account's id, or its name with the organisation's handle.";
                return Err(Error::validation("as", message));
            }
        };
        let [id] = found[..] else {
            let message = "Several service accounts of the organisation have this name: give the id.";
            return Err(if found.is_empty() { Error::NotFound } else { Error::validation("as", message) });
        };
        let status = rows::service_account::key_list(&tx, &[id]).await?.into_values().next();
        status.ok_or(Error::NotFound)?.holder().ok_or(Error::Unauthenticated)
    }

    /// What `who` may read, as they would if they signed in now.
    pub async fn store_as(&self, who: &str, organization: Option<&str>) -> Result<Store> {
        Ok(Store::new(self.0.db.clone(), Arc::new(self.viewer_as(who, organization).await?)))
    }
}

//! Who may read content at all: the proof that opens a confidential value.
//!
//! Members of an organisation get one that opens everything they can load, which is their organisation's rows as far as
//! they see them; a token of theirs that names scopes no more than a key with these. A service account gets one that opens what its scopes are for: `read` alone opens nothing. Nobody else
//! gets any. `store::scope` asks the same function before it selects a confidential column.

use std::collections::BTreeSet;

use entity::{confidential::Reader, enums::ServiceScope, table::Audience};

use crate::viewer::{ServiceViewer, TenantViewer, Viewer};

/// The only proof that its holder may read content.
#[derive(Clone, Copy, Debug)]
pub struct ContentReader {
    members: bool,
    work: bool,
    chat: bool,
}

impl Reader for ContentReader {
    fn opens(&self, audience: Audience) -> bool {
        match audience {
            Audience::Members => self.members,
            Audience::Work => self.work,
            Audience::Chat => self.chat,
        }
    }
}

/// Gives the proof to whoever may open anything, never to a super-admin.
pub fn reader(viewer: &Viewer) -> Option<ContentReader> {
    match viewer {
        Viewer::Tenant(tenant) => {
            let opens = |audience| member_opens(tenant, audience);
            let (members, work, chat) = (opens(Audience::Members), opens(Audience::Work), opens(Audience::Chat));
            (members || work || chat).then_some(ContentReader { members, work, chat })
        }
        Viewer::ServiceAccount(key) => {
            let (work, chat) = (service_account_opens(key, Audience::Work), service_account_opens(key, Audience::Chat));
            (work || chat).then_some(ContentReader { members: false, work, chat })
        }
        Viewer::Anonymous | Viewer::Unaffiliated(_) | Viewer::SuperAdmin(_) => None,
    }
}

/// Whether a service account's scopes open content for this audience.
pub fn service_account_opens(key: &ServiceViewer, audience: Audience) -> bool {
    scopes_open(&key.scopes, audience)
}

/// Whether a member reads content for this audience: all, unless its token names scopes.
pub fn member_opens(viewer: &TenantViewer, audience: Audience) -> bool {
    viewer.account.scopes().is_none_or(|scopes| scopes_open(scopes, audience))
}

fn scopes_open(scopes: &BTreeSet<ServiceScope>, audience: Audience) -> bool {
    let has = |scope| scopes.contains(&scope);
    match audience {
        Audience::Members => false,
        Audience::Work => has(ServiceScope::TasksRun) || has(ServiceScope::PlansWrite),
        Audience::Chat => has(ServiceScope::ChatWrite),
    }
}

#[cfg(test)]
mod tests {
    use entity::ids::{OrgId, ServiceAccountId, TypedId};
    use uuid::Uuid;

    use super::*;
    use crate::viewer::AgentAccess;

    fn key(scopes: &[ServiceScope]) -> ServiceViewer {
        ServiceViewer {
            id: ServiceAccountId::from_uuid(Uuid::from_u128(1)),
            org_id: OrgId::from_uuid(Uuid::from_u128(2)),
            scopes: scopes.iter().copied().collect(),
            agents: AgentAccess::All,
        }
    }

    #[test]
    fn each_scope_opens_the_content_that_it_is_for_and_no_other() {
        for scope in ServiceScope::ALL {
            let proof = reader(&Viewer::ServiceAccount(key(&[*scope])));
            let opened = [Audience::Members, Audience::Work, Audience::Chat]
                .map(|audience| proof.is_some_and(|proof| proof.opens(audience)));
            let expected = match scope {
                ServiceScope::Read | ServiceScope::UsageWrite => [false, false, false],
                ServiceScope::TasksRun | ServiceScope::PlansWrite => [false, true, false],
                ServiceScope::ChatWrite => [false, false, true],
            };
            assert_eq!(opened, expected, "{scope:?}");
        }
        let all = reader(&Viewer::ServiceAccount(key(ServiceScope::ALL))).unwrap();
        assert!(!all.opens(Audience::Members), "settings and audit payloads are for people");
    }
}

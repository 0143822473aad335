//! Accounts and their memberships of `default`.

use entity::{
    fold,
    ids::{TypedId as _, UserId},
};
use sea_orm::{ConnectionTrait as _, DbErr};
use uuid::Uuid;

use super::{
    Conversion,
    pages::{Batch, Old as _, row},
    words,
};

/// Where references to accounts are.
const REFERENCES: &[(&str, &str)] = &[
    ("agents", "owner_id"),
    ("goals", "submitted_by"),
    ("chat_sessions", "user_id"),
    ("approval_requests", "requested_by"),
    ("llm_usage", "user_id"),
];

/// An e-mail address as accounts hold it, trimmed and in lower case, or nothing if it is none.
pub(in crate::m0018_multi_tenancy) fn address(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.split_once('@')?;
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control());
    (plain(local) && plain(domain)).then_some(text)
}

/// The account's row and its membership's.
struct People {
    users: Batch,
    memberships: Batch,
}

/// An account about to be written.
struct Person {
    id: Uuid,
    /// Nothing where there is no usable one: then nobody can ever sign in.
    address: Option<String>,
    name: String,
    last_login: Option<chrono::DateTime<chrono::Utc>>,
    created: chrono::DateTime<chrono::Utc>,
}

impl Conversion<'_> {
    pub(super) async fn organization(&self) -> Result<(), DbErr> {
        let columns = &["id", "name", "name_folded", "slug", "status", "created_at", "updated_at"];
        let mut batch = Batch::new("organizations", columns);
        let row = row![self.org, "Default", fold("Default"), "default", "ACTIVE", self.now, self.now];
        batch.push(self.db, row).await?;
        batch.flush(self.db).await
    }

    /// The old accounts, oldest first, so that the oldest of several with one address is the one that stays; then those
    /// that other rows name.
    pub(super) async fn people(&mut self) -> Result<(), DbErr> {
        let mut people = People {
            users: Batch::new(
                "users",
                &["id", "email", "name", "name_folded", "status", "last_login_at", "created_at", "updated_at"],
            ),
            memberships: Batch::new(
                "org_memberships",
                &["org_id", "id", "user_id", "role", "status", "last_used_at", "created_at", "updated_at"],
            ),
        };
        let sql = "SELECT id, email, name, created_at, last_login_at FROM old_users";
        let mut old = vec![];
        for row in self.db.query_all_raw(self.statement(sql)).await? {
            old.push((row.time("created_at")?.unwrap_or(self.now), row.id()?, row));
        }
        // In Rust: the databases disagree on where nulls go.
        old.sort_by_key(|(created, id, _)| (*created, *id));
        for (created, id, row) in old {
            let (email, name) = (row.text("email")?, row.text("name")?);
            let address = email.as_deref().and_then(address);
            if let Some(&kept) = address.as_ref().and_then(|address| self.addresses.get(address)) {
                self.merge(id, kept, email, name);
                continue;
            }
            if let (None, Some(email)) = (&address, email.filter(|email| !email.trim().is_empty())) {
                self.lose("users", "email", UserId::from_uuid(id), email, "");
            }
            let local = address.as_deref().and_then(|address| address.split('@').next()).unwrap_or("(no name)");
            let name = words::name(name, local);
            let last_login = row.time("last_login_at")?;
            self.person(&mut people, Person { id, address, name, last_login, created }).await?;
        }
        for id in self.missing("users", REFERENCES).await? {
            let name = "(removed user)".to_owned();
            self.person(&mut people, Person { id, address: None, name, last_login: None, created: self.now }).await?;
        }
        self.actors(&mut people).await?;
        people.users.flush(self.db).await?;
        people.memberships.flush(self.db).await
    }

    fn merge(&mut self, id: Uuid, kept: Uuid, email: Option<String>, name: Option<String>) {
        self.merged.insert(id, kept);
        let (id, kept) = (UserId::from_uuid(id), UserId::from_uuid(kept));
        self.lose("users", "id", id, id.to_string(), kept);
        self.lose("users", "email", id, email.unwrap_or_default(), kept);
        if let Some(name) = name {
            self.lose("users", "name", id, name, kept);
        }
    }

    /// Addresses that only the log knows.
    async fn actors(&mut self, people: &mut People) -> Result<(), DbErr> {
        let sql = "SELECT DISTINCT actor FROM old_events WHERE actor LIKE '%@%'";
        let mut found = vec![];
        for row in self.db.query_all_raw(self.statement(sql)).await? {
            found.extend(row.text("actor")?.as_deref().and_then(address));
        }
        found.sort();
        for address in found {
            if !self.addresses.contains_key(&address) {
                let name = address.split('@').next().unwrap_or_default().to_owned();
                let (id, created) = (Uuid::now_v7(), self.now);
                self.person(people, Person { id, address: Some(address), name, last_login: None, created }).await?;
            }
        }
        Ok(())
    }

    async fn person(&mut self, people: &mut People, person: Person) -> Result<(), DbErr> {
        let Person { id, address, name, last_login, created } = person;
        // The domain is reserved (RFC 2606): no mail to it arrives anywhere.
        let email = address.clone().unwrap_or_else(|| format!("{}@users.invalid", id.simple()));
        let (account, member) = if address.is_some() { ("ACTIVE", "ACTIVE") } else { ("DEACTIVATED", "LEFT") };
        self.users.insert(id);
        self.addresses.insert(email.clone(), id);
        let folded = fold(&name);
        people.users.push(self.db, row![id, email, name, folded, account, last_login, created, self.now]).await?;
        // Memberships refer to accounts: both batches fill up and are written in step, accounts first.
        let membership = row![self.org, Uuid::now_v7(), id, "MEMBER", member, last_login, created, self.now];
        people.memberships.push(self.db, membership).await
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_is_trimmed_and_lower_cased_or_refused() {
        assert_eq!(address(" Ada@Example.COM "), Some("ada@example.com".to_owned()));
        for none in ["", "ada", "@example.com", "ada@", "a@b@c", "ada b@example.com", "ada@exa\nmple.com"] {
            assert_eq!(address(none), None, "{none}");
        }
    }
}

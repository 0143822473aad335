//! Settings that must not be shown.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

const HIDDEN: &str = "[hidden]";

/// A secret: `Debug` and serialisation hide it.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Sensitive(String);

impl Sensitive {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Whether none is set.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secret itself, for the one place that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn shown(&self) -> &'static str {
        if self.0.is_empty() { "" } else { HIDDEN }
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown())
    }
}

impl Serialize for Sensitive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

impl Drop for Sensitive {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// A database's address. Shows everything but the password.
#[derive(Clone, Default, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Wraps an address.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// Whether none is set.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address with its password, for opening the database.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it names the embedded database.
    pub fn is_sqlite(&self) -> bool {
        self.0.starts_with("sqlite:")
    }

    /// The address without passwords: neither `user:password@` nor a parameter's.
    pub fn shown(&self) -> String {
        let (base, query) = self.0.split_once('?').map_or((self.0.as_str(), None), |(base, query)| (base, Some(query)));
        let mut shown = match (base.split_once("://"), base.rfind('@')) {
            // The last `@`: a password may hold one that nobody encoded.
            (Some((scheme, rest)), Some(at)) => {
                let user = rest.split([':', '@']).next().unwrap_or_default();
                format!("{scheme}://{user}:{HIDDEN}@{}", &base[at + 1..])
            }
            _ => base.to_owned(),
        };
        for (index, pair) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
            shown.push(if index == 0 { '?' } else { '&' });
            match pair.split_once('=') {
                Some((name, _)) if name.to_ascii_lowercase().contains("pass") => {
                    shown.push_str(name);
                    shown.push('=');
                    shown.push_str(HIDDEN);
                }
                _ => shown.push_str(pair),
            }
        }
        shown
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_address_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgres://ada:hunter2@db/p", "postgres://ada:[hidden]@db/p"),
            ("postgres://ada:hun@ter2@db:5432/p?sslmode=require", "postgres://ada:[hidden]@db:5432/p?sslmode=require"),
            ("postgres://db/p?user=ada&password=hunter2", "postgres://db/p?user=ada&password=[hidden]"),
            ("sqlite:/var/lib/palisade.db", "sqlite:/var/lib/palisade.db"),
            ("", ""),
        ] {
            assert_eq!(format!("{:?}", DatabaseUrl::new(url)), shown);
        }
    }
}

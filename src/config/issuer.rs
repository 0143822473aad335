//! External issuers: whom the platform believes about who somebody is, and how far.
//!
//! ```toml
//! [[identity.issuers]]
//! name = "Acme's Okta"
//! issuer = "https://acme.okta.com"
//! audiences = ["palisade"]
//! ```

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::span;

/// Algorithms that a token may be signed with. Asymmetric ones alone: with a shared secret whoever verifies could sign.
pub const ALGORITHMS: &[&str] = &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// An external issuer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExternalIssuer {
    /// What people call it.
    pub name: String,
    /// `iss`, exactly as in its tokens; discovery starts from it.
    pub issuer: String,
    /// `aud`: one of these.
    pub audiences: Vec<String>,
    /// Where its keys are; empty for discovery.
    pub jwks_url: String,
    /// A file that holds its keys instead.
    pub jwks_file: PathBuf,
    /// What its tokens may be signed with.
    pub algorithms: Vec<String>,
    /// How far its clock may be from ours.
    #[serde(with = "span")]
    pub leeway: Duration,
    /// How often its keys are read.
    #[serde(with = "span")]
    pub refresh: Duration,
    /// How long keys that were read count while it cannot be reached.
    #[serde(with = "span")]
    pub max_stale: Duration,
    /// Whether a subject that nobody linked gets an account and a pending membership.
    pub just_in_time: bool,
    /// Where its tokens say what.
    pub claims: ClaimNames,
}

/// Names of claims. An empty one is never looked for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimNames {
    /// The organisation, by id or handle.
    pub organization: String,
    /// The role in it.
    pub role: String,
    /// What the role's claim says for an admin.
    pub admin_roles: Vec<String>,
    /// The teams, by id.
    pub teams: String,
    /// Scopes.
    pub scopes: String,
    /// The address; for new accounts alone.
    pub email: String,
    /// Whether the issuer has proved the address.
    pub email_verified: String,
    /// The name; for new accounts alone.
    pub name: String,
    /// Whether it is a platform operator's.
    pub super_admin: String,
}

impl Default for ExternalIssuer {
    fn default() -> Self {
        Self {
            name: String::new(),
            issuer: String::new(),
            audiences: Vec::new(),
            jwks_url: String::new(),
            jwks_file: PathBuf::new(),
            algorithms: ["RS256", "ES256", "EdDSA"].map(str::to_owned).into(),
            leeway: Duration::from_secs(60),
            refresh: Duration::from_secs(10 * 60),
            max_stale: Duration::from_secs(24 * 3600),
            just_in_time: false,
            claims: ClaimNames::default(),
        }
    }
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            organization: "org_id".to_owned(),
            role: "org_role".to_owned(),
            admin_roles: vec!["admin".to_owned()],
            teams: "team_ids".to_owned(),
            scopes: "scopes".to_owned(),
            email: "email".to_owned(),
            email_verified: "email_verified".to_owned(),
            name: "name".to_owned(),
            super_admin: "is_super_admin".to_owned(),
        }
    }
}

/// Reads the list as a variable has it: the right-hand side of TOML.
pub(super) fn typed(text: &str) -> Option<Value> {
    toml::from_str::<Table>(&format!("list = {text}")).ok()?.remove("list").filter(Value::is_array)
}

/// What is wrong with the list, in words that repeat no value.
pub(super) fn problem(value: &Value) -> Option<String> {
    const TABLES: &str = "must be a list of tables: [[identity.issuers]]";
    let Some(list) = value.as_array() else { return Some(TABLES.to_owned()) };
    let mut seen = BTreeSet::new();
    for (at, entry) in list.iter().enumerate() {
        let Some(keys) = entry.as_table() else { return Some(TABLES.to_owned()) };
        if let Some(wrong) = misfit(keys) {
            return Some(format!("[{at}] {wrong}"));
        }
        let Ok(issuer) = ExternalIssuer::deserialize(entry.clone()) else {
            return Some(format!("[{at}] does not fit together"));
        };
        if let Some(wrong) = issuer.problem() {
            return Some(format!("[{at}] {wrong}"));
        }
        if !seen.insert(issuer.issuer) {
            return Some(format!("[{at}] names an issuer that is there already"));
        }
    }
    None
}

/// Tries each key alone, so that the one that is wrong can be named.
fn misfit(keys: &Table) -> Option<String> {
    let nested = keys.get("claims").and_then(Value::as_table);
    if let Some(claims) = nested {
        for (key, value) in claims {
            let alone = Table::from_iter([(key.clone(), value.clone())]);
            if ClaimNames::deserialize(alone).is_err() {
                return Some(format!("has no `claims.{key}`, or not of this kind"));
            }
        }
    }
    for (key, value) in keys {
        let alone = Table::from_iter([(key.clone(), value.clone())]);
        if ExternalIssuer::deserialize(alone).is_err() {
            return Some(format!("has no `{key}`, or not of this kind"));
        }
    }
    None
}

impl ExternalIssuer {
    fn problem(&self) -> Option<&'static str> {
        if self.name.trim().is_empty() {
            return Some("needs a `name`");
        }
        if !trustworthy(&self.issuer) {
            return Some("needs an `issuer`: an https:// address without user, query or fragment");
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Some("needs `audiences`: a token for somebody else is not for us");
        }
        if !self.jwks_url.is_empty() && !self.jwks_file.as_os_str().is_empty() {
            return Some("has both `jwks_url` and `jwks_file`");
        }
        if !self.jwks_url.is_empty() && !reachable(&self.jwks_url) {
            return Some("needs a `jwks_url` that is an https:// address without a user");
        }
        let known = |name: &String| ALGORITHMS.contains(&name.as_str());
        if self.algorithms.is_empty() || !self.algorithms.iter().all(known) {
            return Some(
                "has `algorithms` other than RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA",
            );
        }
        if self.claims.super_admin.is_empty() {
            return Some("needs `claims.super_admin`: who is an operator there must be known");
        }
        if self.leeway > Duration::from_secs(300) {
            return Some("has a `leeway` of more than 5m");
        }
        if self.refresh < Duration::from_secs(1) || self.max_stale < self.refresh {
            return Some("needs a `refresh` of 1s or more, and a `max_stale` that is not shorter");
        }
        None
    }
}

/// An address that may be somebody's name: an exact text without what could make two of one.
pub fn trustworthy(url: &str) -> bool {
    reachable(url) && !url.contains(['?', '#']) && url.len() <= 255
}

/// An address that is asked for keys: over TLS, or on this machine.
pub fn reachable(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = !authority.is_empty()
        && !authority.contains('@')
        && !url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\');
    plain && (scheme == "https" || scheme == "http" && is_loopback(authority))
}

/// Whether an authority, `host:port`, is this machine.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const VARIABLE: &str = "PALISADE_IDENTITY__ISSUERS";

    fn read(list: &str) -> Result<Vec<ExternalIssuer>, String> {
        let config = Config::load(None, [(VARIABLE.to_owned(), list.to_owned())]);
        config.map(|config| config.identity.issuers).map_err(|error| error.to_string())
    }

    #[test]
    fn an_issuer_is_read_from_the_file_and_from_a_variable_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        let text = "[[identity.issuers]]\nname = \"A\"\nissuer = \"https://a.example\"\naudiences = [\"p\"]\n\
                    leeway = \"5s\"\n[identity.issuers.claims]\norganization = \"tenant\"\n";
        std::fs::write(&path, text).unwrap();
        let file = Config::load(Some(&path), []).unwrap().identity.issuers;
        let inline = r#"[{ name = "A", issuer = "https://a.example", audiences = ["p"], leeway = "5s", claims = { organization = "tenant" } }]"#;
        assert_eq!(format!("{file:?}"), format!("{:?}", read(inline).unwrap()));
        assert_eq!(file[0].claims.organization, "tenant");
        assert!(!file[0].just_in_time && file[0].claims.role == "org_role");
        // What is printed reads back.
        let printed = crate::config::describe::print(&Config::load(Some(&path), []).unwrap());
        std::fs::write(&path, printed).unwrap();
        assert_eq!(format!("{:?}", Config::load(Some(&path), []).unwrap().identity.issuers), format!("{file:?}"));
    }

    #[test]
    fn what_would_open_the_door_too_far_is_refused_by_name_and_not_repeated() {
        let good = r#"name = "A", issuer = "https://a.example", audiences = ["p"]"#;
        assert!(read(&format!("[{{ {good} }}]")).is_ok());
        for (bad, word) in [
            (r#"issuer = "https://a.example", audiences = ["p"]"#.to_owned(), "name"),
            (r#"name = "A", issuer = "http://hunter2.example", audiences = ["p"]"#.to_owned(), "issuer"),
            (r#"name = "A", issuer = "https://u:hunter2@a.example", audiences = ["p"]"#.to_owned(), "issuer"),
            (r#"name = "A", issuer = "https://a.example?x=hunter2", audiences = ["p"]"#.to_owned(), "issuer"),
            (r#"name = "A", issuer = "https://a.example""#.to_owned(), "audiences"),
            (format!(r#"{good}, algorithms = ["HS256"]"#), "algorithms"),
            (format!(r#"{good}, algorithms = ["none"]"#), "algorithms"),
            (format!("{good}, algorithms = []"), "algorithms"),
            (format!(r#"{good}, jwks_url = "http://hunter2.example/k""#), "jwks_url"),
            (format!(r#"{good}, jwks_url = "https://a.example/k", jwks_file = "k""#), "jwks_file"),
            (format!(r#"{good}, leeway = "1h""#), "leeway"),
            (format!(r#"{good}, max_stale = "1s""#), "max_stale"),
            (format!(r#"{good}, leeway = "hunter2""#), "leeway"),
            (format!(r#"{good}, audience = "hunter2""#), "audience"),
            (format!(r#"{good}, claims = {{ org = "hunter2" }}"#), "claims.org"),
            (format!("{good} }}, {{ {good}"), "already"),
        ] {
            let error = read(&format!("[{{ {bad} }}]")).unwrap_err();
            assert!(error.contains(word) && error.contains("identity.issuers"), "{bad}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(read("hunter2").is_err() && read(r#"["a"]"#).is_err());
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for good in ["http://127.0.0.1:9000", "http://localhost/x", "http://[::1]:1/x", "https://a.example/x"] {
            assert!(reachable(good), "{good}");
        }
        for bad in
            ["http://127.0.0.1.evil.example", "http://localhost.evil.example", "ftp://127.0.0.1", "https://", "x"]
        {
            assert!(!reachable(bad), "{bad}");
        }
    }
}

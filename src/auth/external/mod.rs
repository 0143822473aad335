//! Tokens of external issuers: whom the settings name, and how far each is believed.
//!
//! A token is read as one of ours is, trusting nothing before it is proved: size, three parts, a header that names no key
//! material and asks for nothing that we do not understand, an algorithm from the issuer's own list, a key from the
//! issuer's own set **that is made for that algorithm**, the signature, and only then the claims. The unproved `iss` says
//! whose keys are asked, nothing else; the same `iss` is then read again under the signature.
//!
//! | what | where |
//! |---|---|
//! | the token | here |
//! | the issuer's keys | [`keys`] |
//! | what the rows make of the claims | [`standing`] |

pub mod keys;
pub mod standing;

use std::{collections::BTreeSet, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    enums::{OrgRole, ServiceScope},
    ids::TeamId,
};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::external::keys::ExternalKey;
use super::{bearer, email, strict_json};
use crate::{
    config::{ClaimNames, ExternalIssuer},
    policy::markdown::scope,
};

pub use super::external::{
    keys::{ExternalKeys, KeyName},
    standing::{ExternalStatus, Place},
};

/// Header members that name keys, or change what is signed or how it is read. `crit` says that something must be
/// understood which we do not know.
const NEVER: &[&str] = &["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc", "cty"];
/// Longest subject (OpenID Connect), and longest handle.
const LONGEST: usize = 255;

/// An issuer that the settings name.
#[derive(Clone, Debug)]
pub struct Trust {
    /// `iss`.
    pub issuer: Arc<str>,
    /// `aud`: one of these.
    pub audiences: Vec<String>,
    /// What it may sign with.
    pub algorithms: Vec<Algorithm>,
    /// How far its clock may be from ours.
    pub leeway: TimeDelta,
    /// Whether a subject that nobody linked gets an account and a pending membership.
    pub just_in_time: bool,
    /// Where its tokens say what.
    pub claims: ClaimNames,
}

impl Trust {
    /// From the settings, which have checked it. An algorithm that is none of ours is left out.
    pub fn new(settings: &ExternalIssuer) -> Self {
        Self {
            issuer: settings.issuer.as_str().into(),
            audiences: settings.audiences.clone(),
            algorithms: settings.algorithms.iter().filter_map(|name| algorithm(name)).collect(),
            leeway: TimeDelta::from_std(settings.leeway).unwrap_or_default(),
            just_in_time: settings.just_in_time,
            claims: settings.claims.clone(),
        }
    }
}

/// The algorithm of that name; none for what proves nothing, or is proved by a secret that both sides know.
fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" => Algorithm::EdDSA,
        _ => return None,
    })
}

/// What a verified token claims. All but the first five only ever take away, or fill in a new account's form.
#[derive(Clone, Debug)]
pub struct ExternalClaims {
    /// `iss`.
    pub issuer: Arc<str>,
    /// `sub`: with the issuer, who it is.
    pub subject: String,
    /// The key that signed.
    pub key: KeyName,
    /// `exp`, with the leeway.
    pub expires_at: DateTime<Utc>,
    /// The organisation, by id or handle.
    pub organization: Option<String>,
    /// The role; absent limits nothing.
    pub org_role: Option<OrgRole>,
    /// The teams; absent limits nothing.
    pub team_ids: Option<BTreeSet<TeamId>>,
    /// The scopes; absent limits nothing.
    pub scopes: Option<BTreeSet<ServiceScope>>,
    /// The address in its stored spelling, where the issuer says that it has proved it.
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
}

/// A token that was read. Nothing in it is proved.
#[derive(Debug)]
pub struct Unverified<'a> {
    signed: &'a str,
    signature: &'a str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// Reads a token; `None` for what is none.
pub fn parse(text: &str) -> Option<Unverified<'_>> {
    let text = bearer::checked(text).ok()?;
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    if payload.contains('.') || signature.is_empty() {
        return None;
    }
    let part = |text: &str| strict_json::object(&URL_SAFE_NO_PAD.decode(text).ok()?);
    Some(Unverified { signed, signature, header: part(header)?, claims: part(payload)? })
}

/// What a header says about the key.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// With which algorithm.
    pub algorithm: Algorithm,
    /// `kid`, where there is one.
    pub key_id: Option<&'a str>,
}

impl Unverified<'_> {
    /// Whose token it says that it is.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// The header, where it is one that may be taken from this issuer.
    pub fn signed(&self, trust: &Trust) -> Option<Signed<'_>> {
        if NEVER.iter().any(|name| self.header.contains_key(*name)) {
            return None;
        }
        if let Some(kind) = self.header.get("typ") {
            let kind = kind.as_str()?.to_ascii_lowercase();
            // Anything else is a token for something else, such as a logout.
            if !["jwt", "at+jwt"].contains(&kind.strip_prefix("application/").unwrap_or(&kind)) {
                return None;
            }
        }
        let algorithm = algorithm(self.header.get("alg")?.as_str()?)?;
        let key_id = match self.header.get("kid") {
            None => None,
            Some(name) => Some(name.as_str().filter(|name| name.len() <= LONGEST)?),
        };
        trust.algorithms.contains(&algorithm).then_some(Signed { algorithm, key_id })
    }

    /// Verifies the signature, then the claims.
    pub fn verify(&self, key: &ExternalKey, trust: &Trust, now: DateTime<Utc>) -> Option<ExternalClaims> {
        let signed = self.signed(trust)?;
        if !key.fits(signed) {
            return None;
        }
        let genuine =
            jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key.decoding(), signed.algorithm);
        if genuine.unwrap_or(false) { self.read(key, trust, now) } else { None }
    }

    fn read(&self, key: &ExternalKey, trust: &Trust, now: DateTime<Utc>) -> Option<ExternalClaims> {
        let names = &trust.claims;
        let expires_at = self.time("exp")??.checked_add_signed(trust.leeway)?;
        let begun = |name| Some(self.time(name)?.is_none_or(|at| at <= now + trust.leeway));
        let meant = self.issuer()? == &*trust.issuer && self.audience(&trust.audiences)?;
        if !(meant && now < expires_at && begun("nbf")? && begun("iat")?) {
            return None;
        }
        // Blindness is the union: who is an operator there reads no content here, and an issuer makes no operators.
        if self.optional(&names.super_admin, Value::as_bool)?.unwrap_or(false) {
            return None;
        }
        let verified = self.optional(&names.email_verified, |value| Some(value.as_bool() == Some(true)))?;
        Some(ExternalClaims {
            issuer: Arc::clone(&trust.issuer),
            subject: plain(self.claims.get("sub")?)?,
            key: key.name(signed_algorithm(self, trust)?),
            expires_at,
            organization: self.optional(&names.organization, plain)?,
            org_role: self.optional(&names.role, |value| {
                let admin = words(value)?.iter().any(|word| names.admin_roles.contains(word));
                Some(if admin { OrgRole::Admin } else { OrgRole::Member })
            })?,
            // What is no id of a team names none of ours.
            team_ids: self.optional(&names.teams, |value| {
                Some(words(value)?.iter().filter_map(|id| id.parse().ok()).collect())
            })?,
            scopes: self.optional(&names.scopes, |value| Some(scopes(&words(value)?)))?,
            // For a new account's form alone: what is wrong with them is not a limit.
            email: self.form(&names.email).filter(|_| verified == Some(true)).and_then(|text| email::normalise(&text)),
            name: self.form(&names.name),
        })
    }

    /// A time; `Some(None)` where there is none, `None` where it is none.
    fn time(&self, name: &str) -> Option<Option<DateTime<Utc>>> {
        let Some(value) = self.claims.get(name) else { return Some(None) };
        // Some issuers write fractions.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range is checked, and a fraction of a second is nothing"
        )]
        let seconds = match (value.as_i64(), value.as_f64()) {
            (Some(seconds), _) => seconds,
            (None, Some(seconds)) if (0.0..1e12).contains(&seconds) => seconds as i64,
            _ => return None,
        };
        DateTime::from_timestamp(seconds, 0).map(Some)
    }

    fn audience(&self, wanted: &[String]) -> Option<bool> {
        let meant = |value: &Value| value.as_str().map(|text| wanted.iter().any(|one| one == text));
        match self.claims.get("aud")? {
            Value::Array(all) => all.iter().try_fold(false, |found, value| Some(meant(value)? || found)),
            one => meant(one),
        }
    }

    /// Absent is `Some(None)`; there but of the wrong kind is `None`, which refuses the token: a limit that cannot be read
    /// must not become no limit.
    fn optional<T>(&self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
        self.claims.get(name).filter(|_| !name.is_empty()).map_or(Some(None), |value| read(value).map(Some))
    }

    fn form(&self, name: &str) -> Option<String> {
        self.claims.get(name)?.as_str().map(str::to_owned)
    }
}

fn signed_algorithm(token: &Unverified<'_>, trust: &Trust) -> Option<Algorithm> {
    token.signed(trust).map(|signed| signed.algorithm)
}

/// The scopes among the words. What is none of ours leaves nothing.
fn scopes(words: &[String]) -> BTreeSet<ServiceScope> {
    let known = ServiceScope::ALL.iter().copied();
    known.filter(|one| words.iter().any(|word| word == scope(*one))).collect()
}

/// A name: not empty, not endless, without control characters.
fn plain(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let good = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
    good.then(|| text.to_owned())
}

/// Words: a list of them, or one text with blanks between, as OAuth writes scopes.
fn words(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(text.split_ascii_whitespace().map(str::to_owned).collect()),
        Value::Array(all) => all.iter().map(|word| word.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

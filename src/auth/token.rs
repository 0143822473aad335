//! Access tokens: JWT, EdDSA, fifteen minutes.
//!
//! A token is read in an order that trusts nothing before it is proved: its size, its three parts, a header with exactly
//! `alg`, `typ` and `kid`, a key of our own by that name, the signature, and only then the claims. What a header may not
//! say needs no list: `crit`, `b64`, `zip`, `jwk`, `jku`, `x5u`, `x5c` and whatever comes next are refused because they
//! are not those three.
//!
//! The library verifies signatures and nothing else here: it checks `exp` against the machine's clock, and by default
//! neither `crit` nor `nbf` nor `iss`.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    enums::OrgRole,
    ids::{OrgId, SessionId, SigningKeyId, TeamId, UserId},
};
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Map, Value, json};

use super::{bearer, keys::SigningKey, opaque, session_status::SessionStatus, strict_json};
use crate::error::{Error, Result};

/// `typ` of an access token (RFC 9068): nothing else that the same key may ever sign can be taken for one.
const TYPE: &str = "at+jwt";
/// How far another server's clock may be ahead of ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// More teams than this are left out of the token, which then limits nothing: 8 KiB hold about 180.
const TEAMS: usize = 100;

/// Who issues a token, and for whom.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
}

/// What a verified token claims.
#[derive(Clone, Debug)]
pub struct Claims {
    /// `sub`, which is `user_id`.
    pub user_id: UserId,
    /// `sid`.
    pub session_id: SessionId,
    /// `is_super_admin`; absent is false.
    pub is_super_admin: bool,
    /// `org_id`.
    pub org_id: Option<OrgId>,
    /// `org_role`; absent limits nothing.
    pub org_role: Option<OrgRole>,
    /// `team_ids`; absent limits nothing.
    pub team_ids: Option<BTreeSet<TeamId>>,
    /// `scopes`; service accounts have them.
    pub scopes: Vec<String>,
    /// `iat`.
    pub issued_at: DateTime<Utc>,
    /// `exp`.
    pub expires_at: DateTime<Utc>,
    /// `kid` of the key that signed.
    pub key_id: SigningKeyId,
}

/// Signs a token for a session as it stands.
pub fn issue(
    key: &SigningKey,
    issuer: &Issuer,
    status: &SessionStatus,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<String> {
    let user = status.user_id.to_string();
    let mut claims = json!({
        "iss": issuer.issuer,
        "aud": issuer.audience,
        "sub": user,
        "user_id": user,
        "email": status.email,
        "sid": status.session_id.to_string(),
        "jti": opaque::random(),
        "iat": now.timestamp(),
        "nbf": now.timestamp(),
        "exp": expires_at.timestamp(),
        "is_super_admin": status.is_super_admin,
        "scopes": [],
    });
    if let (Some(org), Some((role, _))) = (status.org_id, status.membership) {
        claims["org_id"] = org.to_string().into();
        claims["org_role"] = role_word(role).into();
        if status.teams.len() <= TEAMS {
            claims["team_ids"] = status.teams.keys().map(TeamId::to_string).collect();
        }
    }
    let header = Header { typ: Some(TYPE.to_owned()), kid: Some(key.id.to_string()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, &claims, key.encoding()).map_err(|error| Error::internal(format!("a token: {error}")))
}

/// The word of the claim, which is not the one of GraphQL.
const fn role_word(role: OrgRole) -> &'static str {
    match role {
        OrgRole::Admin => "admin",
        OrgRole::Member => "member",
    }
}

/// A token whose header was read. Nothing in it is proved.
#[derive(Debug)]
pub struct Unverified<'a> {
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
    key_id: SigningKeyId,
}

/// Reads the header of a token that claims to be ours.
pub fn parse(text: &str) -> Result<Unverified<'_>> {
    read(text).ok_or(Error::Unauthenticated)
}

fn read(text: &str) -> Option<Unverified<'_>> {
    let text = bearer::checked(text).ok()?;
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    if payload.contains('.') {
        return None;
    }
    let header = part(header)?;
    let word = |name: &str| header.get(name).and_then(Value::as_str);
    let ours = header.len() == 3 && word("alg") == Some("EdDSA") && word("typ") == Some(TYPE);
    let key_id = word("kid")?.parse().ok()?;
    ours.then_some(Unverified { signed, payload, signature, key_id })
}

fn part(text: &str) -> Option<Map<String, Value>> {
    strict_json::object(&URL_SAFE_NO_PAD.decode(text).ok()?)
}

impl Unverified<'_> {
    /// The key that it says it was signed with.
    pub const fn key_id(&self) -> SigningKeyId {
        self.key_id
    }

    /// Verifies the signature, then the claims.
    pub fn verify(&self, key: &SigningKey, issuer: &Issuer, now: DateTime<Utc>) -> Result<Claims> {
        let signed = self.signed.as_bytes();
        let genuine = key.id == self.key_id
            && jsonwebtoken::crypto::verify(self.signature, signed, key.decoding(), Algorithm::EdDSA).unwrap_or(false);
        let claims = if genuine { self.claims(issuer, now) } else { None };
        claims.ok_or(Error::Unauthenticated)
    }

    fn claims(&self, issuer: &Issuer, now: DateTime<Utc>) -> Option<Claims> {
        let claims = part(self.payload)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let time = |name: &str| claims.get(name).and_then(Value::as_i64).and_then(|at| DateTime::from_timestamp(at, 0));

        let (issued_at, expires_at) = (time("iat")?, time("exp")?);
        let meant = text("iss")? == issuer.issuer && text("aud")? == issuer.audience;
        let begun = issued_at <= now + LEEWAY && (!claims.contains_key("nbf") || time("nbf")? <= now + LEEWAY);
        let subject = text("sub")?;
        if !(meant && begun && now < expires_at && issued_at < expires_at && subject == text("user_id")?) {
            return None;
        }
        Some(Claims {
            user_id: subject.parse().ok()?,
            session_id: text("sid")?.parse().ok()?,
            is_super_admin: optional(&claims, "is_super_admin", Value::as_bool)?.unwrap_or(false),
            org_id: optional(&claims, "org_id", |value| value.as_str()?.parse().ok())?,
            org_role: optional(&claims, "org_role", |value| {
                OrgRole::ALL.iter().copied().find(|role| value.as_str() == Some(role_word(*role)))
            })?,
            team_ids: optional(&claims, "team_ids", |value| list(value, |id| id.parse().ok()))?,
            scopes: optional(&claims, "scopes", |value| list(value, |scope| Some(scope.to_owned())))?
                .unwrap_or_default(),
            issued_at,
            expires_at,
            key_id: self.key_id,
        })
    }
}

/// Absent is `Some(None)`; there but of the wrong kind is `None`, which refuses the token: a limit that cannot be read
/// must not become no limit.
fn optional<T>(claims: &Map<String, Value>, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
    claims.get(name).map_or(Some(None), |value| read(value).map(Some))
}

fn list<T, L: FromIterator<T>>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Option<L> {
    value.as_array()?.iter().map(|item| read(item.as_str()?)).collect()
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;

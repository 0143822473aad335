//! Of our own tokens only those are taken that we signed, as we signed them.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    enums::{MembershipStatus, OrgRole, OrganizationStatus, TeamRole, UserStatus},
    ids::{SigningKeyId, TypedId},
};
use jsonwebtoken::{Algorithm, EncodingKey};
use palisade::auth::{
    ServerSecret, SessionStatus, SigningKey,
    token::{self, Issuer},
};
use serde_json::{Value, json};
use uuid::Uuid;

struct Ours {
    key: SigningKey,
    public: String,
    issuer: Issuer,
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}

fn id<I: TypedId>(number: u128) -> I {
    I::from_uuid(Uuid::from_u128(number))
}

fn ours() -> &'static Ours {
    static OURS: OnceLock<Ours> = OnceLock::new();
    OURS.get_or_init(|| {
        let secret = ServerSecret::new([7; 32]);
        let row = SigningKey::generate(id::<SigningKeyId>(1), now(), &secret).expect("a key");
        Ours {
            key: SigningKey::open(&row, &secret).expect("its key"),
            public: row.public_key,
            issuer: Issuer { issuer: "https://palisade.example".to_owned(), audience: "palisade".to_owned() },
        }
    })
}

fn standing(number: u128) -> SessionStatus {
    SessionStatus {
        session_id: id(number ^ 2),
        expires_at: now() + TimeDelta::days(1),
        revoked_at: None,
        user_id: id(number),
        email: "ada@example.com".to_owned(),
        status: UserStatus::Active,
        is_super_admin: number.is_multiple_of(5),
        org_id: (!number.is_multiple_of(3)).then(|| id(number ^ 3)),
        org_status: Some(OrganizationStatus::Active),
        membership: (!number.is_multiple_of(3)).then_some((OrgRole::Admin, MembershipStatus::Active)),
        teams: [(id(number ^ 4), TeamRole::Admin)].into(),
    }
}

fn taken(text: &str) -> bool {
    let Ours { key, issuer, .. } = ours();
    token::parse(text).is_ok_and(|token| token.verify(key, issuer, now()).is_ok())
}

/// Reads a text as a token; alters one of ours; makes one without our key.
pub fn check(data: &[u8]) {
    let (kind, rest) = super::first(data);
    if let Some(text) = super::text(rest) {
        // No text holds a signature that was made a moment ago.
        assert!(!taken(text), "{text}");
    }
    let Some((number, rest)) = rest.split_first_chunk::<16>() else { return };
    let Ours { key, public, issuer } = ours();
    let standing = standing(u128::from_be_bytes(*number));
    let genuine = token::issue(key, issuer, &standing, now(), now() + TimeDelta::minutes(15)).expect("a token");
    let claims = token::parse(&genuine).expect("it is read").verify(key, issuer, now()).expect("it is taken");
    assert_eq!((claims.user_id, claims.session_id), (standing.user_id, standing.session_id));
    assert_eq!((claims.org_id, claims.is_super_admin), (standing.org_id, standing.is_super_admin));
    let late = now() + TimeDelta::minutes(15);
    assert!(token::parse(&genuine).is_ok_and(|token| token.verify(key, issuer, late).is_err()), "it never expires");

    let altered = super::altered(&genuine, rest);
    assert!(altered == genuine || !taken(&altered), "an altered token is taken: {altered}");

    let parts: Vec<&str> = genuine.split('.').collect();
    let read =
        |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON") };
    let write = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    // A claim or a header of somebody's choice, under the signature of the genuine one.
    let (mut header, mut payload) = (read(parts[0]), read(parts[1]));
    let word = String::from_utf8_lossy(rest).into_owned();
    const CLAIMS: [&str; 8] = ["sub", "org_id", "is_super_admin", "exp", "org_role", "team_ids", "aud", "iss"];
    const HEADERS: [&str; 8] = ["alg", "typ", "kid", "crit", "jwk", "jku", "x5u", "b64"];
    let values =
        [json!(true), json!(4_000_000_000_u64), json!(word), json!("none"), json!(null), json!({ "x": public })];
    let value = &values[usize::from(kind >> 3) % values.len()];
    let before = payload.clone();
    payload[CLAIMS[usize::from(kind % 8)]] = value.clone();
    if payload != before {
        assert!(!taken(&format!("{}.{}.{}", parts[0], write(&payload), parts[2])), "{payload}");
    }
    header[HEADERS[usize::from(kind % 8)]] = value.clone();
    assert!(header == read(parts[0]) || !taken(&format!("{}.{}.{}", write(&header), parts[1], parts[2])), "{header}");
    // No algorithm but ours: nothing, and our public key as a shared secret.
    for alg in ["none", "None", "NONE", "", "HS256", "HS512", "RS256", "ES256", "Ed25519"] {
        header = read(parts[0]);
        header["alg"] = json!(alg);
        let signed = format!("{}.{}", write(&header), write(&payload));
        for key in [public.as_bytes(), &URL_SAFE_NO_PAD.decode(public).expect("base64")] {
            let key = EncodingKey::from_secret(key);
            let forged = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).expect("an HMAC");
            for token in
                [format!("{signed}.{forged}"), format!("{signed}."), signed.clone(), format!("{signed}.{}", parts[2])]
            {
                assert!(!taken(&token), "{token}");
            }
        }
    }
}

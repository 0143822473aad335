//! Of an external issuer's tokens only those are taken that it signed, that say nothing we must not follow, and that make
//! nobody an operator.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey};
use palisade::{
    auth::external::{self, ExternalClaims, ExternalKeys, Trust},
    config::ExternalIssuer,
};
use serde_json::{Map, Value, json};

const NOW: i64 = 1_800_000_000;
/// A key that is kept for tests and opens nothing.
const KEY: &[u8] = include_bytes!("../../tests/support/keys/p256.pem");
const PUBLIC: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"one",
    "x":"2TpbETuLuIhyiXcC2jTzkftFHsp86JSpD8EJZp1Y4yE","y":"zT6vkOvYeQ_nKnYH4iqTDEz89nzwn3geqUTqFiOVXaQ"}]}"#;

struct Issuer {
    key: EncodingKey,
    keys: ExternalKeys,
    trust: Trust,
}

fn issuer() -> &'static Issuer {
    static ISSUER: OnceLock<Issuer> = OnceLock::new();
    ISSUER.get_or_init(|| Issuer {
        key: EncodingKey::from_ec_pem(KEY).expect("the tests' key"),
        keys: ExternalKeys::read(PUBLIC.as_bytes()).expect("its public half"),
        trust: Trust::new(&ExternalIssuer {
            issuer: "https://login.example".to_owned(),
            audiences: vec!["palisade".to_owned()],
            ..ExternalIssuer::default()
        }),
    })
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).expect("a time")
}

fn taken(text: &str) -> Option<ExternalClaims> {
    let Issuer { keys, trust, .. } = issuer();
    let token = external::parse(text)?;
    token.verify(keys.find(token.signed(trust)?)?, trust, now())
}

fn sign(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature =
        jsonwebtoken::crypto::sign(signed.as_bytes(), &issuer().key, Algorithm::ES256).expect("a signature");
    format!("{signed}.{signature}")
}

/// Reads a text as a token and as a key set; signs whatever it is given, as the issuer could.
pub fn check(data: &[u8]) {
    let (kind, rest) = super::first(data);
    if let Some(text) = super::text(rest) {
        assert!(taken(text).is_none(), "{text}");
    }
    drop(ExternalKeys::read(rest));
    drop(ExternalKeys::read(super::altered(PUBLIC, rest).as_bytes()));

    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": "one" });
    let claims =
        json!({ "iss": "https://login.example", "aud": ["palisade"], "sub": "ada", "exp": NOW + 600, "iat": NOW });
    let genuine = sign(&header.to_string(), &claims.to_string());
    let altered = super::altered(&genuine, rest);
    assert!(altered == genuine || taken(&altered).is_none(), "an altered token is taken: {altered}");

    // The issuer itself signs something odd.
    let (head, body) = match kind % 4 {
        0 => (super::altered(&header.to_string(), rest), claims.to_string()),
        1 => (header.to_string(), super::altered(&claims.to_string(), rest)),
        2 => (named(&header, kind, rest).to_string(), claims.to_string()),
        _ => (header.to_string(), with(&claims, kind, rest).to_string()),
    };
    if taken(&sign(&head, &body)).is_some() {
        promised(&head, &body);
    }
    assert!(kind != 0 || !rest.is_empty() || taken(&genuine).is_some(), "a genuine token is refused");
}

/// The header with a member that nobody may be made to follow.
fn named(header: &Value, kind: u8, rest: &[u8]) -> Value {
    const NAMES: [&str; 10] = ["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc", "alg", "typ"];
    let mut header = header.clone();
    header[NAMES[usize::from(kind / 4) % NAMES.len()]] = json!(String::from_utf8_lossy(rest));
    header
}

/// The claims with one of somebody's choice.
fn with(claims: &Value, kind: u8, rest: &[u8]) -> Value {
    const NAMES: [&str; 8] = ["iss", "aud", "sub", "exp", "nbf", "iat", "is_super_admin", "org_role"];
    let word = String::from_utf8_lossy(rest).into_owned();
    let number = rest.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
    let values = [
        json!(word),
        json!(number),
        json!([word, 1]),
        json!(true),
        json!(null),
        json!({}),
        json!(f64::from_bits(number as u64)),
    ];
    let mut claims = claims.clone();
    claims[NAMES[usize::from(kind / 4) % NAMES.len()]] = values[usize::from(kind / 32) % values.len()].clone();
    claims
}

/// What a token that was taken says, by a reader of its own.
fn promised(header: &str, claims: &str) {
    let read = |text: &str| serde_json::from_str::<Map<String, Value>>(text).expect("what was taken is JSON");
    let (header, claims) = (read(header), read(claims));
    for name in ["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"] {
        assert!(!header.contains_key(name), "{header:?}");
    }
    assert_eq!(header.get("alg"), Some(&json!("ES256")));
    assert_eq!(claims.get("iss"), Some(&json!("https://login.example")));
    let meant = match &claims["aud"] {
        Value::Array(all) => all.contains(&json!("palisade")),
        one => one == "palisade",
    };
    assert!(meant, "{claims:?}");
    assert!(claims["exp"].as_f64().is_some_and(|at| at + 60.0 > NOW as f64), "{claims:?}");
    assert!(claims.get("nbf").is_none_or(|at| at.as_f64().is_some_and(|at| at < (NOW + 61) as f64)), "{claims:?}");
    assert!(claims.get("is_super_admin").is_none_or(|it| *it == json!(false)), "{claims:?}");
    assert!(claims["sub"].as_str().is_some_and(|subject| (1..=255).contains(&subject.len())), "{claims:?}");
}

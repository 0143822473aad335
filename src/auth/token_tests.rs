//! Every way of writing a token that must not be taken, each beside the one that must.

use super::*;
use crate::auth::ServerSecret;
use entity::{
    enums::{MembershipStatus, OrganizationStatus, TeamRole, UserStatus},
    ids::TypedId,
    signing_key,
};
use jsonwebtoken::EncodingKey;
use uuid::Uuid;

const SECRET: ServerSecret = ServerSecret::new([7; 32]);
const NOW: i64 = 1_800_000_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

fn id<I: TypedId>(n: u128) -> I {
    I::from_uuid(Uuid::from_u128(n))
}

fn row(n: u128) -> signing_key::Model {
    SigningKey::generate(id(n), now(), &SECRET).unwrap()
}

fn key() -> SigningKey {
    SigningKey::open(&row(1), &SECRET).unwrap()
}

fn issuer() -> Issuer {
    Issuer { issuer: "https://palisade.example".to_owned(), audience: "palisade".to_owned() }
}

fn status() -> SessionStatus {
    SessionStatus {
        session_id: id(2),
        expires_at: now() + TimeDelta::days(1),
        revoked_at: None,
        user_id: id(3),
        email: "ada@example.com".to_owned(),
        status: UserStatus::Active,
        is_super_admin: false,
        org_id: Some(id(4)),
        org_status: Some(OrganizationStatus::Active),
        membership: Some((OrgRole::Admin, MembershipStatus::Active)),
        teams: [(id(5), TeamRole::Admin)].into(),
    }
}

fn header(key: &SigningKey) -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": key.id.to_string()})
}

fn payload() -> Value {
    let user = id::<UserId>(3).to_string();
    json!({
        "iss": "https://palisade.example", "aud": "palisade", "sub": user, "user_id": user,
        "sid": id::<SessionId>(2).to_string(), "iat": NOW, "nbf": NOW, "exp": NOW + 900, "jti": "x",
    })
}

/// Signs whatever bytes it is given, as nobody but the holder of the key can.
fn sign(key: &SigningKey, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), key.encoding(), Algorithm::EdDSA).unwrap();
    format!("{signed}.{signature}")
}

fn verify(key: &SigningKey, token: &str) -> Result<Claims> {
    parse(token)?.verify(key, &issuer(), now())
}

fn with(mut value: Value, name: &str, to: Value) -> String {
    value[name] = to;
    value.to_string()
}

fn without(mut value: Value, name: &str) -> String {
    value.as_object_mut().unwrap().remove(name);
    value.to_string()
}

#[test]
fn an_issued_token_verifies_and_says_what_the_rows_said() {
    let key = key();
    let token = issue(&key, &issuer(), &status(), now(), now() + TimeDelta::minutes(15)).unwrap();
    let claims = verify(&key, &token).unwrap();
    assert_eq!((claims.user_id, claims.session_id, claims.org_id), (id(3), id(2), Some(id(4))));
    assert_eq!((claims.org_role, claims.team_ids), (Some(OrgRole::Admin), Some([id(5)].into())));
    assert_eq!((claims.is_super_admin, claims.expires_at), (false, now() + TimeDelta::minutes(15)));

    let payload = part(token.split('.').nth(1).unwrap()).unwrap();
    let names: Vec<&str> = payload.keys().map(String::as_str).collect();
    let expected = "aud email exp iat is_super_admin iss jti nbf org_id org_role scopes sid sub team_ids user_id";
    assert_eq!(names.join(" "), expected);
    assert_eq!(payload["org_role"], "admin");
    assert!(payload["sub"].as_str().unwrap().starts_with("usr_"));
}

#[test]
fn no_two_tokens_are_alike() {
    let issue = || issue(&key(), &issuer(), &status(), now(), now() + TimeDelta::minutes(15)).unwrap();
    assert_ne!(issue(), issue());
}

#[test]
fn a_token_outside_every_organisation_claims_none() {
    let key = key();
    let alone = SessionStatus { org_id: None, org_status: None, membership: None, teams: [].into(), ..status() };
    let token = issue(&key, &issuer(), &alone, now(), now() + TimeDelta::minutes(15)).unwrap();
    let claims = verify(&key, &token).unwrap();
    assert_eq!((claims.org_id, claims.org_role, claims.team_ids), (None, None, None));
}

#[test]
fn a_member_of_very_many_teams_gets_a_token_that_fits_and_limits_nothing() {
    let key = key();
    let busy = SessionStatus { teams: (0..1000).map(|n| (id(n), TeamRole::Member)).collect(), ..status() };
    let token = issue(&key, &issuer(), &busy, now(), now() + TimeDelta::minutes(15)).unwrap();
    assert_eq!(verify(&key, &token).unwrap().team_ids, None);
    let busy = SessionStatus { teams: (0..100).map(|n| (id(n), TeamRole::Member)).collect(), ..status() };
    let token = issue(&key, &issuer(), &busy, now(), now() + TimeDelta::minutes(15)).unwrap();
    assert!(token.len() < bearer::MAX_TOKEN, "{}", token.len());
    assert_eq!(verify(&key, &token).unwrap().team_ids.unwrap().len(), 100);
}

#[test]
fn a_header_that_says_anything_but_alg_typ_and_kid_is_refused() {
    let key = key();
    assert!(verify(&key, &sign(&key, &header(&key).to_string(), &payload().to_string())).is_ok());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": row(1).public_key});
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("x")),
        ("cty", json!("JWT")),
        ("enc", json!("A256GCM")),
        ("typ", json!("JWT")),
        ("typ", json!("at+JWT")),
        ("typ", json!("application/at+jwt")),
        ("typ", json!("")),
        ("typ", json!(null)),
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("ES256")),
        ("alg", json!("eddsa")),
        ("alg", json!("Ed25519")),
        ("alg", json!(["EdDSA"])),
        ("kid", json!(id::<SigningKeyId>(2).to_string())),
        ("kid", json!("../../etc/passwd")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!(1)),
    ] {
        let token = sign(&key, &with(header(&key), name, value.clone()), &payload().to_string());
        assert!(matches!(verify(&key, &token), Err(Error::Unauthenticated)), "{name}: {value}");
    }
    for name in ["alg", "typ", "kid"] {
        let token = sign(&key, &without(header(&key), name), &payload().to_string());
        assert!(verify(&key, &token).is_err(), "no {name}");
    }
}

#[test]
fn an_unsigned_token_is_refused_with_and_without_its_last_dot() {
    let key = key();
    let none = with(header(&key), "alg", json!("none"));
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(none), URL_SAFE_NO_PAD.encode(payload().to_string()));
    let honest = sign(&key, &header(&key).to_string(), &payload().to_string());
    let stripped = honest.rsplit_once('.').unwrap().0;
    for bad in
        [signed.clone(), format!("{signed}."), format!("{signed}.A"), stripped.to_owned(), format!("{stripped}.")]
    {
        assert!(verify(&key, &bad).is_err(), "{bad}");
    }
}

#[test]
fn an_hmac_made_with_our_public_key_is_refused() {
    let row = row(1);
    let (key, public) = (SigningKey::open(&row, &SECRET).unwrap(), row.public_key);
    for secret in [URL_SAFE_NO_PAD.decode(&public).unwrap(), public.into_bytes()] {
        let mac =
            Header { typ: Some("at+jwt".to_owned()), kid: Some(key.id.to_string()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&mac, &payload(), &EncodingKey::from_secret(&secret)).unwrap();
        assert!(verify(&key, &token).is_err());
        // The same bytes under a header that says EdDSA.
        let (_, rest) = token.split_once('.').unwrap();
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header(&key).to_string()));
        assert!(verify(&key, &token).is_err());
    }
}

#[test]
fn a_signature_by_another_key_or_over_other_bytes_is_refused() {
    let (key, other) = (key(), SigningKey::open(&row(1), &SECRET).unwrap());
    // Same name, another pair: what an attacker would sign with.
    let forged = sign(&other, &header(&key).to_string(), &payload().to_string());
    assert!(verify(&key, &forged).is_err());

    let honest = sign(&key, &header(&key).to_string(), &payload().to_string());
    let (head, rest) = honest.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let richer = URL_SAFE_NO_PAD.encode(with(payload(), "is_super_admin", json!(true)));
    assert!(verify(&key, &format!("{head}.{richer}.{signature}")).is_err());
    // A signature that cannot even be decoded.
    assert!(verify(&key, &format!("{head}.{richer}.A")).is_err());
    assert!(verify(&key, &format!("{head}.{richer}.AAAA")).is_err());
    // Every bit of the signature counts, and so does its spelling.
    let last = signature.as_bytes()[signature.len() - 1];
    let flipped = format!("{}{}", &honest[..honest.len() - 1], if last == b'A' { 'B' } else { 'A' });
    assert!(verify(&key, &flipped).is_err());
    assert!(verify(&key, &format!("{honest}=")).is_err());
    assert!(verify(&key, &format!("{honest}.{signature}")).is_err());
}

#[test]
fn a_member_that_is_there_twice_is_refused_in_header_and_claims() {
    let key = key();
    let (head, body) = (header(&key).to_string(), payload().to_string());
    let doubled = |text: &str, extra: &str| format!("{},{extra}}}", text.strip_suffix('}').unwrap());
    assert!(verify(&key, &sign(&key, &doubled(&head, r#""alg":"EdDSA""#), &body)).is_err());
    assert!(verify(&key, &sign(&key, &doubled(&head, r#""\u0061lg":"none""#), &body)).is_err());
    assert!(verify(&key, &sign(&key, &head, &doubled(&body, &format!("\"exp\":{}", NOW + 900)))).is_err());
    assert!(verify(&key, &sign(&key, &head, &doubled(&body, r#""any":1,"any":1"#))).is_err());
    assert!(verify(&key, &sign(&key, &head, &doubled(&body, r#""any":1"#))).is_ok());
}

#[test]
fn a_claim_that_is_missing_is_refused() {
    let key = key();
    for name in ["exp", "iss", "aud", "sub", "user_id", "iat", "sid"] {
        let token = sign(&key, &header(&key).to_string(), &without(payload(), name));
        assert!(matches!(verify(&key, &token), Err(Error::Unauthenticated)), "no {name}");
    }
    for name in ["nbf", "jti"] {
        let token = sign(&key, &header(&key).to_string(), &without(payload(), name));
        assert!(verify(&key, &token).is_ok(), "no {name}");
    }
}

#[test]
fn a_claim_of_the_wrong_value_or_kind_is_refused() {
    let key = key();
    for (name, value) in [
        ("iss", json!("https://palisade.example/")),
        ("iss", json!(["https://palisade.example"])),
        ("aud", json!("Palisade")),
        ("aud", json!(["palisade"])),
        ("aud", json!(["palisade", "other"])),
        ("sub", json!(id::<UserId>(33).to_string())),
        ("user_id", json!(id::<UserId>(33).to_string())),
        ("exp", json!(NOW)),
        ("exp", json!(NOW - 1)),
        ("exp", json!((NOW + 900).to_string())),
        ("exp", json!(1e300)),
        ("exp", json!(null)),
        ("exp", json!(i64::MAX)),
        ("nbf", json!(NOW + 61)),
        ("nbf", json!("soon")),
        ("nbf", json!(null)),
        ("iat", json!(NOW + 61)),
        ("iat", json!(NOW + 86_400)),
        ("iat", json!("now")),
        ("sid", json!("2")),
        ("is_super_admin", json!("false")),
        ("is_super_admin", json!(0)),
        ("org_id", json!("acme")),
        ("org_id", json!(null)),
        ("org_role", json!("owner")),
        ("org_role", json!("ADMIN")),
        ("team_ids", json!("team")),
        ("team_ids", json!(["team"])),
        ("team_ids", json!({})),
        ("scopes", json!("read")),
    ] {
        let token = sign(&key, &header(&key).to_string(), &with(payload(), name, value.clone()));
        assert!(matches!(verify(&key, &token), Err(Error::Unauthenticated)), "{name}: {value}");
    }
}

#[test]
fn a_clock_that_is_a_minute_ahead_is_forgiven_and_an_expired_token_is_not() {
    let key = key();
    for (name, value) in [("nbf", NOW + 60), ("iat", NOW + 60), ("exp", NOW + 1)] {
        let token = sign(&key, &header(&key).to_string(), &with(payload(), name, json!(value)));
        assert!(verify(&key, &token).is_ok(), "{name}");
        let later = now() + TimeDelta::seconds(1);
        assert_eq!(parse(&token).unwrap().verify(&key, &issuer(), later).is_ok(), name != "exp", "{name}");
    }
}

#[test]
fn a_token_that_ends_before_it_begins_is_refused() {
    let key = key();
    let mut claims = payload();
    claims["iat"] = json!(NOW + 30);
    let token = sign(&key, &header(&key).to_string(), &with(claims, "exp", json!(NOW + 20)));
    assert!(verify(&key, &token).is_err());
}

#[test]
fn a_token_over_8_kib_is_refused_though_it_is_genuine() {
    let key = key();
    let token = |n| sign(&key, &header(&key).to_string(), &with(payload(), "pad", json!("x".repeat(n))));
    assert!(token(5000).len() < bearer::MAX_TOKEN && verify(&key, &token(5000)).is_ok());
    assert!(token(6200).len() > bearer::MAX_TOKEN && verify(&key, &token(6200)).is_err());
}

#[test]
fn what_is_no_token_is_refused() {
    let key = key();
    for bad in ["", ".", "..", "...", "a.b.c", "a.b.c.d.e", "eyJhbGciOiJFZERTQSJ9", "{}.{}.{}", "\u{0}"] {
        assert!(matches!(verify(&key, bad), Err(Error::Unauthenticated)), "{bad}");
    }
}

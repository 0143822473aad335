//! Signing keys: Ed25519, named by `kid`, sealed at rest, published as a JWKS.
//!
//! A private key is stored sealed (AES-256-GCM-SIV) with a key derived from the server's secret and bound to its `kid`.
//! A row counts only when its private key opens and is the one of its public key: whoever can write to the database but
//! does not know the secret can add no key that signs or verifies.
//!
//! The newest key that is not retired signs. A retired one verifies until the last token that it can have signed has
//! expired.

use std::fmt;

use aes_gcm_siv::{
    Aes256GcmSiv, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use entity::{confidential::Secret, ids::SigningKeyId, signing_key};
use jsonwebtoken::{DecodingKey, EncodingKey};
use rand::RngCore;
use serde_json::json;
use zeroize::Zeroize;

use super::secret::ServerSecret;
use crate::error::{Error, Result};

const PURPOSE: &str = "signing-key/v1";
const NONCE: usize = 12;

/// A key that signs, or still verifies, access tokens.
pub struct SigningKey {
    /// The `kid`.
    pub id: SigningKeyId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stopped signing.
    pub retired_at: Option<DateTime<Utc>>,
    public: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

impl SigningKey {
    /// Makes a key and the row that keeps it.
    pub fn generate(id: SigningKeyId, now: DateTime<Utc>, secret: &ServerSecret) -> Result<signing_key::Model> {
        let mut seed = [0; 32];
        rand::rng().fill_bytes(&mut seed);
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        seed.zeroize();
        let private = key.to_pkcs8_der().map_err(|error| Error::internal(format!("a new key: {error}")))?;
        Ok(signing_key::Model {
            id,
            public_key: URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
            sealed_private_key: seal(secret, id, private.as_bytes())?,
            created_at: now,
            retired_at: None,
        })
    }

    /// Opens a row. Fails where the secret is another one, and where the row was tampered with.
    pub fn open(row: &signing_key::Model, secret: &ServerSecret) -> Result<Self> {
        let mut private = unseal(secret, row.id, &row.sealed_private_key)
            .ok_or_else(|| Error::internal(format!("the server's secret does not open signing key {}", row.id)))?;
        let key = ed25519_dalek::SigningKey::from_pkcs8_der(&private);
        let encoding = EncodingKey::from_ed_der(&private);
        private.zeroize();
        let key = key.map_err(|error| Error::internal(format!("signing key {}: {error}", row.id)))?;
        let public = key.verifying_key();
        let text = URL_SAFE_NO_PAD.encode(public.as_bytes());
        if text != row.public_key {
            return Err(Error::internal(format!("the public half of signing key {} is not its own", row.id)));
        }
        Ok(Self {
            id: row.id,
            created_at: row.created_at,
            retired_at: row.retired_at,
            public: text,
            encoding,
            // What the crate calls DER is the bare 32 bytes.
            decoding: DecodingKey::from_ed_der(public.as_bytes()),
        })
    }

    pub(super) const fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(super) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    fn verifies(&self, now: DateTime<Utc>, grace: TimeDelta) -> bool {
        self.retired_at.is_none_or(|retired| now < retired + grace)
    }
}

/// The keys of one moment.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<SigningKey>,
    grace: TimeDelta,
}

impl KeySet {
    /// Opens rows. One that does not open is left out, with a line in the log; a retired key verifies for `grace` more.
    pub fn open(rows: &[signing_key::Model], secret: &ServerSecret, grace: TimeDelta) -> Self {
        let open = |row| match SigningKey::open(row, secret) {
            Ok(key) => Some(key),
            Err(error) => {
                tracing::error!(?error, "a signing key is left out");
                None
            }
        };
        let mut keys: Vec<_> = rows.iter().filter_map(open).collect();
        keys.sort_by_key(|key| (key.created_at, key.id));
        Self { keys, grace }
    }

    /// The key that signs.
    pub fn signer(&self) -> Option<&SigningKey> {
        self.keys.iter().rev().find(|key| key.retired_at.is_none())
    }

    /// The key of that name, as long as it verifies.
    pub fn find(&self, id: SigningKeyId, now: DateTime<Utc>) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.id == id && key.verifies(now, self.grace))
    }

    /// The public keys, as `/.well-known/jwks.json` gives them.
    pub fn jwks(&self, now: DateTime<Utc>) -> serde_json::Value {
        let key = |key: &SigningKey| {
            json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": key.id.to_string(), "x": key.public,
            })
        };
        let keys: Vec<_> = self.keys.iter().filter(|key| key.verifies(now, self.grace)).map(key).collect();
        json!({ "keys": keys })
    }
}

fn cipher(secret: &ServerSecret) -> Aes256GcmSiv {
    let mut key = secret.derive(PURPOSE);
    let cipher = Aes256GcmSiv::new(Key::<Aes256GcmSiv>::from_slice(&key));
    key.zeroize();
    cipher
}

fn seal(secret: &ServerSecret, id: SigningKeyId, private: &[u8]) -> Result<Secret> {
    let mut sealed = vec![0; NONCE];
    rand::rng().fill_bytes(&mut sealed);
    let name = id.to_string();
    let payload = Payload { msg: private, aad: name.as_bytes() };
    let text = cipher(secret)
        .encrypt(Nonce::from_slice(&sealed), payload)
        .map_err(|_| Error::internal("a new signing key could not be sealed"))?;
    sealed.extend(text);
    Ok(Secret::new(STANDARD.encode(sealed)))
}

fn unseal(secret: &ServerSecret, id: SigningKeyId, sealed: &Secret) -> Option<Vec<u8>> {
    let sealed = STANDARD.decode(sealed.expose()).ok()?;
    let (nonce, text) = sealed.split_at_checked(NONCE)?;
    let name = id.to_string();
    let payload = Payload { msg: text, aad: name.as_bytes() };
    cipher(secret).decrypt(Nonce::from_slice(nonce), payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use entity::ids::TypedId;
    use uuid::Uuid;

    const SECRET: ServerSecret = ServerSecret::new([7; 32]);

    fn row(n: u128) -> signing_key::Model {
        let created = DateTime::UNIX_EPOCH + TimeDelta::hours(i64::try_from(n).unwrap());
        SigningKey::generate(SigningKeyId::from_uuid(Uuid::from_u128(n)), created, &SECRET).unwrap()
    }

    fn set(rows: &[signing_key::Model]) -> KeySet {
        KeySet::open(rows, &SECRET, TimeDelta::minutes(20))
    }

    #[test]
    fn a_private_key_is_stored_sealed_and_opens_with_the_secret_alone() {
        let row = row(1);
        assert!(SigningKey::open(&row, &SECRET).is_ok());
        assert!(SigningKey::open(&row, &ServerSecret::new([8; 32])).is_err());
        let stored = STANDARD.decode(row.sealed_private_key.expose()).unwrap();
        let der = unseal(&SECRET, row.id, &row.sealed_private_key).unwrap();
        assert!(!stored.windows(16).any(|window| window == &der[16..32]));
    }

    #[test]
    fn a_row_changed_behind_our_back_is_no_key() {
        let (good, other) = (row(1), row(2));
        let renamed = signing_key::Model { id: other.id, ..good.clone() };
        let swapped = signing_key::Model { public_key: other.public_key.clone(), ..good.clone() };
        let garbled = signing_key::Model { sealed_private_key: Secret::new("AAAA".to_owned()), ..good };
        for bad in [renamed, swapped, garbled] {
            assert!(SigningKey::open(&bad, &SECRET).is_err());
            assert!(set(&[bad]).signer().is_none());
        }
    }

    #[test]
    fn the_newest_key_signs_and_a_retired_one_verifies_for_a_while() {
        let retired_at = DateTime::UNIX_EPOCH + TimeDelta::hours(9);
        let old = signing_key::Model { retired_at: Some(retired_at), ..row(3) };
        let keys = set(&[row(2), old.clone(), row(1)]);
        assert_eq!(keys.signer().unwrap().id, row(2).id);
        assert!(keys.find(old.id, retired_at).is_some());
        assert!(keys.find(old.id, retired_at + TimeDelta::minutes(19)).is_some());
        assert!(keys.find(old.id, retired_at + TimeDelta::minutes(20)).is_none());
        assert!(keys.find(row(4).id, retired_at).is_none());
        assert!(set(&[old]).signer().is_none());
    }

    #[test]
    fn the_published_set_has_the_public_halves_of_keys_that_verify_and_nothing_else() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(9);
        let gone = signing_key::Model { retired_at: Some(now - TimeDelta::hours(1)), ..row(2) };
        let kept = row(1);
        assert_eq!(
            set(&[kept.clone(), gone]).jwks(now),
            json!({"keys": [{
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": kept.id.to_string(), "x": kept.public_key,
            }]})
        );
    }
}

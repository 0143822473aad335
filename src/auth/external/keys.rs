//! An issuer's keys, as its JWK set gives them.
//!
//! A key is good for the algorithms of its own kind and curve, and for the one that it names where it names one. So an RSA
//! key is never taken for a secret, nor a signature of one kind for another's. What is not understood is left out; what is
//! too weak, meant for encryption, or published with its private half, too.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Signed, algorithm, strict_json};

/// Keys that are read of one set.
const MOST: usize = 100;
/// Bits of an RSA modulus: no fewer are safe, no more are verified here.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Which key signed: a name can be given to another key, a digest cannot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyName {
    id: Option<String>,
    algorithm: Algorithm,
    digest: [u8; 32],
}

/// A public key.
#[derive(Clone)]
pub struct ExternalKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
    digest: [u8; 32],
}

impl fmt::Debug for ExternalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalKey({:?}, {:?})", self.id, self.algorithms)
    }
}

impl ExternalKey {
    /// Whether it is the one that a header asks for.
    pub fn fits(&self, signed: Signed<'_>) -> bool {
        self.algorithms.contains(&signed.algorithm) && (signed.key_id.is_none() || signed.key_id == self.id.as_deref())
    }

    pub(super) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    pub(super) fn name(&self, algorithm: Algorithm) -> KeyName {
        KeyName { id: self.id.clone(), algorithm, digest: self.digest }
    }
}

/// The keys of one moment.
#[derive(Clone, Debug, Default)]
pub struct ExternalKeys(Vec<ExternalKey>);

impl ExternalKeys {
    /// Reads a JWK set; `None` for what is none. One without usable keys is believed: an issuer may take all back.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let set = strict_json::object(bytes)?;
        let keys = set.get("keys")?.as_array()?;
        Some(Self(keys.iter().take(MOST).filter_map(|key| read(key.as_object()?)).collect()))
    }

    /// The key that a header asks for. A header that names none is served where only one could be meant.
    pub fn find(&self, signed: Signed<'_>) -> Option<&ExternalKey> {
        let mut fitting = self.0.iter().filter(|key| key.fits(signed));
        let first = fitting.next()?;
        (signed.key_id.is_some() || fitting.next().is_none()).then_some(first)
    }

    /// Whether that very key is still among them.
    pub fn has(&self, name: &KeyName) -> bool {
        self.0.iter().any(|key| key.algorithms.contains(&name.algorithm) && key.name(name.algorithm) == *name)
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn read(key: &Map<String, Value>) -> Option<ExternalKey> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let ours = key.get("use").is_none_or(|usage| usage == "sig")
        && key.get("key_ops").is_none_or(|all| all.as_array().is_some_and(|all| all.contains(&"verify".into())));
    // A private key that everybody can read proves nothing.
    if !ours || key.contains_key("d") || key.contains_key("k") {
        return None;
    }
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let (decoding, algorithms, parts) = match (text("kty")?, text("crv")) {
        ("RSA", _) => {
            let (n, e) = (bytes("n")?, bytes("e")?);
            let n: Vec<u8> = n.into_iter().skip_while(|byte| *byte == 0).collect();
            let bits = n.len() * 8 - usize::try_from(n.first()?.leading_zeros()).ok()?;
            if !RSA_BITS.contains(&bits) {
                return None;
            }
            let all = vec![RS256, RS384, RS512, PS256, PS384, PS512];
            (DecodingKey::from_rsa_raw_components(&n, &e), all, vec![n, e])
        }
        ("EC", Some(curve @ ("P-256" | "P-384"))) => {
            let (algorithm, size) = if curve == "P-256" { (ES256, 32) } else { (ES384, 48) };
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() != size || y.len() != size {
                return None;
            }
            (DecodingKey::from_ec_components(text("x")?, text("y")?).ok()?, vec![algorithm], vec![x, y])
        }
        ("OKP", Some("Ed25519")) => {
            let x = bytes("x").filter(|x| x.len() == 32)?;
            (DecodingKey::from_ed_der(&x), vec![EdDSA], vec![x])
        }
        _ => return None,
    };
    let algorithms = match key.get("alg") {
        None => algorithms,
        Some(only) => {
            let only = algorithm(only.as_str()?)?;
            algorithms.contains(&only).then(|| vec![only])?
        }
    };
    let id = match key.get("kid") {
        None => None,
        Some(id) => Some(id.as_str()?.to_owned()),
    };
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    Some(ExternalKey { id, algorithms, decoding, digest: digest.finalize().into() })
}

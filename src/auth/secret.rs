//! The server's secret, and the keys derived from it.
//!
//! It comes from the settings, never from the database, so that a copy of the database opens nothing. Every purpose has
//! a key of its own, so that what is sealed for one cannot be passed off as another.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hkdf::Hkdf;
use rand::RngCore;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 256 random bits. Prints as a label.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ServerSecret([u8; 32]);

impl ServerSecret {
    /// Wraps the bytes that the settings hold.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Makes a new one, for the first start of a development server.
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads the text form: base64 of exactly 32 bytes. `None` for anything else; a passphrase is not taken.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = STANDARD.decode(text.trim()).ok()?;
        let secret = <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Self);
        bytes.zeroize();
        secret
    }

    /// The text form, to be written to a settings file.
    pub fn to_text(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// The key for one purpose (HKDF-SHA256). A purpose is a constant such as `"cursor/v1"`.
    pub fn derive(&self, purpose: &'static str) -> [u8; 32] {
        let mut key = [0; 32];
        // HKDF refuses only more than 255 blocks; this is one.
        if Hkdf::<Sha256>::new(Some(b"palisade"), &self.0).expand(purpose.as_bytes(), &mut key).is_err() {
            unreachable!("32 bytes are one block of HKDF-SHA256");
        }
        key
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_and_each_secret_has_its_own_key() {
        let (one, two) = (ServerSecret::new([1; 32]), ServerSecret::new([2; 32]));
        assert_eq!(one.derive("a"), one.derive("a"));
        assert_ne!(one.derive("a"), one.derive("b"));
        assert_ne!(one.derive("a"), two.derive("a"));
        assert_ne!(one.derive("a"), [1; 32]);
    }

    #[test]
    fn the_secret_does_not_print() {
        assert_eq!(format!("{:?}", ServerSecret::new([7; 32])), "[secret]");
    }

    #[test]
    fn only_32_bytes_of_base64_are_a_secret() {
        let secret = ServerSecret::generate();
        assert_eq!(ServerSecret::parse(&secret.to_text()).map(|read| read.0), Some(secret.0));
        for bad in ["", "hunter2", &STANDARD.encode([0; 31]), &STANDARD.encode([0; 33])] {
            assert!(ServerSecret::parse(bad).is_none(), "{bad}");
        }
    }
}

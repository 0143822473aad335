//! Opaque tokens: 256 random bits behind a prefix that tells a secret scanner what it found.
//!
//! The text goes to its owner once; the database keeps the SHA-256. A slow hash would add nothing: there is no guessing
//! 256 random bits.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entity::ids::{OrgId, TypedId};
use rand::RngCore;
use sha2::{Digest, Sha256};

/// Bytes of randomness, and their length in base64url.
const RANDOM: usize = 32;
pub(super) const RANDOM_TEXT: usize = 43;

const REFRESH: &str = "palr_";
const PASSWORD_LINK: &str = "palp_";
const INVITATION: &str = "pali_";
const ADDRESS: &str = "pale_";

/// A token just made: the text for its owner, the hash for the database.
pub struct Fresh {
    /// What its owner gets, once.
    pub text: String,
    /// What is stored.
    pub hash: String,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Fresh {
    fn new(prefix: &str) -> Self {
        Self::of(format!("{prefix}{}", random()))
    }

    /// A token of this text.
    pub(super) fn of(text: String) -> Self {
        Self { hash: hash(&text), text }
    }
}

/// 256 random bits as base64url.
pub fn random() -> String {
    let mut bytes = [0; RANDOM];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Continues a session, once.
pub fn refresh_token() -> Fresh {
    Fresh::new(REFRESH)
}

/// Sets a password, once.
pub fn password_link_token() -> Fresh {
    Fresh::new(PASSWORD_LINK)
}

/// Confirms a change of address from one of its two addresses.
pub fn address_token() -> Fresh {
    Fresh::new(ADDRESS)
}

/// Accepts an invitation, once. Carries the organisation, since invitations are looked up by `(org_id, token_hash)`.
pub fn invitation_token(org: OrgId) -> Fresh {
    let org = org.to_string();
    let digits = org.split_once('_').map_or("", |(_, digits)| digits);
    Fresh::new(&format!("{INVITATION}{digits}_"))
}

/// The organisation that an invitation's token names; `None` for what cannot be one.
pub fn invitation_org(text: &str) -> Option<OrgId> {
    let (digits, random) = text.strip_prefix(INVITATION)?.split_once('_')?;
    if random.len() != RANDOM_TEXT {
        return None;
    }
    format!("{}_{digits}", OrgId::PREFIX).parse().ok()
}

/// What is stored of a token: SHA-256 of its text, hex.
pub fn hash(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use uuid::Uuid;

    #[test]
    fn no_two_tokens_are_alike_and_each_carries_256_bits() {
        let tokens: HashSet<String> = (0..100).map(|_| refresh_token().text).collect();
        assert_eq!(tokens.len(), 100);
        for text in tokens {
            assert_eq!(URL_SAFE_NO_PAD.decode(text.strip_prefix("palr_").unwrap()).unwrap().len(), 32);
        }
    }

    #[test]
    fn what_is_stored_is_not_the_token() {
        let fresh = password_link_token();
        assert_eq!(fresh.hash.len(), 64);
        assert!(!fresh.hash.contains(&fresh.text[5..]));
        assert_eq!(format!("{fresh:?}"), "[secret]");
    }

    #[test]
    fn an_invitations_token_names_its_organisation() {
        let org = OrgId::from_uuid(Uuid::from_u128(0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881));
        let fresh = invitation_token(org);
        assert_eq!(invitation_org(&fresh.text), Some(org));
        for bad in ["", "pali_", "pali__", "palr_x", &fresh.text[..fresh.text.len() - 1], &fresh.text[1..]] {
            assert_eq!(invitation_org(bad), None, "{bad}");
        }
    }
}

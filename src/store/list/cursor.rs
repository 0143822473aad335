//! Cursors: positions in a list, sealed.
//!
//! A client can neither read a cursor (it may hold a name), nor alter it, nor use it with another list, filter, order or
//! viewer: all of these are authenticated with it. Sealing is deterministic, so that the same page has the same bytes.

use aes_gcm_siv::{
    Aes256GcmSiv, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};

/// A row's value in a list's order, before its id.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum SortValue {
    /// Ordered by id alone.
    Id,
    /// By text.
    Text(String),
    /// By number.
    Int(i64),
    /// By time.
    Time(DateTime<Utc>),
}

/// Where a row stands in a list.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Position {
    /// Its value in the list's order.
    pub sort: SortValue,
    /// Its id, which breaks ties.
    pub id: Uuid,
}

/// Seals and opens cursors.
#[derive(Clone)]
pub struct CursorSealer(Aes256GcmSiv);

impl CursorSealer {
    /// With a key that all copies of the server share.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Aes256GcmSiv::new(Key::<Aes256GcmSiv>::from_slice(key)))
    }

    /// Seals `position` for the list that `list` describes.
    pub fn seal(&self, list: &str, position: &Position) -> Result<String> {
        let message = serde_json::to_vec(position).map_err(|error| Error::internal(error.to_string()))?;
        // SIV: a fixed nonce costs nothing but that equal positions look equal, which is wanted.
        self.0
            .encrypt(&Nonce::default(), Payload { msg: &message, aad: list.as_bytes() })
            .map(|sealed| URL_SAFE_NO_PAD.encode(sealed))
            .map_err(|error| Error::internal(error.to_string()))
    }

    /// Opens a cursor that was sealed for this very list; none for any other text.
    pub fn open(&self, list: &str, cursor: &str) -> Option<Position> {
        if cursor.len() > 4096 {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let message = self.0.decrypt(&Nonce::default(), Payload { msg: &sealed, aad: list.as_bytes() }).ok()?;
        serde_json::from_slice(&message).ok()
    }
}

impl std::fmt::Debug for CursorSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorSealer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> (CursorSealer, Position, String) {
        let sealer = CursorSealer::new(&[7; 32]);
        let position = Position { sort: SortValue::Text("Ada".to_owned()), id: Uuid::nil() };
        let cursor = sealer.seal("agents by name, of acme", &position).unwrap();
        (sealer, position, cursor)
    }

    #[test]
    fn a_cursor_opens_for_its_own_list_only() {
        let (sealer, position, cursor) = sealed();
        assert_eq!(sealer.open("agents by name, of acme", &cursor), Some(position));
        assert_eq!(sealer.open("agents by name, of globex", &cursor), None);
        assert_eq!(CursorSealer::new(&[8; 32]).open("agents by name, of acme", &cursor), None);
    }

    #[test]
    fn a_cursor_shows_nothing_and_cannot_be_altered() {
        let (sealer, _, cursor) = sealed();
        assert!(!URL_SAFE_NO_PAD.decode(&cursor).unwrap().windows(3).any(|bytes| bytes == b"Ada"));
        for at in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(altered == cursor || sealer.open("agents by name, of acme", &altered).is_none(), "{at}");
        }
        assert_eq!(sealer.open("agents by name, of acme", "not a cursor"), None);
    }
}

//! A cursor opens for the list it was sealed for, to the position it was sealed with, and no other text opens at all.

use chrono::DateTime;
use palisade::store::list::cursor::{CursorSealer, Position, SortValue};
use uuid::Uuid;

const LIST: &str = "agents by name, of acme, for ada";

/// Opens a text; seals a position and alters what came of it.
pub fn check(data: &[u8]) {
    let sealer = CursorSealer::new(&[7; 32]);
    let (kind, rest) = super::first(data);
    if let Some(text) = super::text(rest)
        && let Some(position) = sealer.open(LIST, text)
    {
        // Sealing is deterministic, so that what opens is what we would seal, to the letter.
        assert_eq!(sealer.seal(LIST, &position).ok().as_deref(), Some(text), "a text that was not sealed opens");
    }
    let Some((number, rest)) = rest.split_first_chunk::<16>() else { return };
    let (name, script) = rest.split_at(rest.len().min(usize::from(kind >> 2)));
    let as_int = i64::from_be_bytes(*number.first_chunk().unwrap_or(&[0; 8]));
    let sort = match kind % 4 {
        0 => SortValue::Id,
        1 => SortValue::Text(String::from_utf8_lossy(name).into_owned()),
        2 => SortValue::Int(as_int),
        _ => SortValue::Time(DateTime::from_timestamp_nanos(as_int)),
    };
    let position = Position { sort, id: Uuid::from_bytes(*number) };
    let cursor = sealer.seal(LIST, &position).expect("every position can be sealed");
    if cursor.len() <= 4096 {
        assert_eq!(sealer.open(LIST, &cursor).as_ref(), Some(&position));
    }
    for other in ["", "agents by name, of globex, for ada", "agents by name, of acme, for ada "] {
        assert_eq!(sealer.open(other, &cursor), None, "it opens for another list");
    }
    assert_eq!(CursorSealer::new(&[8; 32]).open(LIST, &cursor), None, "it opens with another key");
    let altered = super::altered(&cursor, script);
    if altered != cursor {
        assert_eq!(sealer.open(LIST, &altered), None, "an altered cursor opens");
    }
    if let SortValue::Text(name) = &position.sort
        && name.len() >= 4
    {
        assert!(!cursor.contains(name.as_str()), "a cursor shows what it holds");
    }
}

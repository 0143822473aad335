//! What a text from outside must be before anything is done with it.
//!
//! Each check gives the text back as it will be stored, or [`Error::Validation`] for the argument at `field`. A message
//! never holds the value: it may be content.
//!
//! ```
//! use palisade::service::input;
//!
//! assert_eq!(input::name("input.name", "  Acme ").unwrap(), "Acme");
//! assert_eq!(input::email("input.email", "Ada@Example.com").unwrap(), "ada@example.com");
//! assert!(input::slug("input.slug", "-acme").is_err());
//! ```

use crate::{
    auth::email,
    error::{Error, Result},
    text::is_bidi_or_invisible,
};

/// Longest name, in characters.
pub const NAME: usize = 200;
/// Longest description, in characters.
pub const DESCRIPTION: usize = 2_000;
/// Longest handle in URLs: a DNS label.
pub const SLUG: usize = 63;
/// Largest settings or other JSON, in bytes.
pub const JSON: usize = 64 * 1024;
/// Largest content, such as a prompt or a document, in bytes.
pub const CONTENT: usize = 256 * 1024;

/// A display name: trimmed, 1 to 200 characters on one line.
pub fn name(field: &'static str, text: &str) -> Result<String> {
    let text = line(field, text, NAME)?;
    if text.is_empty() {
        return Err(Error::validation(field, "must not be empty"));
    }
    Ok(text)
}

/// A text of one line that may be empty: trimmed, at most `most` characters.
pub fn line(field: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(Error::validation(field, "must not contain control characters"));
    }
    shown(field, text, most)
}

/// A text of several lines that may be empty, for people to read: trimmed, at most `most` characters.
pub fn paragraph(field: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
        return Err(Error::validation(field, "must not contain control characters"));
    }
    shown(field, text, most)
}

fn shown(field: &'static str, text: &str, most: usize) -> Result<String> {
    if text.chars().any(is_bidi_or_invisible) {
        return Err(Error::validation(field, "must not contain characters that hide or reorder text"));
    }
    if text.chars().count() > most {
        return Err(Error::validation(field, format!("must be at most {most} characters long")));
    }
    Ok(text.to_owned())
}

/// Content: kept to the letter, at most `most` bytes. PostgreSQL stores no NUL, and the two databases must answer alike.
pub fn content(field: &'static str, text: String, most: usize) -> Result<String> {
    if text.contains('\0') {
        return Err(Error::validation(field, "must not contain NUL"));
    }
    if text.len() > most {
        return Err(Error::validation(field, format!("must be at most {most} bytes long")));
    }
    Ok(text)
}

/// A JSON object as text, kept to the letter.
pub fn json_object(field: &'static str, text: String) -> Result<String> {
    let text = content(field, text, JSON)?;
    // Values stay unread: only the outermost shape is asked for.
    match serde_json::from_str::<std::collections::HashMap<String, serde::de::IgnoredAny>>(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(Error::validation(field, "must be a JSON object")),
    }
}

/// A handle in URLs: 1 to 63 of `a-z`, `0-9` and `-`, with no hyphen at either end.
pub fn slug(field: &'static str, text: &str) -> Result<String> {
    let known = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !known || text.is_empty() || text.len() > SLUG || text.starts_with('-') || text.ends_with('-') {
        return Err(Error::validation(
            field,
            "must be 1 to 63 lower-case letters, digits and hyphens, without a hyphen at either end",
        ));
    }
    Ok(text.to_owned())
}

/// An e-mail address in its one spelling: trimmed and lower-cased.
pub fn email(field: &'static str, text: &str) -> Result<String> {
    email::normalise(text)
        .filter(|address| !address.chars().any(is_bidi_or_invisible))
        .ok_or_else(|| Error::validation(field, "must be an e-mail address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T>(result: Result<T>) -> bool {
        matches!(result, Err(Error::Validation { field, .. }) if field == "input.x")
    }

    #[test]
    fn a_name_is_trimmed_and_has_one_to_200_characters() {
        assert_eq!(name("input.x", "\t Ünïcode 🦀 \n").unwrap(), "Ünïcode 🦀");
        assert_eq!(name("input.x", &"ß".repeat(200)).unwrap().chars().count(), 200);
        for bad in [String::new(), "  ".to_owned(), "ß".repeat(201)] {
            assert!(refused(name("input.x", &bad)), "{bad:?}");
        }
    }

    #[test]
    fn a_name_holds_nothing_that_hides_or_reorders_it() {
        for bad in ["a\0b", "a\nb", "a\u{7}b", "a\u{85}b", "a\u{202e}b", "a\u{2066}b", "a\u{200b}b", "a\u{feff}b"] {
            assert!(refused(name("input.x", bad)), "{bad:?}");
        }
        // A zero-width joiner makes one emoji of several, and words of Persian.
        assert!(name("input.x", "👩\u{200d}🚀").is_ok());
    }

    #[test]
    fn a_paragraph_has_lines_and_a_line_has_none() {
        assert_eq!(paragraph("input.x", "a\nb\tc ", 10).unwrap(), "a\nb\tc");
        assert_eq!(line("input.x", "", 10).unwrap(), "");
        assert!(refused(line("input.x", "a\nb", 10)));
        assert!(refused(paragraph("input.x", "a\0b", 10)));
        assert!(refused(paragraph("input.x", "a\u{202e}b", 10)));
        assert!(refused(paragraph("input.x", "12345678901", 10)));
    }

    #[test]
    fn content_is_kept_to_the_letter() {
        assert_eq!(content("input.x", " a\u{202e}\r\n".to_owned(), 10).unwrap(), " a\u{202e}\r\n");
        assert!(refused(content("input.x", "a\0".to_owned(), 10)));
        assert!(refused(content("input.x", "12345678901".to_owned(), 10)));
    }

    #[test]
    fn settings_are_an_object_of_json() {
        assert_eq!(json_object("input.x", r#"{ "a": [1] }"#.to_owned()).unwrap(), r#"{ "a": [1] }"#);
        for bad in ["", "[]", "1", "null", "{", r#"{"a":1} {}"#] {
            assert!(refused(json_object("input.x", bad.to_owned())), "{bad}");
        }
        assert!(refused(json_object("input.x", format!("{{\"a\":\"{}\"}}", "x".repeat(JSON)))));
    }

    #[test]
    fn a_slug_is_a_label_of_dns() {
        for good in ["a", "acme", "acme-2", "0", &"a".repeat(63)] {
            assert_eq!(slug("input.x", good).unwrap(), good);
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a b", " a", "ä", "a.b", &"a".repeat(64)] {
            assert!(refused(slug("input.x", bad)), "{bad:?}");
        }
    }

    #[test]
    fn an_address_has_one_spelling_and_nothing_that_breaks_a_header() {
        assert_eq!(email("input.x", "  Ada@Example.COM ").unwrap(), "ada@example.com");
        for bad in [
            "",
            "ada",
            "@a.b",
            "ada@",
            "a@b@c",
            "a da@b.c",
            "a@b.c\r\nBcc: d@e.f",
            "Ada <a@b.c>",
            "a@.c",
            "a\u{202e}@b.c",
        ] {
            assert!(refused(email("input.x", bad)), "{bad:?}");
        }
    }
}

//! The one spelling of an e-mail address that is stored and compared.
//!
//! Trimmed and lower-cased, as a whole: two accounts whose addresses differ in case alone would be a trap. Whether the
//! address receives mail is proved by the links sent to it, so that the syntax check keeps out only what could do harm
//! in a header or a log line.

/// Most that SMTP carries.
const MAX: usize = 254;

/// The stored spelling, or `None` for what cannot be an address.
pub fn normalise(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > MAX || text.chars().any(|c| c.is_control() || c.is_whitespace() || "<>,;:\"()[]\\".contains(c)) {
        return None;
    }
    let (local, domain) = text.split_once('@')?;
    let dotted = domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    if local.is_empty() || local.len() > 64 || domain.contains('@') || !dotted {
        return None;
    }
    Some(text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        assert_eq!(normalise("  Ada@Example.COM "), Some("ada@example.com".to_owned()));
        assert_eq!(normalise("ops@localhost"), Some("ops@localhost".to_owned()));
    }

    #[test]
    fn what_could_break_a_header_is_no_address() {
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@@example.com",
            "a da@example.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com,eve@example.com",
            "Ada <ada@example.com>",
            "ada@.com",
            "ada@example..com",
        ] {
            assert_eq!(normalise(bad), None, "{bad}");
        }
        assert_eq!(normalise(&format!("ada@{}.com", "x".repeat(260))), None);
        assert_eq!(normalise(&format!("{}@example.com", "x".repeat(65))), None);
    }
}

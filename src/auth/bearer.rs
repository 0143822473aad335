//! The `Authorization` header: none, or exactly one bearer token.

use crate::error::{Error, Result};

/// Longest token that is looked at.
pub const MAX_TOKEN: usize = 8 * 1024;

/// The bearer token of a request, given the values of all its `Authorization` headers.
///
/// `None` only where there is no such header. Two headers are refused, even alike: whoever stands before us may have
/// read the other one. So is every other scheme, an empty token, and a list.
pub fn token<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<&'a str>> {
    let mut headers = headers.into_iter();
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(Error::Unauthenticated);
    }
    let header = std::str::from_utf8(header).map_err(|_| Error::Unauthenticated)?;
    let (scheme, token) = header.split_once(' ').ok_or(Error::Unauthenticated)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::Unauthenticated);
    }
    checked(token).map(Some)
}

/// A token as it may be: not empty, not over 8 KiB, of the characters that ours are made of.
pub fn checked(token: &str) -> Result<&str> {
    let fits = (1..=MAX_TOKEN).contains(&token.len());
    if fits && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        Ok(token)
    } else {
        Err(Error::Unauthenticated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(headers: &[&'a str]) -> Option<Option<&'a str>> {
        token(headers.iter().map(|header| header.as_bytes())).ok()
    }

    #[test]
    fn no_header_is_nobody_and_one_bearer_is_its_token() {
        assert_eq!(read(&[]), Some(None));
        assert_eq!(read(&["Bearer a.b-c_d"]), Some(Some("a.b-c_d")));
        assert_eq!(read(&["bearer a"]), Some(Some("a")));
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            &["Bearer a", "Bearer a"][..],
            &["Bearer a", ""],
            &["Bearer a, Bearer b"],
            &[""],
            &["Bearer"],
            &["Bearer "],
            &["Bearer  a"],
            &["Bearer a "],
            &["Bearer a b"],
            &["Basic YTpi"],
            &["a.b.c"],
            &["Bearer\ta"],
            &["Bearer a\u{e9}"],
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert!(token([&b"Bearer \xff"[..]]).is_err());
    }

    #[test]
    fn a_token_over_8_kib_is_refused() {
        assert!(read(&[&format!("Bearer {}", "a".repeat(8192))]).is_some());
        assert!(read(&[&format!("Bearer {}", "a".repeat(8193))]).is_none());
    }
}

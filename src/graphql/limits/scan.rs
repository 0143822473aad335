//! A look over the text before it is parsed.
//!
//! The parser calls itself for every bracket and has no limit of its own there: some thousand `{` end the process, not
//! the request. So brackets and tokens are counted first, in one pass that allocates nothing.

use async_graphql::Pos;

use super::rejection::Refusal;
use crate::config::Limits;

/// Counts tokens and open brackets. Answers the number of tokens.
pub fn scan(text: &str, limits: &Limits) -> Result<usize, Refusal> {
    let bytes = text.as_bytes();
    let (mut at, mut tokens, mut open) = (0, 0_usize, 0_usize);
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b' ' | b',' | b'\t' | b'\n' | b'\r' => continue,
            b'#' => {
                at += bytes[at..].iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count();
                continue;
            }
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            b'"' => at = end_of_string(bytes, at),
            // Words and numbers; what follows a byte outside ASCII is one too, whatever the parser makes of it.
            b'_' | b'-' | b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80.. => {
                at += bytes[at..]
                    .iter()
                    .take_while(|byte| matches!(byte, b'_' | b'.' | b'+' | b'-' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80..))
                    .count();
            }
            _ => {}
        }
        tokens += 1;
        if open > limits.nesting {
            return Err(Refusal::too_complex("brackets open at once", open, limits.nesting, "nesting")
                .at(position(text, start)));
        }
        if tokens > limits.tokens {
            // The rest is not counted: its length is the client's choice.
            return Err(Refusal::too_complex("tokens or more", tokens, limits.tokens, "tokens"));
        }
    }
    Ok(tokens)
}

/// The place after a string whose first quote is before `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    if bytes[at..].starts_with(b"\"\"") {
        let mut at = at + 2;
        while at < bytes.len() {
            if bytes[at..].starts_with(b"\\\"\"\"") {
                at += 4;
            } else if bytes[at..].starts_with(b"\"\"\"") {
                return at + 3;
            } else {
                at += 1;
            }
        }
        // `""` and then no block's end: an empty string.
        return at;
    }
    let mut at = at;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            // A string ends with its line: brackets after it must not hide from the count.
            b'\n' | b'\r' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Line and column of a byte.
pub fn position(text: &str, at: usize) -> Pos {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    Pos { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> Result<usize, String> {
        let limits = Limits { tokens: 50, nesting: 4, ..Limits::default() };
        scan(text, &limits).map_err(|refusal| refusal.message)
    }

    #[test]
    fn tokens_are_counted_as_the_parser_sees_them() {
        assert_eq!(count("{ a(x: 1.5e-3, y: \"{{{{{{\\\"\") { b } # {{{{{{ \n }"), Ok(14));
        assert_eq!(count("{ a(x: \"\"\"{{{{{{ \\\"\"\" {{{ \"\"\") }"), Ok(8));
        assert_eq!(count(""), Ok(0));
    }

    #[test]
    fn brackets_do_not_hide_behind_an_open_string_or_a_comment() {
        for text in ["{{{{{", "\"\n{{{{{", "#\n[[[[[", "\"\" {{{{{", "{([{(", "#\r{{{{{"] {
            let error = count(text).unwrap_err();
            assert!(error.contains("5 brackets open") && error.contains("limits.nesting"), "{text}: {error}");
        }
    }

    #[test]
    fn a_megabyte_of_brackets_or_words_is_refused_at_once() {
        for unit in ["{", "[", "a ", "{}", "\"", "\"\"\"", "\\"] {
            let text = unit.repeat((1 << 20) / unit.len());
            let outcome = count(&text);
            assert!(unit.starts_with('"') || outcome.is_err(), "{unit}");
        }
    }
}

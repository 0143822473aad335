//! How text is folded for search, in Rust and not in the database, so that both databases answer alike.

/// The text in lower case: what a `…_folded` column holds, and what a search term is before it is compared with one.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

//! What a name may hold, whatever it is the name of.

/// Characters by which a name could be shown as another: what overrides or isolates the direction of writing, and the
/// invisible ones. Joiners stay: some scripts need them.
pub const fn is_bidi_or_invisible(char: char) -> bool {
    matches!(char, '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

//! Markers: words that nobody wrote, so that one that turns up says where it came from, in whatever dress.

use std::collections::BTreeSet;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// Which word the markers begin with; `PALISADE_CANARY_SEED` makes another.
fn seed() -> u64 {
    std::env::var("PALISADE_CANARY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_122)
}

/// The markers of one run.
pub struct Marks {
    /// What every marker begins with.
    pub word: String,
    pub seed: u64,
    /// Every way in which the word may be written, in lower case where that is one way.
    forms: Vec<(&'static str, Vec<u8>, bool)>,
}

/// How many letters of a marker follow its word.
const REST: usize = 9;

/// What numbers begin with, where a column holds no words. Longer than any duration or count that is logged.
pub const NUMBER: &str = "193827";

impl Marks {
    pub fn new() -> Self {
        let seed = seed();
        let mut dice = StdRng::seed_from_u64(seed);
        let letters = b"BCDFGHJKLMNPQRSTVWXZbcdfghjklmnpqrstvwxz";
        let word: String = (0..14).map(|_| letters[dice.random_range(0..letters.len())] as char).collect();
        let forms = forms(&word);
        Self { word, seed, forms }
    }

    /// The marker of a column, or of whatever has a number, for somebody.
    pub fn text(&self, whose: char, column: usize, row: usize) -> String {
        assert!(column < 100 && row < 1_000_000);
        format!("{}{whose}{column:02}{row:06}", self.word)
    }

    /// All markers that a text holds as they are: what follows the word.
    pub fn raw(&self, text: &str) -> BTreeSet<String> {
        let (text, word) = (text.to_lowercase(), self.word.to_lowercase());
        let found = text.match_indices(&word).filter_map(|(at, _)| text.get(at + word.len()..at + word.len() + REST));
        found.map(str::to_owned).collect()
    }

    /// The first place where a text holds a marker in any dress, and which.
    pub fn find(&self, text: &[u8]) -> Option<String> {
        // Every dress is ASCII.
        let text = String::from_utf8_lossy(text);
        let lower = text.to_ascii_lowercase();
        for (name, form, any_case) in &self.forms {
            let form = std::str::from_utf8(form).unwrap();
            let hay: &str = if *any_case { &lower } else { &text };
            if let Some(at) = hay.find(form) {
                let around = |from: usize, to: usize| String::from_utf8_lossy(&hay.as_bytes()[from..to]).into_owned();
                let near = around(at.saturating_sub(400), hay.len().min(at + 200));
                return Some(format!("{name} (seed {}): …{near}…", self.seed));
            }
        }
        None
    }

    /// Fails where a text holds a marker.
    #[track_caller]
    pub fn hold(&self, what: &str, text: impl AsRef<[u8]>) {
        if let Some(found) = self.find(text.as_ref()) {
            panic!("{what} holds a marker, {found}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The letters that stand for `word` wherever it begins in what is encoded.
fn base64(word: &str, before: usize, url: bool) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(word.as_bytes());
    let whole = bytes.len() / 3 * 3;
    let bytes = &bytes[..whole];
    let text = if url { URL_SAFE.encode(bytes) } else { STANDARD.encode(bytes) };
    text[(before * 8).div_ceil(6)..].to_owned()
}

fn forms(word: &str) -> Vec<(&'static str, Vec<u8>, bool)> {
    let lower = word.to_lowercase();
    let each = |format: fn(u8) -> String, by: &str| word.bytes().map(format).collect::<Vec<_>>().join(by);
    let mut forms = vec![
        ("as it is", lower.clone(), true),
        ("backwards", lower.chars().rev().collect(), true),
        ("hex", hex(word.as_bytes()), true),
        ("hex of lower case", hex(lower.as_bytes()), true),
        ("hex of upper case", hex(word.to_uppercase().as_bytes()), true),
        ("for an address", each(|byte| format!("%{byte:02x}"), ""), true),
        ("escaped", each(|byte| format!("\\u00{byte:02x}"), ""), true),
        ("a list of bytes", each(|byte| byte.to_string(), ", "), false),
        ("a short list of bytes", each(|byte| byte.to_string(), ","), false),
        ("letters apart", each(|byte| (byte as char).to_string(), " "), false),
        ("wide", each(|byte| (byte as char).to_string(), "\0"), false),
    ];
    for (name, word) in [("base64", word), ("base64 of lower case", &lower)] {
        for before in 0..3 {
            for url in [false, true] {
                forms.push((name, base64(word, before, url), false));
            }
        }
    }
    forms.into_iter().map(|(name, form, any_case)| (name, form.into_bytes(), any_case)).collect()
}

#[test]
fn a_marker_is_found_in_every_dress() {
    let marks = Marks::new();
    let marker = marks.text('t', 7, 42);
    assert_eq!(marks.raw(&format!("a {marker} b")), BTreeSet::from(["t07000042".to_owned()]));
    let upper = marker.to_uppercase();
    let dresses = [
        marker.clone(),
        format!("Some(\"{}\")", marker.to_lowercase()),
        upper.clone(),
        marker.chars().rev().collect(),
        hex(marker.as_bytes()),
        hex(marker.to_lowercase().as_bytes()).to_uppercase(),
        hex(upper.as_bytes()),
        STANDARD.encode(&marker),
        STANDARD.encode(format!("a{marker}")),
        URL_SAFE.encode(format!("ab{marker}")),
        STANDARD.encode(format!("abc{}", marker.to_lowercase())),
        format!("{:?}", marker.as_bytes()),
        serde_json::to_string(marker.as_bytes()).unwrap(),
        marker.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        marker.bytes().map(|byte| format!("\\u{byte:04X}")).collect(),
        format!("{:?}", marker.chars().map(String::from).collect::<Vec<_>>().join(" ")),
    ];
    for dress in dresses {
        assert!(marks.find(format!("before {dress} after").as_bytes()).is_some(), "{dress}");
    }
    assert!(marks.find(b"nothing of the kind, 193827, and the quick brown fox").is_none());
}

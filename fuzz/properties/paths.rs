//! A workspace path stays beneath its folder, whoever reads it.

use std::path::{Component, Path};

use palisade::workspace::WorkspacePath;
use unicode_normalization::UnicodeNormalization as _;

/// Reads a text as a path, and goes there.
pub fn check(data: &[u8]) {
    let (kind, rest) = super::first(data);
    if let Some(text) = super::text(rest) {
        one(text, kind == 0);
    }
    const GOOD: [&str; 4] = ["report/2026-11.md", "Übersicht/日本語/a b.txt", "a/b/c/d/e", "...a/.hidden"];
    one(&super::altered(GOOD[usize::from(kind) % GOOD.len()], rest), false);
    // Pieces that mean something to somebody, in any order.
    const PIECES: [&str; 16] = [
        "..",
        ".",
        "/",
        "\\",
        "a",
        "C:",
        "\0",
        "~",
        "%2e%2e",
        "nul",
        "\u{ff0e}\u{ff0e}",
        "\u{2215}",
        " ",
        ".palisade",
        "é",
        "\u{202e}",
    ];
    one(&rest.iter().take(24).map(|byte| PIECES[usize::from(byte % 16)]).collect::<String>(), false);
}

fn one(text: &str, visit: bool) {
    let Ok(path) = text.parse::<WorkspacePath>() else { return };
    assert_eq!(path.as_str(), text, "a path is kept to the letter");
    assert_eq!(format!("{path:?}"), "[path]", "a path is content, and is not printed");
    assert!(text.len() <= 1024 && text.split('/').all(|part| (1..=255).contains(&part.len())));
    assert!(!text.chars().any(|char| char.is_control() || "\\:".contains(char)), "{text:?}");
    assert_eq!(text.nfc().collect::<String>(), text, "it has a second spelling");
    // What a folder's file system sees: names, one a part, and nothing that leads up or away.
    let seen: Vec<_> = Path::new(text).components().collect();
    assert!(seen.iter().all(|part| matches!(part, Component::Normal(_))), "{text:?}");
    assert_eq!(seen.len(), text.split('/').count(), "{text:?}");
    // What is made of it in a URL or by a reader of compatibility forms is no way up either.
    let folded: String = text.nfkc().collect();
    assert!(!folded.split('/').any(|part| part.trim() == ".."), "{text:?}");
    let (folder, name) = path.split();
    assert_eq!(folder.map_or_else(|| name.to_owned(), |folder| format!("{folder}/{name}")), text);
    assert!(path.folders().all(|above| text.starts_with(above) && text.as_bytes()[above.len()] == b'/'));
    if visit && text.len() < 200 {
        visited(text);
    }
}

/// A file that is made there is beneath the root, and the folder beside the root is empty still.
fn visited(text: &str) {
    let top = tempfile::tempdir().expect("a folder to try in");
    let (root, beside) = (top.path().join("root"), top.path().join("beside"));
    std::fs::create_dir(&beside).expect("a folder beside it");
    let place = root.join(text);
    std::fs::create_dir_all(place.parent().expect("it has a parent")).expect("folders can be made");
    std::fs::write(&place, b"x").expect("a file can be made");
    let real = place.canonicalize().expect("it is there");
    assert!(real.starts_with(root.canonicalize().expect("the root is there")), "{text:?} led to {}", real.display());
    assert_eq!(std::fs::read_dir(&beside).expect("it is there").count(), 0);
}

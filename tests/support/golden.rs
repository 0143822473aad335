//! Goldens: named, readable, reviewed. `UPDATE_GOLDEN=1` rewrites them; CI never sets it, and fails on a changed tree.

use std::path::Path;

pub fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept != text {
        let changes: Vec<String> = diff(&kept, text);
        panic!("{name} differs; read the difference, then run the test with UPDATE_GOLDEN=1:\n{}", changes.join("\n"));
    }
}

fn diff(kept: &str, now: &str) -> Vec<String> {
    let (kept, now): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), now.lines().collect());
    let gone = kept.iter().filter(|line| !now.contains(line)).map(|line| format!("- {line}"));
    let new = now.iter().filter(|line| !kept.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(new).take(60).collect()
}

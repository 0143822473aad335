//! Where a file stands below its goal's folder, as a type that holds nothing else.
//!
//! A path is relative, written with `/`, and means the same to every backend and every system that may mount the folder:
//! what one of them would read as a way out, as a device or as another spelling of the same name is refused, before
//! anything is touched.
//!
//! ```
//! use palisade::workspace::WorkspacePath;
//!
//! assert!("report/2026-11.md".parse::<WorkspacePath>().is_ok());
//! assert!("report/../../../etc/passwd".parse::<WorkspacePath>().is_err());
//! ```

use std::{fmt, str::FromStr};

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::text::is_bidi_or_invisible;

/// Longest path, in bytes.
pub const PATH: usize = 1_024;
/// Longest part of it, in bytes: what file systems hold.
pub const PART: usize = 255;
/// Most parts.
pub const PARTS: usize = 32;

/// Names that begin so are ours.
const RESERVED: &str = ".palisade";
/// Devices of Windows, also with any extension: a mount there would open the device.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];
/// Devices that have a number.
const NUMBERED: &[&str] = &["com", "lpt"];

/// A path that is safe to use below a goal's folder. Content: it is not printed.
#[derive(Clone, Eq, PartialEq)]
pub struct WorkspacePath(String);

impl fmt::Debug for WorkspacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[path]")
    }
}

/// What is wrong with a path. It never repeats the path.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PathError {
    /// Nothing.
    #[error("must not be empty")]
    Empty,
    /// Too many bytes in all.
    #[error("must be at most 1024 bytes long")]
    Long,
    /// Too many bytes in a part.
    #[error("must not have a part longer than 255 bytes")]
    LongPart,
    /// Too many parts.
    #[error("must have at most 32 parts")]
    Deep,
    /// A way out, or a second spelling of another path.
    #[error("must be relative, without empty parts, `.` and `..`")]
    NotRelative,
    /// A character that no name has here.
    #[error("must not contain `\\`, `:`, control characters or characters that hide or reorder text")]
    Character,
    /// A letter in two pieces.
    #[error("must be in Unicode normalisation form C")]
    NotNormal,
    /// A part that some systems cut off.
    #[error("must not have a part that begins or ends with a space or ends with a dot")]
    Edge,
    /// A name of ours, or of a device.
    #[error("must not use a reserved name")]
    Reserved,
}

impl WorkspacePath {
    /// The path, with `/` between its parts.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder's path, if it stands in one, and its own name.
    pub fn split(&self) -> (Option<&str>, &str) {
        self.0.rsplit_once('/').map_or((None, &self.0), |(folder, name)| (Some(folder), name))
    }

    /// The folders above it, from the outermost.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

impl FromStr for WorkspacePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.len() > PATH {
            return Err(PathError::Long);
        }
        if text.chars().any(|char| char.is_control() || matches!(char, '\\' | ':') || is_bidi_or_invisible(char)) {
            return Err(PathError::Character);
        }
        if !is_nfc(text) {
            return Err(PathError::NotNormal);
        }
        if text.split('/').count() > PARTS {
            return Err(PathError::Deep);
        }
        text.split('/').try_for_each(part)?;
        Ok(Self(text.to_owned()))
    }
}

fn part(part: &str) -> Result<(), PathError> {
    if matches!(part, "" | "." | "..") {
        return Err(PathError::NotRelative);
    }
    // Full-width dots and their kin: a system that folds compatible characters reads a way up.
    let compatible: String = part.nfkc().collect();
    if compatible.split(['/', '\\']).any(|piece| matches!(piece.trim(), "." | "..")) {
        return Err(PathError::NotRelative);
    }
    if part.len() > PART {
        return Err(PathError::LongPart);
    }
    if part.starts_with(char::is_whitespace) || part.ends_with(char::is_whitespace) || part.ends_with('.') {
        return Err(PathError::Edge);
    }
    let folded = part.to_lowercase();
    let stem = folded.split('.').next().unwrap_or_default().trim_end();
    let numbered = NUMBERED.iter().filter_map(|device| stem.strip_prefix(device));
    let is_device = DEVICES.contains(&stem)
        || numbered.into_iter().any(|number| {
            matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
        });
    if is_device || folded.starts_with(RESERVED) {
        return Err(PathError::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> Result<WorkspacePath, PathError> {
        text.parse()
    }

    #[test]
    fn a_path_is_kept_to_the_letter() {
        for good in [
            "a",
            "a/b.txt",
            "Übersicht/日本語/👩\u{200d}🚀.md",
            ".hidden",
            "a b/c",
            "...a",
            "COM10",
            "console",
            "a~1",
            "-rf",
            "$(x)",
            "%2e%2e",
        ] {
            assert_eq!(path(good).unwrap().as_str(), good);
        }
        assert_eq!(path(&vec!["a"; PARTS].join("/")).unwrap().folders().count(), PARTS - 1);
        assert!(path(&"a".repeat(PART)).is_ok());
    }

    #[test]
    fn what_leads_out_or_is_read_otherwise_elsewhere_is_refused() {
        for (bad, why) in [
            ("", PathError::Empty),
            ("/etc/passwd", PathError::NotRelative),
            ("a//b", PathError::NotRelative),
            ("a/", PathError::NotRelative),
            ("./a", PathError::NotRelative),
            ("a/../b", PathError::NotRelative),
            ("\u{ff0e}\u{ff0e}/a", PathError::NotRelative),
            ("a/\u{2025}", PathError::NotRelative),
            ("..", PathError::NotRelative),
            ("a\\b", PathError::Character),
            ("C:/x", PathError::Character),
            ("a\0b", PathError::Character),
            ("a\nb", PathError::Character),
            ("a\u{202e}b", PathError::Character),
            ("a\u{200b}", PathError::Character),
            ("e\u{301}", PathError::NotNormal),
            ("a /b", PathError::Edge),
            ("a/ b", PathError::Edge),
            ("a.", PathError::Edge),
            (".. /a", PathError::NotRelative),
            ("con", PathError::Reserved),
            ("a/NUL.txt", PathError::Reserved),
            ("Com1.log", PathError::Reserved),
            ("lpt²", PathError::Reserved),
            ("aux .c", PathError::Reserved),
            (".palisade-probe", PathError::Reserved),
            ("a/.PALISADE", PathError::Reserved),
        ] {
            assert_eq!(path(bad), Err(why), "{bad:?}");
        }
        assert_eq!(path(&"a".repeat(PART + 1)), Err(PathError::LongPart));
        assert_eq!(path(&"ä".repeat(128)), Err(PathError::LongPart));
        assert_eq!(path(&vec!["a"; PARTS + 1].join("/")), Err(PathError::Deep));
        assert_eq!(path(&vec!["a".repeat(200); 6].join("/")), Err(PathError::Long));
    }

    #[test]
    fn a_path_is_not_printed() {
        assert_eq!(format!("{:?}", path("salaries.csv")), "Ok([path])");
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_stays_below_the_folder(text in "[a-zA-Z0-9./\\\\ :~\u{0}-\u{20}\u{300}-\u{310}é\u{2028}-\u{202f}]{0,60}") {
            if let Ok(path) = text.parse::<WorkspacePath>() {
                prop_assert_eq!(path.as_str(), &text);
                let parts: Vec<_> = std::path::Path::new(path.as_str()).components().collect();
                prop_assert!(parts.iter().all(|part| matches!(part, std::path::Component::Normal(_))));
                prop_assert_eq!(parts.len(), text.split('/').count());
                prop_assert!(text.len() <= PATH && parts.len() <= PARTS);
                prop_assert!(!text.contains(['\0', '\\', ':']));
            }
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = text.parse::<WorkspacePath>();
        }
    }
}

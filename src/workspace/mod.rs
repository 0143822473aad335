//! Where the bytes of goals' files are kept: on the local disk, or in an S3-compatible bucket.
//!
//! The row in `workspace_files` is the truth: it names a version and what the version's bytes must add up to. A backend
//! keeps immutable versions, and a local one also shows the present version where an agent's mount expects it, at
//! `orgs/{org_id}/{goal_id}/{path}`. A file is put in this order, so that a process killed at any point loses nothing that
//! was acknowledged and no reader gets bytes that are not the row's ([ADR 0011](../../../docs/adr/0011-files-are-versions.md)):
//!
//! 1. [`Workspace::put`] keeps the bytes under a new version, durably; nobody sees them.
//! 2. The row names the version: the commit decides.
//! 3. [`Workspace::publish`] makes it what stands at the path, in one step.
//!
//! A backend knows organisations, goals, paths and versions; it knows no viewer, no row and no quota.

#[cfg(target_os = "linux")]
pub mod local;
pub mod path;
pub mod s3;

use std::{fmt, str::FromStr, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::ids::{FileVersionId, GoalId, OrgId};
use sha2::{Digest as _, Sha256};

use crate::error::Error;

pub use path::{PathError, WorkspacePath};

/// Names the bytes of one version of one file.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Version {
    /// The organisation.
    pub org_id: OrgId,
    /// The goal.
    pub goal_id: GoalId,
    /// The version itself.
    pub id: FileVersionId,
}

/// What bytes must add up to. Content: a digest of something short is the thing itself.
#[derive(Clone, Eq, PartialEq)]
pub struct Checksum {
    size: u64,
    sha256: String,
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[checksum]")
    }
}

impl Checksum {
    /// What these bytes add up to.
    pub fn of(bytes: &[u8]) -> Self {
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { size: bytes.len() as u64, sha256 }
    }

    /// What a row says: bytes, and SHA-256 in hex.
    pub fn stored(size: i64, sha256: &str) -> Self {
        // A size below zero, which a CHECK rules out, is no file's.
        Self { size: u64::try_from(size).unwrap_or(u64::MAX), sha256: sha256.to_owned() }
    }

    /// How many bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 in hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether these are the bytes.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.size == bytes.len() as u64 && *self == Self::of(bytes)
    }
}

/// Why a backend did not do what it was asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// There are no such bytes.
    NotFound,
    /// Something that is neither a plain file with one name nor a plain folder stands in the way: a link, a device, a
    /// pipe, a mount. It was left as it is.
    Obstructed,
    /// There are bytes, and they are not the ones that the row speaks of.
    Damaged,
    /// The backend cannot answer now. Holds the cause for the log.
    Unavailable(String),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Obstructed => {
                Self::validation("path", "something that is not a plain file or folder stands in the way")
            }
            Fault::NotFound => Self::Unavailable("a file's bytes are gone".to_owned()),
            Fault::Damaged => Self::Unavailable("a file's bytes do not match its checksum".to_owned()),
            Fault::Unavailable(cause) => Self::Unavailable(cause),
        }
    }
}

/// A backend. Every method may be called again after it failed, or after the process was killed in the middle of it.
#[async_trait::async_trait]
pub trait Workspace: fmt::Debug + Send + Sync {
    /// Keeps the bytes of a new version, durably. Refused where its path could not be published. Twice the same is once.
    async fn put(&self, version: Version, path: &WorkspacePath, bytes: Bytes) -> Result<(), Fault>;

    /// Makes a version what stands at the path, in one step, and durably.
    async fn publish(&self, version: Version, path: &WorkspacePath, checksum: &Checksum) -> Result<(), Fault>;

    /// The version's bytes, published or not, and never others: they are held against the checksum.
    async fn get(&self, version: Version, path: &WorkspacePath, checksum: &Checksum) -> Result<Vec<u8>, Fault>;

    /// Takes what stands at the path away from it. A version that was published is kept.
    async fn withdraw(&self, version: Version, path: &WorkspacePath) -> Result<(), Fault>;

    /// Forgets a version that is not published. One that is not there is forgotten already.
    async fn discard(&self, version: Version) -> Result<(), Fault>;

    /// Versions of an organisation that may need an end: kept before `until`, and not known to be published.
    async fn unsettled(&self, org_id: OrgId, until: DateTime<Utc>) -> Result<Vec<Version>, Fault>;

    /// Whether publishing does anything.
    fn publishes(&self) -> bool;

    /// Whether the backend can be used, for `doctor`.
    async fn check(&self) -> Result<(), Fault>;
}

/// How much may be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quota {
    /// Largest file, in bytes.
    pub file_bytes: u64,
    /// Bytes of all files of an organisation.
    pub bytes: i64,
    /// Files of an organisation.
    pub files: i64,
}

/// A backend with the limits that go with it.
#[derive(Clone, Debug)]
pub struct Files {
    /// Where the bytes are.
    pub backend: Arc<dyn Workspace>,
    /// How many there may be.
    pub quota: Quota,
}

/// A version's name in a backend, below its organisation's place: both ids in one word.
fn version_name(version: Version) -> String {
    format!("{}.{}", version.goal_id, version.id)
}

/// Reads such a name; none for what is not ours.
fn parse_version(org_id: OrgId, name: &str) -> Option<Version> {
    let (goal_id, id) = name.split_once('.')?;
    Some(Version { org_id, goal_id: GoalId::from_str(goal_id).ok()?, id: FileVersionId::from_str(id).ok()? })
}

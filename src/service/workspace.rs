//! Files of goals' workspaces: put, read, deleted, and put right after a process that was killed.
//!
//! ```text
//! put      keep the bytes under a new version → commit the row → publish, holding the row → forget the replaced version
//! delete   hold the row → withdraw the bytes → commit → forget them
//! ```
//!
//! The row is the truth at every moment: whatever step comes last, the bytes of the version that it names are kept, and
//! [`contents`] holds them against its checksum. What is left over (bytes without a row, a row whose bytes are not published)
//! is found and ended by [`settle`].

use chrono::TimeDelta;
use entity::{
    confidential::Reader,
    ids::{GoalId, OrgId, WorkspaceFileId},
};

use super::Context;
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{Permit, WriteFile, permit},
    store::{
        db::{Database, Role},
        list::row::Row as _,
        read::workspace::WorkspaceFileRow,
        write::workspace::{FileDraft, lock_version, organization_ids, versions_without_file},
    },
    workspace::{Checksum, Fault, Files, PathError, Version, WorkspacePath},
};

/// How long what is kept without a row may yet get one: longer than any request takes.
const GRACE: TimeDelta = TimeDelta::minutes(10);
/// Versions that are looked up in one statement.
const BATCH: usize = 1_000;

/// A file that comes in.
#[derive(Clone)]
pub struct PutFileInput {
    /// The goal whose file it is.
    pub goal_id: GoalId,
    /// Where it is to stand below the goal's folder.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// SHA-256, hex, of the file that is to be replaced: another one, or none, is a conflict.
    pub expected_sha256: Option<String>,
}

impl std::fmt::Debug for PutFileInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The rest is content.
        f.debug_struct("PutFileInput").field("goal_id", &self.goal_id).finish_non_exhaustive()
    }
}

/// Puts a file, new or in place of the one that stands at the path.
pub async fn put(cx: Context<'_>, files: &Files, new: PutFileInput) -> Result<WorkspaceFileId> {
    let path: WorkspacePath =
        new.path.parse().map_err(|wrong: PathError| Error::validation("input.path", wrong.to_string()))?;
    let most = files.quota.file_bytes;
    if new.bytes.len() as u64 > most {
        return Err(Error::validation("input.contents", format!("must be at most {most} bytes")));
    }
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if new.expected_sha256.as_deref().is_some_and(|text| !is_digest(text)) {
        return Err(Error::validation("input.expectedSha256", "must be 64 hexadecimal digits, in lower case"));
    }
    let permit = permit::<WriteFile>(cx.viewer, &cx.store.goal_facts(new.goal_id).await?)?;
    let (org_id, goal_id) = permit.key();
    let version = Version { org_id, goal_id, id: cx.clock.id() };
    let checksum = Checksum::of(&new.bytes);
    // No transaction waits for the backend.
    cx.store.end_read().await;
    match files.backend.put(version, &path, new.bytes.into()).await {
        Ok(()) => {}
        Err(Fault::Obstructed) => {
            // By a file of ours, as it would be in a bucket, or by something that was planted.
            cx.store.file_room(&permit, &path).await?;
            return Err(Error::validation("input.path", OBSTRUCTED));
        }
        Err(fault) => return Err(fault.into()),
    }
    let draft = FileDraft {
        path: path.clone(),
        checksum: checksum.clone(),
        version: version.id,
        expected_sha256: new.expected_sha256,
    };
    let done = match cx.store.file_put(cx.clock, &permit, files.quota, draft).await {
        Ok(done) => done,
        Err(error) => {
            // After any other error it may have been committed: then the bytes are the file's.
            if matches!(error, Error::Conflict(_) | Error::NotFound | Error::Validation { .. }) {
                forget(files, version).await;
            }
            return Err(error);
        }
    };
    if let Err(error) = publish(cx, files, &permit, version, &path, &checksum).await {
        // The file is put all the same, and is read from where it is kept.
        tracing::warn!(file = %done.id, code = error.code(), "a file is not published yet");
    }
    if let Some(replaced) = done.replaced {
        forget(files, Version { id: replaced, ..version }).await;
    }
    Ok(done.id)
}

const OBSTRUCTED: &str = "something that is not a plain file or folder stands in the way";

/// Publishes what was committed, holding the row: of two puts at one path the later one is shown.
async fn publish(
    cx: Context<'_>,
    files: &Files,
    permit: &Permit<WriteFile>,
    version: Version,
    path: &WorkspacePath,
    checksum: &Checksum,
) -> Result<()> {
    if !files.backend.publishes() {
        return Ok(());
    }
    let Some(_held) = cx.store.file_hold(permit, version.id).await? else {
        // Replaced or deleted meanwhile.
        forget(files, version).await;
        return Ok(());
    };
    Ok(files.backend.publish(version, path, checksum).await?)
}

/// Removes bytes that nothing names. When it fails, [`settle`] does it later.
async fn forget(files: &Files, version: Version) {
    if let Err(fault) = files.backend.discard(version).await {
        tracing::warn!(?version, ?fault, "a version that nothing needs was not removed");
    }
}

/// A file's bytes, which are the ones that its row speaks of. The row must have been loaded with its place.
pub async fn contents(cx: Context<'_>, files: &Files, row: &WorkspaceFileRow, reader: &impl Reader) -> Result<Vec<u8>> {
    let (Some(path), Some(size), Some(sha256)) =
        (row.path.open(reader), row.size_bytes.open(reader), row.sha256.open(reader))
    else {
        return Err(Error::internal("a file was loaded without its place"));
    };
    let path: WorkspacePath = path.parse().map_err(|_| Error::internal("a stored path is none"))?;
    let version = Version { org_id: row.org_id, goal_id: row.goal_id, id: row.version };
    match files.backend.get(version, &path, &Checksum::stored(*size, sha256)).await {
        Ok(bytes) => Ok(bytes),
        Err(Fault::Unavailable(cause)) => Err(Error::Unavailable(cause)),
        // Not there any more, or never again as it was?
        Err(fault) => match cx.store.file_version_now(row.id).await? {
            None => Err(Error::NotFound),
            Some(now) if now != row.version => {
                Err(Error::Conflict("The file was replaced while it was read; read it again."))
            }
            Some(_) => {
                tracing::error!(file = %row.id, ?fault, "a file's bytes are not the ones that were put");
                Err(fault.into())
            }
        },
    }
}

/// Deletes a file.
pub async fn delete(cx: Context<'_>, files: &Files, id: WorkspaceFileId) -> Result<WorkspaceFileId> {
    let row = cx.store.file_by_ids(&[id], WorkspaceFileRow::keys()).await?.pop().ok_or(Error::NotFound)?;
    let permit = permit::<WriteFile>(cx.viewer, &cx.store.goal_facts(row.goal_id).await?)?;
    let removal = cx.store.file_remove(&permit, id).await?;
    match files.backend.withdraw(removal.version, &removal.path).await {
        // What stands there is not ours, or nothing does.
        Ok(()) | Err(Fault::Obstructed | Fault::NotFound) => {}
        Err(fault) => return Err(fault.into()),
    }
    cx.finish(removal.tx, removal.version.org_id, removal.record).await?;
    forget(files, removal.version).await;
    Ok(id)
}

/// What a round of [`settle`] found and ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Settled {
    /// Files that were committed and had not been published.
    pub published: usize,
    /// Versions that no row names.
    pub forgotten: usize,
}

/// Ends what a process that was killed had begun, in every organisation. Safe beside other copies of the server, and beside
/// requests that run.
pub async fn settle(database: &Database, files: &Files, clock: &Clock) -> Result<Settled> {
    let mut settled = Settled::default();
    let orgs = organization_ids(&database.begin_read(Role::System, None).await?).await?;
    for org_id in orgs {
        let versions = files.backend.unsettled(org_id, clock.now() - GRACE).await?;
        for versions in versions.chunks(BATCH) {
            settle_versions(database, files, org_id, versions, &mut settled).await?;
        }
    }
    Ok(settled)
}

async fn settle_versions(
    database: &Database,
    files: &Files,
    org_id: OrgId,
    versions: &[Version],
    settled: &mut Settled,
) -> Result<()> {
    let ids: Vec<_> = versions.iter().map(|version| version.id).collect();
    let unnamed = {
        let tx = database.begin_read(Role::System, Some(org_id)).await?;
        versions_without_file(&tx, org_id, &ids).await?
    };
    for version in versions.iter().filter(|version| files.backend.publishes() || unnamed.contains(&version.id)) {
        // Asked again under the row's lock: somebody may be deleting it.
        let tx = database.begin_write(Role::System, Some(org_id)).await?;
        match lock_version(&tx, org_id, version.id).await? {
            Some(present) => match files.backend.publish(*version, &present.path, &present.checksum).await {
                Ok(()) => settled.published += 1,
                Err(fault) => tracing::warn!(?version, ?fault, "a file could not be published"),
            },
            None => {
                files.backend.discard(*version).await?;
                settled.forgotten += 1;
            }
        }
    }
    Ok(())
}

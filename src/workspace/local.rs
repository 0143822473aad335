//! Files on the local disk.
//!
//! ```text
//! ROOT/orgs/{org_id}/{goal_id}/{path}              what an agent's mount shows: the present version
//! ROOT/orgs/{org_id}/.versions/{goal_id}.{version}  kept, and not (or not any more) published
//! ```
//!
//! Agents write below their goal's folder, so that anything may stand there. Every name is resolved by one `openat2` beneath
//! the descriptor of its organisation's folder: no symbolic link, magic link, mount or `..` is followed, at no depth, also
//! when somebody swaps folders meanwhile. What is opened is read only if it is a plain file with one name: a hard link
//! would read another's file, a pipe would hang, a device would do what devices do. New bytes are written beside, never
//! into what is there, and put in place by `renameat`, which replaces a name and follows nothing.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::ids::OrgId;
use rustix::{
    fs::{
        AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, fsync, mkdirat, openat2, renameat, statat,
        unlinkat,
    },
    io::Errno,
};

use super::{Checksum, Fault, Version, Workspace, WorkspacePath, parse_version, version_name};

/// Where versions wait: no goal's id begins with a dot.
const VERSIONS: &str = ".versions";
/// Ours alone.
const FILE_MODE: Mode = Mode::from_raw_mode(0o600);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o700);
/// How often a step is tried again that somebody else's step came between.
const TRIES: usize = 5;

/// Never out of the folder that is asked, through nothing but plain folders.
fn beneath() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV
}

/// Why a folder cannot hold the workspace, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It cannot be made or opened.
    #[error("workspace.root {path}: {source}")]
    Unusable {
        /// The folder.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The kernel lacks what keeps paths inside.
    #[error(
        "this system has no openat2 (Linux 5.6, and a container runtime that lets it through), without which local files \
         cannot be kept apart: use workspace.backend = \"s3\""
    )]
    NoOpenat2,
    /// Anybody could change what is in it.
    #[error("workspace.root {path} can be written by anybody: run `chmod o-w {path}`")]
    WorldWritable {
        /// The folder.
        path: String,
    },
}

/// The workspace below a folder.
#[derive(Clone, Debug)]
pub struct LocalWorkspace {
    root: Arc<OwnedFd>,
}

impl LocalWorkspace {
    /// Opens the folder, made if it is not there, and sees to it that it can be used safely.
    pub fn open(root: &Path) -> Result<Self, RootError> {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
        let path = || root.display().to_string();
        let unusable = |source| RootError::Unusable { path: path(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(unusable)?;
        let fd = File::open(root).map_err(unusable)?;
        let about = fd.metadata().map_err(unusable)?;
        if about.permissions().mode() & 0o002 != 0 {
            return Err(RootError::WorldWritable { path: path() });
        }
        // Tried now, so that a system without it refuses to start instead of failing later. EPERM is a sandbox's way of
        // not knowing a call.
        match openat2(&fd, ".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), beneath()) {
            Ok(_) => {}
            Err(Errno::NOSYS | Errno::PERM) => return Err(RootError::NoOpenat2),
            Err(error) => return Err(unusable(error.into())),
        }
        match mkdirat(&fd, "orgs", FOLDER_MODE) {
            Ok(()) => fsync(&fd).map_err(|error| unusable(error.into()))?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(unusable(error.into())),
        }
        Ok(Self { root: Arc::new(fd.into()) })
    }

    /// Runs what blocks where blocking is allowed.
    async fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce(BorrowedFd<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let root = Arc::clone(&self.root);
        let done = tokio::task::spawn_blocking(move || act(root.as_fd())).await;
        done.unwrap_or_else(|error| Err(Fault::Unavailable(error.to_string())))
    }
}

/// What an error of the system means. What is said of names, types and links is said of something that was planted.
fn fault(error: Errno) -> Fault {
    match error {
        Errno::NOENT => Fault::NotFound,
        Errno::LOOP | Errno::XDEV | Errno::NOTDIR | Errno::ISDIR | Errno::NXIO | Errno::NOTEMPTY | Errno::NODEV => {
            Fault::Obstructed
        }
        error => Fault::Unavailable(format!("workspace: {error}")),
    }
}

fn io_fault(error: &std::io::Error) -> Fault {
    Fault::Unavailable(format!("workspace: {error}"))
}

fn open(at: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut tries = 0;
    loop {
        // Never waiting for a pipe's other end, never a terminal of ours, never kept by a child.
        let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mode = if flags.contains(OFlags::CREATE) { FILE_MODE } else { Mode::empty() };
        match openat2(&at, path, flags, mode, beneath()) {
            // The kernel could not tell whether somebody moved the way out from under it.
            Err(Errno::AGAIN | Errno::INTR) if tries < TRIES => tries += 1,
            opened => return opened,
        }
    }
}

fn folder(at: impl AsFd, path: &str) -> Result<OwnedFd, Errno> {
    open(at, path, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Opens a folder, made if it is not there. Its parent must be there.
fn made_folder(at: impl AsFd, path: &str) -> Result<OwnedFd, Fault> {
    match folder(&at, path) {
        Err(Errno::NOENT) => {}
        opened => return opened.map_err(fault),
    }
    let (parent, name) = match path.rsplit_once('/') {
        Some((parent, name)) => (folder(&at, parent).map_err(fault)?, name),
        None => (at.as_fd().try_clone_to_owned().map_err(|error| io_fault(&error))?, path),
    };
    match mkdirat(&parent, name, FOLDER_MODE) {
        Ok(()) => fsync(&parent).map_err(fault)?,
        Err(Errno::EXIST) => {}
        Err(error) => return Err(fault(error)),
    }
    folder(&at, path).map_err(fault)
}

/// An organisation's folder.
fn org_folder(root: BorrowedFd<'_>, org_id: OrgId) -> Result<OwnedFd, Fault> {
    folder(root, &format!("orgs/{org_id}")).map_err(fault)
}

fn is_plain(about: &Stat) -> bool {
    FileType::from_raw_mode(about.st_mode) == FileType::RegularFile && about.st_nlink == 1
}

/// Opens a plain file with one name, and nothing else.
fn plain_file(at: impl AsFd, path: &str) -> Result<(File, Stat), Fault> {
    let fd = open(at, path, OFlags::RDONLY).map_err(fault)?;
    let about = fstat(&fd).map_err(fault)?;
    if is_plain(&about) { Ok((fd.into(), about)) } else { Err(Fault::Obstructed) }
}

/// Reads a plain file, if these are the bytes: `Damaged` for others.
fn read(at: impl AsFd, path: &str, checksum: &Checksum) -> Result<Vec<u8>, Fault> {
    let (file, about) = plain_file(at, path)?;
    if u64::try_from(about.st_size) != Ok(checksum.size()) {
        return Err(Fault::Damaged);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(checksum.size()).unwrap_or(0));
    // It may grow meanwhile: one byte more shows it, and is enough.
    file.take(checksum.size() + 1).read_to_end(&mut bytes).map_err(|error| io_fault(&error))?;
    if checksum.matches(&bytes) { Ok(bytes) } else { Err(Fault::Damaged) }
}

fn goal_path(version: Version, path: &str) -> String {
    format!("{}/{path}", version.goal_id)
}

/// Whether a version could be published at the path: nothing is made or changed.
fn passable(org: &OwnedFd, version: Version, path: &WorkspacePath) -> Result<(), Fault> {
    let goal = version.goal_id.to_string();
    let folders = std::iter::once(goal.clone()).chain(path.folders().map(|folder| format!("{goal}/{folder}")));
    for each in folders {
        match folder(org, &each) {
            Ok(_) => {}
            // Nothing is in the way of what is not there.
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(fault(error)),
        }
    }
    let (parent, name) = parent(org, version, path)?;
    match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(fault(error)),
        Ok(about) if is_plain(&about) => Ok(()),
        Ok(about) if FileType::from_raw_mode(about.st_mode) == FileType::Directory => {
            let stood = folder(&parent, name).map_err(fault)?;
            if is_empty(&stood)? { Ok(()) } else { Err(Fault::Obstructed) }
        }
        Ok(_) => Err(Fault::Obstructed),
    }
}

fn is_empty(folder: &OwnedFd) -> Result<bool, Fault> {
    for entry in Dir::read_from(folder).map_err(fault)? {
        if !matches!(entry.map_err(fault)?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The folder that a path's last part stands in, and that part.
fn parent<'a>(org: &OwnedFd, version: Version, path: &'a WorkspacePath) -> Result<(OwnedFd, &'a str), Fault> {
    let (above, name) = path.split();
    let above = above.map_or_else(|| version.goal_id.to_string(), |above| goal_path(version, above));
    Ok((folder(org, &above).map_err(fault)?, name))
}

/// The same, with every folder on the way made that is not there.
fn made_parent<'a>(org: &OwnedFd, version: Version, path: &'a WorkspacePath) -> Result<(OwnedFd, &'a str), Fault> {
    made_folder(org, &version.goal_id.to_string())?;
    for above in path.folders() {
        made_folder(org, &goal_path(version, above))?;
    }
    parent(org, version, path)
}

fn put(root: BorrowedFd<'_>, version: Version, path: &WorkspacePath, bytes: &[u8]) -> Result<(), Fault> {
    let org = made_folder(root, &format!("orgs/{}", version.org_id))?;
    passable(&org, version, path)?;
    let versions = made_folder(&org, VERSIONS)?;
    let name = version_name(version);
    let mut file: File = match open(&versions, &name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL) {
        Ok(fd) => fd.into(),
        // Asked again: the first time came to an end, or was cut short.
        Err(Errno::EXIST) if read(&versions, &name, &Checksum::of(bytes)).is_ok() => return Ok(()),
        Err(Errno::EXIST) => return Err(Fault::Damaged),
        Err(error) => return Err(fault(error)),
    };
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| io_fault(&error));
    match written.and_then(|()| fsync(&versions).map_err(fault)) {
        Ok(()) => Ok(()),
        Err(fault) => {
            // On a full disk, what was begun must not take the last of it.
            let _ = unlinkat(&versions, &name, AtFlags::empty());
            Err(fault)
        }
    }
}

fn publish(root: BorrowedFd<'_>, version: Version, path: &WorkspacePath, checksum: &Checksum) -> Result<(), Fault> {
    let org = org_folder(root, version.org_id)?;
    let name = version_name(version);
    let mut tries = 0;
    loop {
        let versions = folder(&org, VERSIONS).map_err(fault)?;
        let (into, leaf) = made_parent(&org, version, path)?;
        match renameat(&versions, &name, &into, leaf) {
            Ok(()) => return fsync(&into).and_then(|()| fsync(&versions)).map_err(fault),
            // An empty folder, left by a file that stood in it.
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) if tries < TRIES => {
                unlinkat(&into, leaf, AtFlags::REMOVEDIR).map_err(|_| Fault::Obstructed)?;
            }
            // Published already; or the folder was emptied and removed by somebody who took a file away.
            Err(Errno::NOENT) => match read(&org, &goal_path(version, path.as_str()), checksum) {
                Ok(_) => return Ok(()),
                Err(fault) if tries >= TRIES => return Err(fault),
                Err(_) => {}
            },
            Err(error) => return Err(fault(error)),
        }
        tries += 1;
    }
}

fn get(root: BorrowedFd<'_>, version: Version, path: &WorkspacePath, checksum: &Checksum) -> Result<Vec<u8>, Fault> {
    let org = org_folder(root, version.org_id)?;
    let published = goal_path(version, path.as_str());
    let kept = format!("{VERSIONS}/{}", version_name(version));
    // Between the first look and the second it may have been published.
    let mut found = Fault::NotFound;
    for place in [&published, &kept, &published] {
        match read(&org, place, checksum) {
            Ok(bytes) => return Ok(bytes),
            // What says most: something else is there, rather than nothing.
            Err(Fault::NotFound) => {}
            Err(other) => found = other,
        }
    }
    Err(found)
}

fn withdraw(root: BorrowedFd<'_>, version: Version, path: &WorkspacePath) -> Result<(), Fault> {
    let org = org_folder(root, version.org_id)?;
    let (from, leaf) = match parent(&org, version, path) {
        Ok(found) => found,
        Err(Fault::NotFound) => return Ok(()),
        Err(fault) => return Err(fault),
    };
    let about = match statat(&from, leaf, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(about) => about,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(fault(error)),
    };
    let versions = made_folder(&org, VERSIONS)?;
    let name = version_name(version);
    let is_kept = statat(&versions, &name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    let moved = match FileType::from_raw_mode(about.st_mode) {
        // A folder is no file of ours.
        FileType::Directory => return Ok(()),
        FileType::RegularFile if !is_kept && about.st_nlink == 1 => renameat(&from, leaf, &versions, &name),
        // An older version, or something planted: only the name goes.
        _ => unlinkat(&from, leaf, AtFlags::empty()),
    };
    moved.and_then(|()| fsync(&versions)).and_then(|()| fsync(&from)).map_err(fault)?;
    prune(&org, version, path);
    Ok(())
}

/// Removes the folders that a file left empty, up to the goal's own.
fn prune(org: &OwnedFd, version: Version, path: &WorkspacePath) {
    let folders: Vec<&str> = path.folders().collect();
    for emptied in folders.into_iter().rev() {
        let (above, name) = match emptied.rsplit_once('/') {
            Some((above, name)) => (goal_path(version, above), name),
            None => (version.goal_id.to_string(), emptied),
        };
        let Ok(above) = folder(org, &above) else { return };
        // One that is not empty stays, and so do those above it.
        if unlinkat(&above, name, AtFlags::REMOVEDIR).is_err() {
            return;
        }
    }
}

fn discard(root: BorrowedFd<'_>, version: Version) -> Result<(), Fault> {
    let removed = org_folder(root, version.org_id)
        .and_then(|org| folder(&org, VERSIONS).map_err(fault))
        .and_then(|versions| unlinkat(&versions, version_name(version), AtFlags::empty()).map_err(fault));
    match removed {
        Err(Fault::NotFound) => Ok(()),
        removed => removed,
    }
}

fn unsettled(root: BorrowedFd<'_>, org_id: OrgId, until: DateTime<Utc>) -> Result<Vec<Version>, Fault> {
    let versions = match org_folder(root, org_id).and_then(|org| folder(&org, VERSIONS).map_err(fault)) {
        Ok(versions) => versions,
        Err(Fault::NotFound) => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let mut found = Vec::new();
    for entry in Dir::read_from(&versions).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let Some(version) = entry.file_name().to_str().ok().and_then(|name| parse_version(org_id, name)) else {
            continue;
        };
        match statat(&versions, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(about) if about.st_mtime < until.timestamp() => found.push(version),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(fault(error)),
        }
    }
    Ok(found)
}

#[async_trait::async_trait]
impl Workspace for LocalWorkspace {
    async fn put(&self, version: Version, path: &WorkspacePath, bytes: Bytes) -> Result<(), Fault> {
        let path = path.clone();
        self.run(move |root| put(root, version, &path, &bytes)).await
    }

    async fn publish(&self, version: Version, path: &WorkspacePath, checksum: &Checksum) -> Result<(), Fault> {
        let (path, checksum) = (path.clone(), checksum.clone());
        self.run(move |root| publish(root, version, &path, &checksum)).await
    }

    async fn get(&self, version: Version, path: &WorkspacePath, checksum: &Checksum) -> Result<Vec<u8>, Fault> {
        let (path, checksum) = (path.clone(), checksum.clone());
        self.run(move |root| get(root, version, &path, &checksum)).await
    }

    async fn withdraw(&self, version: Version, path: &WorkspacePath) -> Result<(), Fault> {
        let path = path.clone();
        self.run(move |root| withdraw(root, version, &path)).await
    }

    async fn discard(&self, version: Version) -> Result<(), Fault> {
        self.run(move |root| discard(root, version)).await
    }

    async fn unsettled(&self, org_id: OrgId, until: DateTime<Utc>) -> Result<Vec<Version>, Fault> {
        self.run(move |root| unsettled(root, org_id, until)).await
    }

    fn publishes(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), Fault> {
        self.run(|root| {
            const PROBE: &str = ".palisade-probe";
            let probe = open(root, PROBE, OFlags::WRONLY | OFlags::CREATE).map_err(fault)?;
            let written = fsync(&probe).map_err(fault);
            let removed = unlinkat(root, PROBE, AtFlags::empty()).map_err(fault);
            written.and(removed)
        })
        .await
    }
}

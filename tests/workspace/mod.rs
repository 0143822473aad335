//! Workspace files: one conformance suite for every backend, what planted things cannot do, what a process that is killed
//! leaves.

mod attack;
mod conformance;
mod crash;
pub mod moto;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::ids::{FileVersionId, GoalId, OrgId, TypedId};
use palisade::workspace::{Checksum, Fault, Version, Workspace, WorkspacePath, local::LocalWorkspace};

pub fn path(text: &str) -> WorkspacePath {
    text.parse().unwrap()
}

/// A version that nobody had before, of one and the same goal of one and the same organisation.
pub fn version() -> Version {
    Version { org_id: org(1), goal_id: goal(1), id: FileVersionId::from_uuid(uuid::Uuid::now_v7()) }
}

pub fn org(number: u128) -> OrgId {
    OrgId::from_uuid(uuid::Uuid::from_u128(number))
}

pub fn goal(number: u128) -> GoalId {
    GoalId::from_uuid(uuid::Uuid::from_u128(number))
}

pub fn local() -> (tempfile::TempDir, Arc<dyn Workspace>) {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Arc::new(LocalWorkspace::open(folder.path()).unwrap());
    (folder, workspace)
}

/// Long after anything that a test does.
pub fn later() -> DateTime<Utc> {
    Utc::now() + chrono::TimeDelta::days(1)
}

/// Puts and publishes, as a request does.
pub async fn store(workspace: &dyn Workspace, at: &WorkspacePath, bytes: &[u8]) -> Result<Version, Fault> {
    let version = version();
    workspace.put(version, at, Bytes::copy_from_slice(bytes)).await?;
    workspace.publish(version, at, &Checksum::of(bytes)).await?;
    Ok(version)
}

//! Opens the place for goals' files that the settings name, and keeps it in order.

use std::{sync::Arc, time::Duration};

use super::Failure;
use crate::{
    clock::Clock,
    config::{Config, WorkspaceBackend},
    service::workspace::settle,
    store::db::Database,
    workspace::{
        Files, Quota, Workspace,
        s3::{Bucket, S3Workspace},
    },
};

/// How often what killed processes left is looked for; also at the start.
const SETTLE_EVERY: Duration = Duration::from_secs(3600);

/// Opens it.
pub fn open(config: &Config) -> Result<Files, Failure> {
    let settings = &config.workspace;
    let backend: Arc<dyn Workspace> = match settings.backend {
        WorkspaceBackend::Local => local(config)?,
        WorkspaceBackend::S3 => {
            let bucket = Bucket {
                name: settings.s3_bucket.clone(),
                endpoint: settings.s3_endpoint.clone(),
                region: settings.s3_region.clone(),
                access_key_id: settings.s3_access_key_id.clone(),
                secret_access_key: settings.s3_secret_access_key.clone(),
            };
            Arc::new(S3Workspace::open(&bucket).map_err(Failure::new)?)
        }
    };
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let quota = Quota {
        file_bytes: settings.max_file_bytes,
        bytes: whole(settings.quota_bytes),
        files: whole(settings.quota_files),
    };
    Ok(Files { backend, quota })
}

#[cfg(target_os = "linux")]
fn local(config: &Config) -> Result<Arc<dyn Workspace>, Failure> {
    Ok(Arc::new(crate::workspace::local::LocalWorkspace::open(&config.workspace_root())?))
}

#[cfg(not(target_os = "linux"))]
fn local(_: &Config) -> Result<Arc<dyn Workspace>, Failure> {
    Err(Failure::new("files are kept on a local disk on Linux alone: set workspace.backend to s3"))
}

/// Ends what killed processes had begun, until this one ends.
pub async fn keep_settled(database: Database, files: Files, clock: Clock) {
    loop {
        match settle(&database, &files, &clock).await {
            Ok(settled) if settled.published + settled.forgotten > 0 => {
                tracing::info!(
                    published = settled.published,
                    forgotten = settled.forgotten,
                    "files that were interrupted are in order"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(code = error.code(), "files that were interrupted could not be put in order"),
        }
        tokio::time::sleep(SETTLE_EVERY).await;
    }
}

/// Whether it can be used, for `doctor`.
pub async fn check(config: &Config) -> Result<(), String> {
    let files = open(config).map_err(|failure| failure.to_string())?;
    files.backend.check().await.map_err(|fault| match fault {
        crate::workspace::Fault::Unavailable(cause) => cause,
        other => format!("{other:?}"),
    })
}

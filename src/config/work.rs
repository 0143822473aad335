//! Goals' work: tasks, approvals, chats and files.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Sensitive, span};

/// Leases and retries of tasks.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tasks {
    /// How long a worker's claims hold without a heartbeat.
    #[serde(with = "span")]
    pub lease: Duration,
    /// The pause before the first retry.
    #[serde(with = "span")]
    pub retry_delay: Duration,
    /// The longest pause before a retry.
    #[serde(with = "span")]
    pub retry_delay_max: Duration,
}

/// Approval requests.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Approvals {
    /// How long a plan waits for decisions.
    #[serde(with = "span")]
    pub plan_expiry: Duration,
    /// How long a risky step waits, where its worker names no time.
    #[serde(with = "span")]
    pub risky_task_expiry: Duration,
}

/// Chats.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chat {
    /// How long a chat stays open in which nobody says anything.
    #[serde(with = "span")]
    pub expires_after: Duration,
    /// How long messages are kept after their chat has ended; zero for ever.
    #[serde(with = "span")]
    pub retention: Duration,
}

/// Goals' files.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Workspace {
    /// Where they are kept.
    pub backend: WorkspaceBackend,
    /// The folder that holds them; empty for `workspace` in the data folder.
    pub root: PathBuf,
    /// Largest file, in bytes.
    pub max_file_bytes: u64,
    /// Bytes of all files of an organisation.
    pub quota_bytes: u64,
    /// Files of an organisation.
    pub quota_files: u64,
    /// The bucket's name.
    pub s3_bucket: String,
    /// Address of the service; empty for Amazon's own.
    pub s3_endpoint: String,
    /// The bucket's region.
    pub s3_region: String,
    /// Key id; empty for what the machine says.
    pub s3_access_key_id: String,
    /// The key.
    pub s3_secret_access_key: Sensitive,
}

/// Where goals' files are kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkspaceBackend {
    /// In a folder.
    #[default]
    Local,
    /// In an S3-compatible bucket.
    S3,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            retry_delay: Duration::from_secs(5),
            retry_delay_max: Duration::from_secs(15 * 60),
        }
    }
}

impl Default for Approvals {
    fn default() -> Self {
        Self { plan_expiry: Duration::from_secs(7 * 24 * 3600), risky_task_expiry: Duration::from_secs(24 * 3600) }
    }
}

impl Default for Chat {
    fn default() -> Self {
        Self { expires_after: Duration::from_secs(30 * 24 * 3600), retention: Duration::from_secs(365 * 24 * 3600) }
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self {
            backend: WorkspaceBackend::Local,
            root: PathBuf::new(),
            max_file_bytes: 512 << 10,
            quota_bytes: 1 << 30,
            quota_files: 100_000,
            s3_bucket: String::new(),
            s3_endpoint: String::new(),
            s3_region: "us-east-1".to_owned(),
            s3_access_key_id: String::new(),
            s3_secret_access_key: Sensitive::default(),
        }
    }
}

//! Files in an S3-compatible bucket.
//!
//! ```text
//! orgs/{org_id}/{goal_id}.{version}
//! ```
//!
//! One object for each version, written once by a conditional put (`If-None-Match: *`) and never changed. A key holds ids
//! alone: a file's path is content, and keys stand in access logs. No agent mounts a bucket, so that publishing is nothing:
//! the row says which version is the file's.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::ids::OrgId;
use futures_util::TryStreamExt as _;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut},
    path::Path,
};

use super::{Checksum, Fault, Version, Workspace, WorkspacePath, parse_version, version_name};
use crate::config::Sensitive;

/// Together less than a request may take.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(15);
const RETRIES: usize = 3;

/// Where the bucket is.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Address of the service; empty for Amazon's own.
    pub endpoint: String,
    /// Region.
    pub region: String,
    /// Who asks; empty for what the machine says (`AWS_…` variables, a web identity, an instance's role).
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Sensitive,
}

/// The workspace in a bucket.
#[derive(Clone, Debug)]
pub struct S3Workspace {
    store: AmazonS3,
}

impl S3Workspace {
    /// Makes a client. Nothing is asked of the service yet.
    ///
    /// # Errors
    /// Says which setting is wrong.
    pub fn open(bucket: &Bucket) -> Result<Self, String> {
        if bucket.name.is_empty() {
            return Err("workspace.s3_bucket is not set".to_owned());
        }
        // Another part of the process may have chosen already, which is as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let given = !bucket.access_key_id.is_empty();
        let mut builder = if given {
            AmazonS3Builder::new()
                .with_access_key_id(&bucket.access_key_id)
                .with_secret_access_key(bucket.secret_access_key.expose())
        } else {
            AmazonS3Builder::from_env()
        };
        if !bucket.endpoint.is_empty() {
            builder = builder.with_endpoint(bucket.endpoint.trim_end_matches('/'));
        }
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY, backoff: BackoffConfig::default() };
        let plain = bucket.endpoint.starts_with("http://");
        let client = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(ANSWER).with_allow_http(plain);
        let store = builder
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(retry)
            .with_client_options(client)
            .build()
            // The library's words may repeat a value.
            .map_err(|_| "the settings workspace.s3_… do not name a bucket".to_owned())?;
        Ok(Self { store })
    }
}

fn org_prefix(org_id: OrgId) -> Path {
    Path::from_iter(["orgs".to_owned(), org_id.to_string()])
}

fn key(version: Version) -> Path {
    Path::from_iter(["orgs".to_owned(), version.org_id.to_string(), version_name(version)])
}

fn fault(error: object_store::Error) -> Fault {
    match error {
        object_store::Error::NotFound { .. } => Fault::NotFound,
        error => Fault::Unavailable(format!("workspace: {error}")),
    }
}

#[async_trait::async_trait]
impl Workspace for S3Workspace {
    async fn put(&self, version: Version, path: &WorkspacePath, bytes: Bytes) -> Result<(), Fault> {
        let checksum = Checksum::of(&bytes);
        let once = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&key(version), bytes.into(), once).await {
            Ok(_) => Ok(()),
            // Asked again, or the first answer was lost on its way.
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                self.get(version, path, &checksum).await.map(drop)
            }
            Err(error) => Err(fault(error)),
        }
    }

    async fn publish(&self, _: Version, _: &WorkspacePath, _: &Checksum) -> Result<(), Fault> {
        Ok(())
    }

    async fn get(&self, version: Version, _: &WorkspacePath, checksum: &Checksum) -> Result<Vec<u8>, Fault> {
        let found = self.store.get(&key(version)).await.map_err(fault)?;
        if found.meta.size != checksum.size() {
            return Err(Fault::Damaged);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(checksum.size()).unwrap_or(0));
        let mut parts = found.into_stream();
        while let Some(part) = parts.try_next().await.map_err(fault)? {
            // No more than was announced, whatever is sent.
            if (bytes.len() + part.len()) as u64 > checksum.size() {
                return Err(Fault::Damaged);
            }
            bytes.extend_from_slice(&part);
        }
        if checksum.matches(&bytes) { Ok(bytes) } else { Err(Fault::Damaged) }
    }

    async fn withdraw(&self, _: Version, _: &WorkspacePath) -> Result<(), Fault> {
        Ok(())
    }

    async fn discard(&self, version: Version) -> Result<(), Fault> {
        match self.store.delete(&key(version)).await.map_err(fault) {
            Err(Fault::NotFound) => Ok(()),
            done => done,
        }
    }

    /// All that are old enough: a bucket does not know which of them are published.
    async fn unsettled(&self, org_id: OrgId, until: DateTime<Utc>) -> Result<Vec<Version>, Fault> {
        let mut objects = self.store.list(Some(&org_prefix(org_id)));
        let mut found = Vec::new();
        while let Some(object) = objects.try_next().await.map_err(fault)? {
            let name = object.location.filename().unwrap_or_default();
            found.extend(parse_version(org_id, name).filter(|_| object.last_modified < until));
        }
        Ok(found)
    }

    fn publishes(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<(), Fault> {
        let nobody = Path::from("orgs/.palisade-probe");
        match self.store.head(&nobody).await.map_err(fault) {
            Err(Fault::NotFound) => {}
            asked => return asked.map(drop),
        }
        self.store.list(Some(&nobody)).try_next().await.map(drop).map_err(fault)
    }
}

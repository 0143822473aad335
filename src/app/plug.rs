//! Where the rooms are put together: the one file that knows what stands behind the door.

use std::sync::Arc;

use async_graphql::{Data, EmptyMutation, EmptySubscription, Object, Schema};
use serde_json::json;

use super::{Failure, migrations::Migrated};
use crate::{
    config::Config,
    error::{Error, Result},
    http::{Backend, Opened, Report},
    store::db::Database,
    viewer::Viewer,
};

/// The root until the schema's own is here.
#[derive(Debug)]
pub struct Query;

/// What anybody may ask.
#[Object]
impl Query {
    /// This program's version.
    async fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// The schema, without state.
pub fn schema() -> Schema<Query, EmptyMutation, EmptySubscription> {
    Schema::build(Query, EmptyMutation, EmptySubscription).finish()
}

/// The SDL as `schema.graphql` has it: sorted, so that its history reads well.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .prefer_single_line_descriptions()
        .include_specified_by();
    schema().sdl_with_options(options)
}

struct Rooms {
    database: Database,
    migrated: Migrated,
    demo: Option<serde_json::Value>,
}

/// What stands behind the door.
pub fn backend(
    config: &Config,
    database: &Database,
    migrated: Migrated,
    demo: Option<serde_json::Value>,
    listening: &str,
) -> Result<Arc<dyn Backend>, Failure> {
    // A server without its secret must not start, and the public URL is known only now.
    let (_secret, _issuer) = (config.secret()?, config.public_url(listening));
    Ok(Arc::new(Rooms { database: database.clone(), migrated, demo }))
}

#[async_trait::async_trait]
impl Backend for Rooms {
    async fn authenticate(&self, authorization: &[&str]) -> Result<Viewer> {
        if authorization.is_empty() { Ok(Viewer::Anonymous) } else { Err(Error::Unauthenticated) }
    }

    fn open(&self, _viewer: &Viewer) -> Opened {
        Opened { data: Data::default(), report: Box::new(Report::default) }
    }

    async fn jwks(&self) -> Result<serde_json::Value> {
        Ok(json!({ "keys": [] }))
    }

    async fn ready(&self) -> Vec<(&'static str, bool)> {
        vec![("database", self.database.ping().await.is_ok()), ("migrations", self.migrated.now().await)]
    }

    fn demo_logins(&self) -> Option<serde_json::Value> {
        self.demo.clone()
    }
}

/// Fills an empty database with the demo's world. Answers who can log in.
pub async fn seed(_config: &Config) -> Result<serde_json::Value, Failure> {
    Ok(json!([]))
}

/// Makes a super-admin.
pub async fn create_admin(
    _config: &Config,
    _email: &str,
    _password: zeroize::Zeroizing<String>,
) -> Result<(), Failure> {
    Err(Failure::new("accounts are not in this build yet"))
}

/// Issues an access token to whoever runs the server.
pub async fn issue_token(_config: &Config, _email: &str) -> Result<String, Failure> {
    Err(Failure::new("accounts are not in this build yet"))
}

/// Whether there are keys to sign tokens with.
pub async fn has_signing_keys(_config: &Config) -> Result<bool, Failure> {
    Ok(false)
}

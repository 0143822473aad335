//! What the server says of itself to anyone.

use async_graphql::SimpleObject;

/// The server.
#[derive(SimpleObject)]
pub struct ServerInfo {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Default for ServerInfo {
    fn default() -> Self {
        Self { name: "Palisade", version: env!("CARGO_PKG_VERSION") }
    }
}

//! The HTTP door.
//!
//! | path | what |
//! |---|---|
//! | `/graphql` | GraphQL over HTTP: POST with JSON, GET for queries ([`graphql`]); as server-sent events; over a WebSocket |
//! | `/graphiql/` | the explorer, embedded ([`graphiql`]); `/` leads there |
//! | `/audit/export` | an organisation's log as NDJSON ([`audit_export`]) |
//! | `/healthz`, `/readyz` | the process lives; the database answers and is migrated ([`health`]) |
//! | `/.well-known/jwks.json` | keys that tokens are checked with |
//! | `/auth/verify`, and any path below it | who asks, for proxies in front of other services ([`forward_auth`]) |
//! | `/demo/logins.json` | who can log in, in the demo only |
//! | `/dev/mailbox` | mail that was sent into a folder, on a developer's machine and in the demo only ([`dev_mailbox`]) |
//!
//! async-graphql-axum's extractor is not used: it runs a mutation sent by GET, as text, form or multipart, reads batches of
//! any length, and its response always has `data` and the status 200. What this room needs of the rest it asks of one
//! trait, [`backend::Backend`], so that its tests bring a small schema and `app` the real one.
//!
//! One line is logged per request ([`request_log`]): never variables, documents, tokens, addresses or query strings.

pub mod audit_export;
pub mod backend;
pub mod client_address;
pub mod dev_mailbox;
pub mod forward_auth;
pub mod graphiql;
pub mod graphql;
pub mod health;
pub mod request_log;
pub mod router;
pub mod security_headers;

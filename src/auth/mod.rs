//! Sign-in: passwords, tokens, signing keys, and what a signed-in viewer may be.
//!
//! This module is pure: bytes and rows come in, a decision goes out. `store::auth` reads and writes for it, and
//! `service::auth` puts the two together.
//!
//! Three rules hold everywhere here:
//!
//! - **One answer.** Whatever is wrong with a bearer token, the answer is [`Error::Unauthenticated`](crate::error::Error)
//!   and never an anonymous viewer: a client that meant to be somebody is not served as nobody.
//! - **A token only asks.** [`session_status`] gives a viewer the intersection of what its token claims and what the rows say
//!   now; a super-admin by either of the two never becomes a tenant.
//! - **Nothing that opens anything is stored.** Passwords are argon2id, refresh and one-time tokens and keys SHA-256, private
//!   keys sealed with the server's secret, which is not in the database.
//!
//! ```
//! use palisade::auth::opaque;
//!
//! let fresh = opaque::refresh_token();
//! assert!(fresh.text.starts_with("palr_"));
//! assert_eq!(fresh.hash, opaque::hash(&fresh.text)); // what is stored, and what a later look-up computes
//! ```

pub mod bearer;
pub mod email;
pub mod external;
pub mod keys;
pub mod opaque;
pub mod password;
pub mod secret;
pub mod service_key;
pub mod session_status;
pub mod strict_json;
pub mod token;

pub use keys::{KeySet, SigningKey};
pub use password::Passwords;
pub use secret::ServerSecret;
pub use service_key::{ServiceKey, ServiceKeyStatus};
pub use session_status::SessionStatus;
pub use token::Claims;

//! The server's secret: 32 bytes that seal cursors and private keys.
//!
//! It comes from `identity.secret`, or from the file `identity.secret_file`. Only the embedded database's server makes one
//! itself, in its data folder, so that a first start needs no preparation; copies that share a PostgreSQL must share a
//! secret, which a generated one would not be.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::RngCore as _;
use zeroize::Zeroizing;

use super::Config;

/// The secret, wiped when dropped.
pub type Secret = Zeroizing<[u8; 32]>;

/// Why there is no secret, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(String);

impl Config {
    /// Finds the secret; for the embedded database, makes it at the first start.
    pub fn secret(&self) -> Result<Secret, SecretError> {
        if !self.identity.secret.is_empty() {
            return decode("identity.secret", self.identity.secret.expose());
        }
        let file = &self.identity.secret_file;
        if !file.as_os_str().is_empty() {
            return read(file);
        }
        if !self.database_url().is_sqlite() {
            return Err(SecretError(
                "the server has no secret: set PALISADE_IDENTITY__SECRET to 32 random bytes in base64 (`openssl rand \
                 -base64 32`), the same for every copy of the server"
                    .to_owned(),
            ));
        }
        let file = self.data.dir.join("secret");
        match read(&file) {
            Err(_) if !file.exists() => generate(&file),
            found => found,
        }
    }
}

fn decode(name: &str, text: &str) -> Result<Secret, SecretError> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).unwrap_or_default());
    let secret = bytes.as_slice().try_into().map(Zeroizing::new);
    secret.map_err(|_| SecretError(format!("{name} must be 32 bytes in base64 (`openssl rand -base64 32`)")))
}

fn read(file: &Path) -> Result<Secret, SecretError> {
    let failed = |error| SecretError(format!("cannot read the secret from {}: {error}", file.display()));
    let mode = fs::metadata(file).map_err(failed)?.permissions().mode();
    // Group-readable is how Kubernetes mounts a secret for a non-root user.
    if mode & 0o007 != 0 {
        return Err(SecretError(format!("{0} can be read by anybody: run `chmod 600 {0}`", file.display())));
    }
    decode(&file.display().to_string(), &Zeroizing::new(fs::read_to_string(file).map_err(failed)?))
}

fn generate(file: &Path) -> Result<Secret, SecretError> {
    let failed = |error| SecretError(format!("cannot write a secret to {}: {error}", file.display()));
    if let Some(folder) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let mut secret = Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(secret.as_mut_slice());
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(mut open) => {
            open.write_all(STANDARD.encode(secret.as_slice()).as_bytes())
                .and_then(|()| open.sync_all())
                .map_err(failed)?;
            Ok(secret)
        }
        // Another process was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(file),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DatabaseUrl, Sensitive};

    #[test]
    fn the_embedded_servers_secret_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.data.dir = folder.path().join("data");
        let first = config.secret().unwrap();
        assert_eq!(first, config.secret().unwrap());
        let file = folder.path().join("data/secret");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(config.secret().unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn a_shared_database_needs_a_secret_that_somebody_set() {
        let mut config = Config::default();
        config.database.url = DatabaseUrl::new("postgres://db/p");
        assert!(config.secret().unwrap_err().to_string().contains("PALISADE_IDENTITY__SECRET"));
        config.identity.secret = Sensitive::new("hunter2");
        let error = config.secret().unwrap_err().to_string();
        assert!(error.contains("32 bytes") && !error.contains("hunter2"), "{error}");
        config.identity.secret = Sensitive::new(STANDARD.encode([7; 32]));
        assert_eq!(*config.secret().unwrap(), [7; 32]);
    }
}

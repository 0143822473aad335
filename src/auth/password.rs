//! Passwords: argon2id, off the async threads, a few at a time.
//!
//! A hash takes 19 MiB and tens of milliseconds of one core. As many run at once as there are cores; some wait; whoever
//! comes when the waiting room is full is told to come back. Without the bound, a burst of sign-ins would eat the memory
//! and starve everybody else's requests.
//!
//! There is no early answer: where an account is unknown, suspended or has no password yet, a constant hash is verified
//! in its place, so that the time tells nothing.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use argon2::{
    Algorithm, Argon2, Params, PasswordVerifier, Version,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use entity::confidential::Secret;
use tokio::sync::Semaphore;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::{Error, Result};

/// Memory (KiB), passes and lanes: OWASP's recommendation for argon2id.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Verified where there is no hash to verify. No password has the digest of 32 zero bytes, and if one had, the answer
/// would still be no.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cGFsaXNhZGUtZHVtbXktMQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Hashes that may wait for each one that runs.
const WAITING: usize = 16;

const SHORTEST: usize = 8;
const LONGEST: usize = 256;
/// What guessing starts with. Short ones are refused for their length already.
const COMMON: &[&str] = &[
    "password",
    "password1",
    "password12",
    "password123",
    "password1234",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "12345678",
    "123456789",
    "1234567890",
    "0123456789",
    "87654321",
    "987654321",
    "11111111",
    "00000000",
    "88888888",
    "12341234",
    "123123123",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "qwertyui",
    "qwertyuiop",
    "qwerty123",
    "qwerty12345",
    "qazwsxedc",
    "asdfghjkl",
    "zxcvbnm123",
    "abcd1234",
    "abc12345",
    "abcdefgh",
    "a1b2c3d4",
    "aa123456",
    "iloveyou",
    "iloveyou1",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "basketball",
    "superman",
    "starwars",
    "trustno1",
    "whatever",
    "computer",
    "internet",
    "michelle",
    "jennifer",
    "letmein1",
    "letmein123",
    "welcome1",
    "welcome123",
    "admin123",
    "admin1234",
    "administrator",
    "changeme",
    "changeme1",
    "changeme123",
    "secret123",
    "testtest",
    "test1234",
    "dragon123",
    "monkey123",
    "master123",
    "palisade",
    "palisade1",
    "palisade123",
];

/// A password on its way to be hashed. Prints as a label, and is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Wraps what a client sent.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Whether it may become the password of the account at `email`; says why not, for the argument at `field`.
    ///
    /// Length and not being an obvious guess; no rules of composition, which make passwords worse (NIST SP 800-63B).
    pub fn check(&self, field: &'static str, email: &str) -> Result<()> {
        let length = self.0.chars().count();
        let folded = self.0.to_lowercase();
        let local = email.split('@').next().unwrap_or(email);
        let wrong = if length < SHORTEST {
            format!("A password has at least {SHORTEST} characters.")
        } else if length > LONGEST {
            format!("A password has at most {LONGEST} characters.")
        } else if self.0.chars().any(char::is_control) {
            "A password has no control characters.".to_owned()
        } else if folded == email || folded == local {
            "A password is not the e-mail address.".to_owned()
        } else if COMMON.contains(&folded.as_str()) || folded.chars().all(|c| folded.starts_with(c)) {
            "This password is among the first that anybody would try.".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::validation(field, wrong))
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Hashes and verifies. Clones share one bound.
#[derive(Clone, Debug)]
pub struct Passwords {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    done: Arc<AtomicU64>,
}

impl Default for Passwords {
    /// One hash at a time for each core.
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }
}

impl Passwords {
    /// At most `parallel` hashes at a time.
    pub fn new(parallel: usize) -> Self {
        let parallel = parallel.max(1);
        let admitted = parallel.saturating_mul(WAITING + 1);
        Self {
            running: Arc::new(Semaphore::new(parallel)),
            admitted: Arc::new(Semaphore::new(admitted)),
            done: Arc::default(),
        }
    }

    /// The PHC string to be stored for a password.
    pub async fn hash(&self, password: Password) -> Result<Secret> {
        let hash =
            self.run(move || hasher()?.hash_password(password.0.as_bytes()).map(|hash| hash.to_string())).await?;
        hash.map(Secret::new).map_err(|error| Error::internal(format!("argon2: {error}")))
    }

    /// Whether the password is the one of `hash`. Takes the same time where there is none, and then says no.
    pub async fn verify(&self, password: Password, hash: Option<&Secret>) -> Result<bool> {
        let known = hash.is_some();
        let phc = hash.map_or(DUMMY, Secret::expose).to_owned();
        let verified = self
            .run(move || {
                let parsed = PasswordHash::new(&phc).map_err(|_| argon2::password_hash::Error::EncodingInvalid)?;
                hasher()?.verify_password(password.0.as_bytes(), &parsed)
            })
            .await?;
        match verified {
            Ok(()) => Ok(known),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(Error::internal(format!("argon2: {error}"))),
        }
    }

    /// How many hashes were computed, for the metrics: they are the bulk of what sign-in costs.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Runs `work` on a blocking thread once there is room. The permits go with the work: a client that leaves does not
    /// make room while its hash still runs.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let full = |_| Error::RateLimited { retry_after: 1 };
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(full)?;
        let running =
            Arc::clone(&self.running).acquire_owned().await.map_err(|_| Error::internal("the semaphore is closed"))?;
        self.done.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            let answer = work();
            drop((running, admitted));
            answer
        })
        .await
        .map_err(|error| Error::internal(format!("a hash was not finished: {error}")))
    }
}

fn hasher() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let params = Params::new(MEMORY, PASSES, LANES, None).map_err(|_| argon2::password_hash::Error::ParamsInvalid)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_alone() {
        let passwords = Passwords::new(2);
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(passwords.verify("correct horse".into(), Some(&hash)).await.unwrap());
        assert!(!passwords.verify("correct horsf".into(), Some(&hash)).await.unwrap());
        assert_ne!(hash.expose(), passwords.hash("correct horse".into()).await.unwrap().expose());
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_the_parameters_of_owasp_and_the_dummy_costs_as_much() {
        let hash = Passwords::new(1).hash("correct horse".into()).await.unwrap();
        let parameters = |phc: &str| phc.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parameters(hash.expose()), "$argon2id$v=19$m=19456,t=2,p=1");
        assert_eq!(parameters(DUMMY), parameters(hash.expose()));
        assert_eq!(DUMMY.len(), hash.expose().len());
    }

    #[tokio::test]
    async fn where_there_is_no_hash_nothing_verifies() {
        let passwords = Passwords::new(1);
        for guess in ["", "correct horse", "\0"] {
            assert!(!passwords.verify(guess.into(), None).await.unwrap());
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_hashes_run_at_once_than_allowed_and_who_finds_no_room_is_sent_away() {
        use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let passwords = Passwords::new(2);
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move {
                    passwords
                        .run(|| {
                            MOST.fetch_max(NOW.fetch_add(1, SeqCst) + 1, SeqCst);
                            #[expect(clippy::disallowed_methods, reason = "on a blocking thread")]
                            std::thread::sleep(std::time::Duration::from_millis(20));
                            NOW.fetch_sub(1, SeqCst);
                        })
                        .await
                })
            })
            .collect();
        let (mut served, mut sent_away) = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                Ok(()) => served += 1,
                Err(Error::RateLimited { retry_after: 1 }) => sent_away += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(MOST.load(SeqCst), 2);
        assert!(served >= 34 && sent_away > 0, "{served} {sent_away}");
        // The room is free again.
        passwords.run(|| ()).await.unwrap();
    }

    #[test]
    fn a_password_is_long_enough_and_not_an_obvious_guess() {
        let check = |text: &str| Password::from(text).check("input.password", "ada@example.com");
        assert!(check("correct horse").is_ok());
        assert!(check("pässwörtér 🐎").is_ok());
        assert!(check(&"ab".repeat(128)).is_ok());
        for bad in [
            "",
            "1234567",
            "äöüäöüä",
            &"ab".repeat(129),
            "correct\nhorse",
            "correct\0horse",
            "ada@example.com",
            "Ada@Example.com",
            "Password1",
            "qwertyuiop",
            "aaaaaaaaaa",
        ] {
            assert!(matches!(check(bad), Err(Error::Validation { field, .. }) if field == "input.password"), "{bad}");
        }
    }

    #[test]
    fn a_password_does_not_print() {
        assert_eq!(format!("{:?}", Password::from("correct horse")), "[secret]");
    }
}

//! Passwords: hashed with argon2id, on threads of their own, and not too many at once.

use std::{sync::Arc, thread::available_parallelism};

use argon2::{
    Argon2,
    password_hash::{Error as HashError, PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use kit::Secret;
use skep_proto::{Code, Error};
use tokio::{
    sync::{Semaphore, TryAcquireError},
    task::spawn_blocking,
};
use unicode_normalization::UnicodeNormalization;

use crate::store::Result;

/// Characters of a password.
const SHORTEST: usize = 8;
const LONGEST: usize = 1024;
/// Callers that may wait for a thread; the next is refused.
const WAITING: usize = 64;
/// How every hash begins: argon2id with 19 MiB, 2 passes and 1 lane, the first choice of OWASP's Password Storage Cheat
/// Sheet and the default of the library.
const FORM: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// What is wrong with a new password, if anything.
pub(crate) fn fault(password: &str) -> Option<&'static str> {
    let long_enough = password.chars().nth(SHORTEST - 1).is_some();
    (!long_enough || is_too_long(password)).then_some("must be of 8 to 1024 characters")
}

/// What is wrong with a hash that comes from elsewhere, if anything: it must cost what ours do.
pub(super) fn hash_fault(hash: &str) -> Option<&'static str> {
    let is_ours = hash.starts_with(FORM) && PasswordHash::new(hash).is_ok();
    (!is_ours).then_some("must be an argon2id hash as this service makes them")
}

fn is_too_long(password: &str) -> bool {
    password.chars().nth(LONGEST).is_some()
}

/// Hashes and verifies, in as many threads as half of the cores and at least one.
#[derive(Clone)]
pub(super) struct Passwords {
    /// Those at work and those who wait for them.
    line: Arc<Semaphore>,
    threads: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let threads = available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        Self { line: Arc::new(Semaphore::new(threads + WAITING)), threads: Arc::new(Semaphore::new(threads)) }
    }

    /// The hash of a new password, with a salt of its own, in the PHC string format.
    pub(super) async fn hash(&self, password: &str) -> Result<Secret> {
        let password = normal(password);
        let hash = self.run(move || {
            let salt: [u8; 16] = rand::random();
            let hash: PasswordHash = Argon2::default().hash_password_with_salt(&password, &salt)?;
            Ok(hash.to_string().into())
        });
        hash.await?.map_err(|error: HashError| internal(&error))
    }

    /// Whether `hash` is of `password`. Without a hash it is not, and that takes as long to say.
    pub(super) async fn verify(&self, password: &str, hash: Option<&Secret>) -> Result<bool> {
        // Nobody has one so long.
        let hash = hash.filter(|_| !is_too_long(password)).cloned();
        let password = if is_too_long(password) { Vec::new() } else { normal(password) };
        let verified = self.run(move || {
            let nobodys = hash.is_none();
            let hash = hash.unwrap_or_else(nobodys_hash);
            match Argon2::default().verify_password(&password, hash.expose()) {
                Ok(()) => Ok(!nobodys),
                Err(HashError::PasswordInvalid) => Ok(false),
                Err(error) => Err(error),
            }
        });
        verified.await?.map_err(|error| internal(&error))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let place = Arc::clone(&self.line).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => Error::new(Code::Overloaded, "too many passwords are being checked"),
            TryAcquireError::Closed => internal(&error),
        })?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|error| internal(&error))?;
        // A thread that nobody waits for any more goes on, so it keeps its place.
        let working = spawn_blocking(move || {
            let done = work();
            drop((thread, place));
            done
        });
        working.await.map_err(|error| internal(&error))
    }
}

/// The bytes that are hashed: the same however a keyboard composes its letters (RFC 8265, 4.2.2).
fn normal(password: &str) -> Vec<u8> {
    password.nfc().collect::<String>().into_bytes()
}

/// Of no password that anybody knows: it costs what another does to verify.
fn nobodys_hash() -> Secret {
    let (salt, output): ([u8; 16], [u8; 32]) = (rand::random(), rand::random());
    format!("{FORM}{}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output)).into()
}

fn internal(error: &impl std::fmt::Display) -> Error {
    tracing::error!(error.message = %error, "a password could not be hashed");
    Error::new(Code::Internal, "a password could not be hashed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_however_it_is_composed() {
        let passwords = Passwords::new();
        let hash = passwords.hash("caf\u{e9} au lait").await.unwrap();
        assert!(hash.expose().starts_with(FORM), "{}", hash.expose());
        assert_ne!(passwords.hash("caf\u{e9} au lait").await.unwrap().expose(), hash.expose(), "salted");
        let is = async |password: &str| passwords.verify(password, Some(&hash)).await.unwrap();
        assert!(is("caf\u{e9} au lait").await && is("cafe\u{301} au lait").await);
        assert!(!is("cafe au lait").await && !is("").await && !is(&"x".repeat(1 << 20)).await);
        assert!(!passwords.verify("caf\u{e9} au lait", None).await.unwrap());
        assert!(passwords.verify("x", Some(&"no hash".to_owned().into())).await.is_err());
    }

    #[tokio::test]
    async fn whoever_comes_after_those_that_wait_is_refused_and_soon_served_again() {
        let passwords = Passwords::new();
        let places = passwords.line.available_permits();
        let mut crowd: Vec<_> = (0..places + 10).map(|_| Box::pin(passwords.verify("x", None))).collect();
        let mut refused = 0;
        for one in &mut crowd {
            match futures_util::poll!(one) {
                std::task::Poll::Ready(Err(error)) => {
                    assert_eq!(error.code, Code::Overloaded);
                    refused += 1;
                }
                other => assert!(other.is_pending(), "{other:?}"),
            }
        }
        assert_eq!(refused, 10);
        // Those who give up leave the line; those at work keep their places until they are done.
        drop(crowd);
        assert_eq!(passwords.verify("x", None).await, Ok(false));
    }

    #[test]
    fn a_password_is_of_8_to_1024_characters() {
        for (password, good) in
            [("é".repeat(7), false), ("é".repeat(8), true), ("é".repeat(1024), true), ("x".repeat(1025), false)]
        {
            assert_eq!(fault(&password).is_none(), good);
        }
    }
}

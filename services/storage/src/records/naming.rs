//! What names a write: a mutation id, and what an idempotency key stands for.

use sha2::{Digest, Sha256};
use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

use crate::store::Result;

/// The longest idempotency key, in characters.
const MAX_KEY: usize = 255;
/// How long ago a mutation may have been named, in microseconds by our clock: its attempts, and clocks that differ.
const MAX_AGE: i64 = 5 * 60 * 1_000_000;
/// How far ahead a caller's clock may be, in microseconds: a fresh record belongs where its id says it was made, and a
/// store must know by then how it divides that time.
pub(crate) const MAX_AHEAD: i64 = 60 * 1_000_000;
/// The longest account id, in bytes.
const MAX_ACCOUNT: usize = 128;

/// As the caller gives it; empty is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Naming<'a> {
    /// The account on whose behalf the call is made.
    pub caller: &'a str,
    /// Made for this call alone, by whoever may repeat it.
    pub mutation_id: &'a str,
    /// Counts the attempts at this mutation; the first is 0.
    pub attempt: i32,
    /// Chosen by the client, and good for a day within the caller and the collection.
    pub idempotency_key: &'a str,
}

/// One write, by whatever attempt it arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) mutation: Uuid,
    /// Whether an earlier attempt may have made it.
    pub(super) again: bool,
    pub(super) key: Option<Keyed>,
}

/// What an idempotency key stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyed {
    /// Where its use is noted.
    pub(super) note: Uuid,
    /// The record that a create with this key makes.
    pub(super) record: Uuid,
    /// Of the request.
    pub(super) fingerprint: [u8; 16],
}

impl Naming<'_> {
    /// Names the write that `request` (its parts: what, where, with which content) asks for.
    pub(super) fn resolve(&self, collection: Uuid, request: &[&[u8]]) -> Result<Named> {
        check_account(self.caller)?;
        let again = self.attempt > 0;
        if self.idempotency_key.is_empty() {
            return Ok(Named { mutation: given_mutation(self.mutation_id)?, again, key: None });
        }
        if self.idempotency_key.chars().count() > MAX_KEY {
            return Err(Error::new(
                Code::InvalidArgument,
                format!("an idempotency key has at most {MAX_KEY} characters"),
            ));
        }
        let derive = |what: &[u8]| {
            let scope = [what, self.caller.as_bytes(), collection.as_bytes(), self.idempotency_key.as_bytes()];
            Uuid::new_v8(digest(&scope))
        };
        let key = Keyed { note: derive(b"note"), record: derive(b"record"), fingerprint: digest(request) };
        Ok(Named { mutation: derive(b"mutation"), again, key: Some(key) })
    }

    /// The account that owns what the write makes.
    pub(super) fn owner(&self) -> Option<String> {
        (!self.caller.is_empty()).then(|| self.caller.to_owned())
    }
}

/// The mutation id that the caller gave, or a new one if that is empty.
pub(crate) fn given_mutation(id: &str) -> Result<Uuid> {
    if id.is_empty() {
        return Ok(mutation::new());
    }
    let given = Uuid::try_parse(id).ok();
    let now = mutation::now();
    let near = now - MAX_AGE..=now + MAX_AHEAD;
    let recent = |id: &Uuid| mutation::time(*id).is_some_and(|time| near.contains(&time));
    given.filter(recent).ok_or_else(|| {
        Error::new(
            Code::InvalidArgument,
            "mutation_id is a UUIDv7 made for this call, at most five minutes ago, by a clock that is at most a minute ahead of ours; leave it empty to have one made",
        )
    })
}

/// Refuses what is too long to be an account's id.
pub(super) fn check_account(id: &str) -> Result<()> {
    let too_long = || Error::new(Code::InvalidArgument, format!("an account's id has at most {MAX_ACCOUNT} bytes"));
    (id.len() <= MAX_ACCOUNT).then_some(()).ok_or_else(too_long)
}

/// The first half of the SHA-256 of the parts, each with its length before it.
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    half
}

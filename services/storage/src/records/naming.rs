//! What names a write: a mutation id, and what an idempotency key stands for.

use sha2::{Digest, Sha256};
use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

use crate::store::Result;

/// The longest idempotency key, in characters.
const MAX_KEY: usize = 255;
/// How far ahead of our clock a caller's may be, in microseconds: half of the day by which fresh records are written in the past.
const MAX_AHEAD: i64 = 12 * 60 * 60 * 1_000_000;

/// As the caller gives it; empty is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Naming<'a> {
    /// The account on whose behalf the call is made.
    pub caller: &'a str,
    /// Made for this call alone, by whoever may repeat it.
    pub mutation_id: &'a str,
    /// Chosen by the client, and good for a day within the caller and the collection.
    pub idempotency_key: &'a str,
}

/// One write, by whatever attempt it arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) mutation: Uuid,
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
        if self.idempotency_key.is_empty() {
            return Ok(Named { mutation: self.given_mutation()?, key: None });
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
        Ok(Named { mutation: derive(b"mutation"), key: Some(key) })
    }

    fn given_mutation(&self) -> Result<Uuid> {
        if self.mutation_id.is_empty() {
            return Ok(mutation::new());
        }
        let given = Uuid::try_parse(self.mutation_id).ok();
        given.filter(|id| mutation::time(*id).is_some_and(|time| time < mutation::now() + MAX_AHEAD)).ok_or_else(|| {
            Error::new(
                Code::InvalidArgument,
                "mutation_id is a UUIDv7 made for this call; leave it empty to have one made",
            )
        })
    }

    /// The account that owns what the write makes.
    pub(super) fn owner(&self) -> Option<String> {
        (!self.caller.is_empty()).then(|| self.caller.to_owned())
    }
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

//! Definitions: changed by lightweight transactions, and known to every replica under a lease.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

use super::{
    contention::step_aside,
    database::{Database, Outcome, all},
    errors::unavailable,
    known::Collection,
    place::{Regime, Regimes},
};
use crate::store::{Definition, IndexState, Result, Swap, codec};

/// A definition that was read longer ago is read again before it is used.
const LEASE: Duration = Duration::from_secs(3);
/// The partition that all definitions share: they are few, and lists of them are by name.
pub(super) const REALM: &str = "all";
const ATTEMPTS: u32 = 6;
/// How long an index that was dropped is written, in microseconds: by the lease on definitions, some read it still. (And
/// clocks may be a minute apart.)
const WRITTEN: i64 = 2 * 60 * 1_000_000;

/// An index that was dropped, its path, and when.
pub(super) type Retired = (Uuid, String, i64);

#[derive(scylla::DeserializeRow)]
struct Stored {
    definition: Vec<u8>,
    regimes: Vec<Regime>,
    closing: Option<Uuid>,
    retired: Option<Vec<Retired>>,
}

impl Database {
    async fn read(&self, stored: Stored, read_at: Instant) -> Result<Collection> {
        let definition = codec::decode_definition(&stored.definition)?;
        let known = self.known.get(&definition.name);
        let retired =
            stored.retired.unwrap_or_default().into_iter().filter(|(_, _, since)| since + WRITTEN > mutation::now());
        let retired: Vec<Retired> = retired.collect();
        let maps = self.maps(&definition, &retired, known.as_deref()).await?;
        Ok(Collection::new(definition, retired, maps, Regimes(stored.regimes), stored.closing, read_at))
    }

    /// The collection, as it is or was within the lease.
    pub(super) async fn collection(&self, name: &str) -> Result<Option<Arc<Collection>>> {
        match self.known.get(name).filter(|known| known.age() < LEASE) {
            Some(known) => Ok(Some(known)),
            None => self.read_collection(name).await,
        }
    }

    /// The collection as it is.
    pub(super) async fn read_collection(&self, name: &str) -> Result<Option<Arc<Collection>>> {
        let read_at = Instant::now();
        let stored = self.row::<Stored>(&self.statements.definition_read, (REALM, name)).await?;
        let collection = match stored {
            Some(stored) => Some(self.read(stored, read_at).await?),
            None => None,
        };
        Ok(self.known.keep(name, read_at, collection))
    }

    /// The collection as it is, after whatever was under way is decided.
    pub(super) async fn settled_collection(&self, name: &str) -> Result<Option<Collection>> {
        let read_at = Instant::now();
        let stored = self.settle::<Stored>(&self.statements.definition_settle, (REALM, name)).await?;
        self.known.forget(name);
        match stored {
            Some(stored) => Ok(Some(self.read(stored, read_at).await?)),
            None => Ok(None),
        }
    }

    /// The collection of that uid.
    ///
    /// # Errors
    /// `collection_not_found` once it is dropped.
    pub(super) async fn collection_of(&self, uid: Uuid) -> Result<Arc<Collection>> {
        let collection = match self.known.name(uid) {
            Some(name) => self.collection(&name).await?,
            None => None,
        };
        collection
            .filter(|collection| collection.definition.uid == uid)
            .ok_or_else(|| Error::new(Code::CollectionNotFound, "the collection was deleted"))
    }

    /// The definitions after `after`, by name.
    pub(super) async fn collections(&self, after: &str, limit: usize) -> Result<Vec<Arc<Definition>>> {
        let (read_at, limit) = (Instant::now(), i32::try_from(limit).unwrap_or(i32::MAX));
        let stored = self.rows::<Stored>(&self.statements.definition_slice, (REALM, after, limit)).await?;
        let read = stored.into_iter().map(|stored| async move { Ok(self.read(stored, read_at).await?.definition) });
        all(read).await
    }

    /// Writes a definition where the stored one's `etag` is `expected`; one that is new begins with the regimes `first`.
    pub(super) async fn write_definition(
        &self,
        expected: Option<Uuid>,
        mut definition: Definition,
        first: Regimes,
    ) -> Result<Swap<Definition>> {
        let name = &definition.name.clone();
        let is_expected = |known: &Arc<Collection>| Some(known.definition.etag) == expected;
        let known = match self.collection(name).await?.filter(is_expected) {
            None if expected.is_some() => self.read_collection(name).await?,
            known => known,
        };
        self.note_changed(known.as_deref(), &definition).await?;
        self.note_new_survey(known.as_deref(), &definition).await?;
        if expected.is_none() {
            // It has no records yet.
            definition.indexes.iter_mut().for_each(|index| index.state = IndexState::Ready);
        }
        let retired = known.as_deref().map(|known| known.retired_by(&definition)).unwrap_or_default();
        let mut regimes = known.map(|known| known.regimes.clone());
        let _turn = self.known.turn().await;
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let divided = regimes.clone().unwrap_or_else(|| first.clone());
            let text = codec::encode_definition(definition.clone());
            // How it is divided may have changed since it was read, and must not be changed back.
            let before = regimes.map(|regimes| regimes.0);
            let values = (definition.etag, text, divided.0, &retired, REALM, name, expected, before);
            if self.conditional(&self.statements.definition_swap, values).await? == Outcome::Applied {
                self.known.forget(name);
                return Ok(Swap::Applied);
            }
            let stored = self.settled_collection(name).await?;
            let etag = stored.as_ref().map(|stored| stored.definition.etag);
            if etag == Some(definition.etag) {
                return Ok(Swap::Applied);
            }
            if etag != expected {
                return Ok(Swap::Stale(stored.map(|stored| (*stored.definition).clone())));
            }
            regimes = stored.map(|stored| stored.regimes);
        }
        Err(unavailable())
    }
}

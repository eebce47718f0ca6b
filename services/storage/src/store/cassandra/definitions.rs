//! Definitions: changed by lightweight transactions, and known to every replica under a lease.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use skep_proto::{Code, Error};
use uuid::Uuid;

use super::{
    contention::step_aside,
    database::{Database, Outcome},
    errors::unavailable,
    place::{Regime, Regimes},
};
use crate::store::{Definition, Result, Swap, codec};

/// A definition that was read longer ago is read again before it is used.
const LEASE: Duration = Duration::from_secs(3);
/// A write is acknowledged only under a definition that was read less long ago: whoever drops a collection waits so
/// long, and then sees every write that was.
pub(super) const ACKNOWLEDGED: Duration = Duration::from_millis(4500);
/// The partition that all definitions share: they are few, and lists of them are by name.
pub(super) const REALM: &str = "all";
const ATTEMPTS: u32 = 6;

/// The collections that this process knows of.
#[derive(Default)]
pub(super) struct Known(RwLock<Names>);

#[derive(Default)]
struct Names {
    by_name: HashMap<String, Arc<Collection>>,
    /// A collection that is not here was not found by name since, so it is gone.
    by_uid: HashMap<Uuid, String>,
}

/// A definition as it was read, with what only this store knows of it.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) definition: Arc<Definition>,
    pub(super) regimes: Regimes,
    /// Names an attempt to drop it, under way since the time that this UUIDv7 tells.
    pub(super) closing: Option<Uuid>,
    read_at: Instant,
}

impl Collection {
    /// Whether a write made under it may be acknowledged still.
    pub(super) fn covers_acknowledgement(&self) -> bool {
        self.read_at.elapsed() < ACKNOWLEDGED
    }
}

#[derive(scylla::DeserializeRow)]
struct Stored {
    definition: Vec<u8>,
    regimes: Vec<Regime>,
    closing: Option<Uuid>,
}

impl Stored {
    fn collection(self, read_at: Instant) -> Result<Collection> {
        let definition = Arc::new(codec::decode_definition(&self.definition)?);
        Ok(Collection { definition, regimes: Regimes(self.regimes), closing: self.closing, read_at })
    }
}

impl Database {
    /// The collection, as it is or was within the lease.
    pub(super) async fn collection(&self, name: &str) -> Result<Option<Arc<Collection>>> {
        match self.known.get(name).filter(|known| known.read_at.elapsed() < LEASE) {
            Some(known) => Ok(Some(known)),
            None => self.read_collection(name).await,
        }
    }

    /// The collection as it is.
    pub(super) async fn read_collection(&self, name: &str) -> Result<Option<Arc<Collection>>> {
        let read_at = Instant::now();
        let stored = self.row::<Stored>(&self.statements.definition_read, (REALM, name)).await?;
        let collection = stored.map(|stored| stored.collection(read_at)).transpose()?.map(Arc::new);
        self.known.keep(name, collection.as_ref());
        Ok(collection)
    }

    /// The collection as it is, after whatever was under way is decided.
    pub(super) async fn settled_collection(&self, name: &str) -> Result<Option<Collection>> {
        let read_at = Instant::now();
        let stored = self.settle::<Stored>(&self.statements.definition_settle, (REALM, name)).await?;
        self.known.forget(name);
        stored.map(|stored| stored.collection(read_at)).transpose()
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
        stored.into_iter().map(|stored| Ok(stored.collection(read_at)?.definition)).collect()
    }

    /// Writes a definition where the stored one's `etag` is `expected`.
    pub(super) async fn write_definition(
        &self,
        expected: Option<Uuid>,
        definition: &Definition,
    ) -> Result<Swap<Definition>> {
        let name = &definition.name;
        let mut regimes = match expected {
            Some(_) => self.collection(name).await?.map(|known| known.regimes.clone()).unwrap_or_default(),
            None => Regimes::default(),
        };
        let _turn = self.turns.take(REALM).await;
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let values =
                (definition.etag, codec::encode_definition(definition.clone()), &regimes.0, REALM, name, expected);
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
            // Not made: sent again, with the regimes of now.
            regimes = stored.map(|stored| stored.regimes).unwrap_or_default();
        }
        Err(unavailable())
    }
}

impl Known {
    fn get(&self, name: &str) -> Option<Arc<Collection>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned()
    }

    fn name(&self, uid: Uuid) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_uid.get(&uid).cloned()
    }

    /// From here on it is read again before it is used.
    pub(super) fn forget(&self, name: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).by_name.remove(name);
    }

    fn keep(&self, name: &str, collection: Option<&Arc<Collection>>) {
        let names = &mut *self.0.write().unwrap_or_else(PoisonError::into_inner);
        let uid = collection.map(|collection| collection.definition.uid);
        match collection {
            // Of two that read at once the one that began later counts.
            Some(new) if names.by_name.get(name).is_none_or(|old| old.read_at <= new.read_at) => {
                names.by_name.insert(name.to_owned(), Arc::clone(new));
            }
            Some(_) => {}
            None => drop(names.by_name.remove(name)),
        }
        if let Some(uid) = uid {
            names.by_uid.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
}

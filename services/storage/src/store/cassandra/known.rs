//! What this process knows of the collections.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use skep_proto::mutation;
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::{definitions::Retired, maps::Maps, place::Regimes};
use crate::store::{Definition, Index, IndexState, indexing::Indexes};

/// A write is acknowledged only under a definition that was read less long ago: whoever drops a collection waits so
/// long, and then sees every write that was.
pub(super) const ACKNOWLEDGED: Duration = Duration::from_millis(4500);
/// What a row is taken to weigh, in bytes, before one was seen.
const UNSEEN: usize = 256 * 1024;

/// The collections that this process knows of.
#[derive(Default)]
pub(super) struct Known {
    names: RwLock<Names>,
    turn: Mutex<()>,
}

#[derive(Default)]
struct Names {
    by_name: HashMap<String, Entry>,
    /// A collection that is not here was not found by name since, so it is gone.
    by_uid: HashMap<Uuid, String>,
}

struct Entry {
    collection: Arc<Collection>,
    /// What was read earlier does not count.
    since: Instant,
}

/// A definition as it was read, with what only this store knows of it.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) definition: Arc<Definition>,
    pub(super) regimes: Regimes,
    /// What is kept for those who do not know yet that it is dropped.
    retired: Vec<Retired>,
    /// What writes keep.
    pub(super) indexes: Indexes,
    pub(super) maps: Maps,
    /// Names an attempt to drop it, under way since the time that this UUIDv7 tells.
    pub(super) closing: Option<Uuid>,
    read_at: Instant,
    /// The heaviest row of the page that was read last, in bytes.
    heaviest: Arc<AtomicUsize>,
}

impl Collection {
    /// What was read at `read_at`.
    pub(super) fn new(
        mut definition: Definition,
        retired: Vec<Retired>,
        maps: Maps,
        regimes: Regimes,
        closing: Option<Uuid>,
        read_at: Instant,
    ) -> Self {
        for index in &mut definition.indexes {
            index.state = maps.get(&index.id).map_or(index.state, |map| map.state());
        }
        let written =
            retired.iter().map(|(id, path, _)| Index { path: path.clone(), id: *id, state: IndexState::Ready });
        let written: Vec<Index> = definition.indexes.iter().cloned().chain(written).collect();
        let (indexes, heaviest) = (Indexes::of(&written), Arc::new(UNSEEN.into()));
        Self { definition: Arc::new(definition), retired, regimes, indexes, maps, closing, read_at, heaviest }
    }

    /// The indexes that are written still though they are dropped, when `next` is in force.
    pub(super) fn retired_by(&self, next: &Definition) -> Vec<Retired> {
        let is_dropped = |index: &&Index| next.indexes.iter().all(|kept| kept.id != index.id);
        let dropped = self.definition.indexes.iter().filter(is_dropped);
        let readable = dropped.filter(|index| index.state == IndexState::Ready);
        let now = mutation::now();
        self.retired.iter().cloned().chain(readable.map(|index| (index.id, index.path.clone(), now))).collect()
    }

    /// How long ago it was read.
    pub(super) fn age(&self) -> Duration {
        self.read_at.elapsed()
    }

    /// What a row weighs, in bytes, as far as is known.
    pub(super) fn weight(&self) -> usize {
        self.heaviest.load(Relaxed)
    }

    /// What the heaviest row of a page weighed.
    pub(super) fn weighed(&self, bytes: usize) {
        self.heaviest.store(bytes, Relaxed);
    }

    /// Whether a write made under it may be acknowledged still.
    pub(super) fn covers_acknowledgement(&self) -> bool {
        self.age() < ACKNOWLEDGED
    }
}

impl Known {
    /// Changes of definitions in this process come one after another: all share one Paxos partition.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The collection of that name as it was read last, however long ago.
    pub(super) fn get(&self, name: &str) -> Option<Arc<Collection>> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let entry = names.by_name.get(name).filter(|entry| entry.collection.read_at >= entry.since);
        entry.map(|entry| Arc::clone(&entry.collection))
    }

    /// What the collection was called when it was read last.
    pub(super) fn name(&self, uid: Uuid) -> Option<String> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).by_uid.get(&uid).cloned()
    }

    /// From here on it is read again before it is used.
    pub(super) fn forget(&self, name: &str) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = names.by_name.get_mut(name) {
            entry.since = Instant::now();
        }
    }

    /// Takes in what was read by a read that began at `read_at`, unless something newer is known.
    pub(super) fn keep(&self, name: &str, read_at: Instant, collection: Option<Collection>) -> Option<Arc<Collection>> {
        let names = &mut *self.names.write().unwrap_or_else(PoisonError::into_inner);
        let before = names.by_name.get(name);
        let late = before.is_some_and(|before| read_at < before.since.max(before.collection.read_at));
        let before = before.map(|before| Arc::clone(&before.collection));
        let uid = before.as_ref().map(|before| before.definition.uid);
        let Some(mut collection) = collection else {
            if let Some(uid) = uid.filter(|_| !late) {
                names.by_name.remove(name);
                names.by_uid.remove(&uid);
            }
            return None;
        };
        match before.filter(|_| uid == Some(collection.definition.uid)) {
            Some(same) => collection.heaviest = Arc::clone(&same.heaviest),
            None if late => {}
            None => drop(uid.map(|uid| names.by_uid.remove(&uid))),
        }
        let collection = Arc::new(collection);
        if !late {
            names.by_uid.insert(collection.definition.uid, name.to_owned());
            names.by_name.insert(name.to_owned(), Entry { collection: Arc::clone(&collection), since: read_at });
        }
        Some(collection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uid: Uuid, read_at: Instant) -> Collection {
        let definition = Definition { uid, ..Definition::default() };
        Collection::new(definition, Vec::new(), Maps::default(), Regimes::default(), None, read_at)
    }

    #[test]
    fn what_was_read_before_a_change_is_not_taken_in_after_it() {
        let (known, uid, began) = (Known::default(), Uuid::now_v7(), Instant::now());
        known.keep("bees", began, Some(read(uid, began)));
        known.forget("bees");
        assert!(known.get("bees").is_none());
        known.keep("bees", began, Some(read(uid, began)));
        known.keep("bees", began, None);
        assert!(known.get("bees").is_none());
        assert_eq!(known.name(uid).as_deref(), Some("bees"));
        let after = Instant::now();
        known.keep("bees", after, Some(read(uid, after)));
        assert!(known.get("bees").is_some());
    }

    #[test]
    fn a_collection_that_is_gone_is_forgotten() {
        let (known, uid, other) = (Known::default(), Uuid::now_v7(), Uuid::now_v7());
        let at = |millis| Instant::now() + Duration::from_millis(millis);
        known.keep("bees", at(0), Some(read(uid, at(0))));
        known.keep("bees", at(1000), Some(read(other, at(1000))));
        assert_eq!((known.name(uid), known.name(other).as_deref()), (None, Some("bees")));
        known.keep("bees", at(2000), None);
        assert_eq!(known.name(other), None);
    }
}

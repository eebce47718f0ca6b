//! Entries of indexes, as writers keep them: hints of where a record is.
//!
//! They are written before the record's own entry and removed after it, at timestamps that grow with its version, as
//! those of owners' lists are: a death between leaves one too many, and what arrives late changes nothing.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;

use super::{
    database::{Database, all},
    known::Collection,
    leaves::{Mode, route},
    place,
    rows::stamp,
};
use crate::store::{EntryKind, Position, Result, Row, indexing::Entry, sortable};

/// Partitions that share a leaf.
pub(super) const SHARDS: i32 = 4;

impl Collection {
    /// What the indexes hold of a row; and what was written again is in one too.
    pub(super) fn entries(&self, row: &Row) -> BTreeSet<Entry> {
        let mut entries = self.indexes.entries(row);
        if row.is_alive() && row.updated_at != row.created_at {
            let key = sortable(row.updated_at).to_vec();
            entries.insert(Entry { index: self.definition.uid, kind: EntryKind::Own, key });
        }
        entries
    }

    /// Whether a row has that entry.
    pub(super) fn shows(&self, row: &Row, entry: &Entry) -> bool {
        if entry.index != self.definition.uid {
            return self.indexes.has(row, entry);
        }
        row.updated_at != row.created_at && sortable(row.updated_at)[..] == entry.key
    }
}

/// A key as leaves have it.
pub(super) fn keyed(kind: EntryKind, key: &[u8]) -> Vec<u8> {
    [&[kind as u8][..], key].concat()
}

/// The partition of an entry, and its key there.
type Target = (Uuid, i32, Vec<u8>);

impl Database {
    /// Sees to it that a record is found that is about to be shown so.
    pub(super) async fn index<'e>(
        &self,
        id: &str,
        collection: &Collection,
        row: &Row,
        entries: impl Iterator<Item = &'e Entry>,
    ) -> Result<()> {
        let (stamp, created_at) = (stamp(row), row.created_at);
        let targets = self.targets(collection, id, created_at, entries);
        let written = targets.into_iter().map(|(leaf, shard, key)| async move {
            let values = (leaf, shard, key, created_at, id, stamp, stamp);
            self.run(&self.statements.index_write, values).await
        });
        all(written).await.map(drop)
    }

    /// Takes out what a record has no more; `stamp` is that of the row that says so.
    pub(super) async fn unindex<'e>(
        &self,
        id: &str,
        collection: &Collection,
        (created_at, stamp): (i64, i64),
        entries: impl Iterator<Item = &'e Entry>,
    ) -> Result<()> {
        let targets = self.targets(collection, id, created_at, entries);
        let removed = targets.into_iter().map(|(leaf, shard, key)| async move {
            self.run(&self.statements.index_delete, (stamp, leaf, shard, key, created_at, id)).await
        });
        all(removed).await.map(drop)
    }

    /// Where entries are to be written or removed.
    fn targets<'e>(
        &self,
        collection: &Collection,
        id: &str,
        created_at: i64,
        entries: impl Iterator<Item = &'e Entry>,
    ) -> Vec<Target> {
        let (shard, mut targets) = (place::shard(id, SHARDS), Vec::new());
        for entry in entries {
            let Some(map) = collection.maps.get(&entry.index) else { continue };
            let at = Position { key: keyed(entry.kind, &entry.key), created_at, id: id.to_owned() };
            for leaf in map.holding(&route(&at)) {
                if leaf.mode == Mode::Live {
                    self.crowding.count(leaf.id, &collection.definition.name, entry.index);
                }
                targets.push((leaf.id, shard, at.key.clone()));
            }
        }
        targets
    }
}

/// How many entries this process wrote to leaves, or took out.
#[derive(Default)]
pub(super) struct Crowding(Mutex<HashMap<Uuid, Crowd>>);

/// Of a leaf.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    /// The collection's name.
    pub(super) collection: String,
    pub(super) index: Uuid,
    pub(super) entries: u64,
    /// How many there were when it was looked at last.
    looked: u64,
}

impl Crowding {
    fn count(&self, leaf: Uuid, collection: &str, index: Uuid) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Crowd { collection: collection.to_owned(), index, entries: 0, looked: 0 };
        all.entry(leaf).or_insert_with(new).entries += 1;
    }

    /// The leaves to which so many came since they were looked at.
    pub(super) fn due(&self, entries: u64) -> Vec<(Uuid, Crowd)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = all.iter().filter(|(_, crowd)| crowd.entries - crowd.looked >= entries);
        due.map(|(leaf, crowd)| (*leaf, crowd.clone())).collect()
    }

    pub(super) fn looked_at(&self, leaf: Uuid) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(crowd) = all.get_mut(&leaf) {
            crowd.looked = crowd.entries;
        }
    }

    pub(super) fn forget(&self, leaf: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&leaf);
    }
}

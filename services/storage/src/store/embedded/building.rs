//! The indexes of collections: kept in the transaction that writes the record, so that they are exact, and built in steps
//! where they come later than the records.

use std::ops::Bound;

use redb::{Error, ReadableTable};

use super::{
    codec, keys,
    tables::{Handle, Outcome, Tables},
};
use crate::store::{
    Definition, Index, IndexState, Key, Row,
    indexing::{Entry, Indexes},
};

/// Records that one step of building looks at, so that no commit is long.
const STEP: usize = 500;
/// Bytes of rows after which a step of building ends.
const BYTES: usize = 4 << 20;

impl Tables<'_> {
    /// Puts the entries of `new` in the place of those of `old`.
    pub(super) fn index(&mut self, key: Key<'_>, old: Option<&Row>, new: &Row) -> Result<(), Error> {
        let Some(indexes) = self.indexes(key.collection)? else { return Ok(()) };
        let before = old.map(|old| indexes.entries(old)).unwrap_or_default();
        let after = indexes.entries(new);
        // A record that is made again stands elsewhere.
        let moved = old.is_some_and(|old| old.created_at != new.created_at);
        for gone in before.iter().filter(|entry| moved || !after.contains(entry)) {
            let created_at = old.map_or(new.created_at, |old| old.created_at);
            self.indexed.remove(&keys::entry(key, gone, created_at)[..])?;
        }
        for entry in after.iter().filter(|entry| moved || !before.contains(entry)) {
            put(&mut self.indexed, key, entry, new.created_at)?;
        }
        Ok(())
    }

    /// Has the indexes that `definition` adds built, and those that it lacks cleared away.
    pub(super) fn reindex(&mut self, stored: Option<&Definition>, definition: &mut Definition) -> Result<(), Error> {
        let uid = definition.uid;
        if let Some(stored) = stored {
            definition.keep_states(stored);
            let lacks = |index: &&Index| definition.indexes.iter().all(|kept| kept.id != index.id);
            for index in stored.indexes.iter().filter(lacks) {
                self.building.remove(&keys::of_index(uid, index.id)[..])?;
                self.unindexed.insert(&keys::of_index(uid, index.id)[..], &[][..])?;
            }
        }
        let (start, end) = (&uid.as_bytes()[..], keys::behind(uid.as_bytes()));
        let is_empty = self.records.range(start..&end[..])?.next().transpose()?.is_none();
        for index in &mut definition.indexes {
            let is_known = stored.is_some_and(|stored| stored.indexes.iter().any(|known| known.id == index.id));
            match is_known {
                true => {}
                false if is_empty => index.state = IndexState::Ready,
                false => drop(self.building.insert(&keys::of_index(uid, index.id)[..], &[][..])?),
            }
        }
        Ok(())
    }

    /// A step of building an index; `false` if there is none to build.
    pub(super) fn build(&mut self) -> Outcome<bool> {
        let Some((building, after)) =
            self.building.first()?.map(|(key, after)| (key.value().to_vec(), after.value().to_vec()))
        else {
            return Ok(Ok(false));
        };
        let (uid, id) = (keys::uuid(&building[..16]), keys::uuid(&building[16..]));
        let Some(mut definition) = self.definition_of(uid)? else {
            self.building.remove(&building[..])?;
            return Ok(Ok(true));
        };
        let indexes = Indexes::of(definition.indexes.iter().filter(|index| index.id == id));
        let end = keys::behind(uid.as_bytes());
        let start = if after.is_empty() { Bound::Included(&uid.as_bytes()[..]) } else { Bound::Excluded(&after[..]) };
        let (mut looked, mut bytes, mut last) = (0, 0, None);
        for entry in self.records.range::<&[u8]>((start, Bound::Excluded(&end[..])))?.take(STEP) {
            let (place, row) = entry?;
            let at = keys::position(place.value(), keys::COLLECTION, 0);
            // A damaged row is told to who asks for it.
            if let Ok(row) = codec::decode_row(row.value()) {
                for entry in indexes.entries(&row) {
                    put(&mut self.indexed, Key { collection: uid, id: &at.id }, &entry, row.created_at)?;
                }
            }
            (looked, last) = (looked + 1, Some(place.value().to_vec()));
            bytes += row.value().len();
            if bytes > BYTES {
                break;
            }
        }
        match &last {
            Some(last) => drop(self.building.insert(&building[..], &last[..])?),
            None => drop(self.building.remove(&building[..])?),
        }
        if let Some(index) = definition.indexes.iter_mut().find(|index| index.id == id) {
            index.state = match (index.state, last) {
                (IndexState::Building(before), Some(_)) => IndexState::Building(before + looked),
                _ => IndexState::Ready,
            };
        }
        self.put_definition(definition)?;
        Ok(Ok(true))
    }

    /// A step of clearing away an index that was dropped; `false` if there is none.
    pub(super) fn unindex(&mut self) -> Result<bool, Error> {
        let Some(index) = self.unindexed.first()?.map(|(index, _)| index.value().to_vec()) else { return Ok(false) };
        let end = [&index[..], &[0xff]].concat();
        let entries = self.indexed.range(&index[..]..&end[..])?.take(STEP).map(|entry| Ok(entry?.0.value().to_vec()));
        let entries: Vec<_> = entries.collect::<Result<_, redb::StorageError>>()?;
        for entry in &entries {
            self.indexed.remove(&entry[..])?;
        }
        if entries.len() < STEP {
            self.unindexed.remove(&index[..])?;
        }
        Ok(true)
    }
}

fn put(indexed: &mut Handle<'_>, key: Key<'_>, entry: &Entry, created_at: i64) -> Result<(), Error> {
    let length = u16::try_from(entry.key.len()).unwrap_or(u16::MAX).to_be_bytes();
    indexed.insert(&keys::entry(key, entry, created_at)[..], &length[..])?;
    Ok(())
}

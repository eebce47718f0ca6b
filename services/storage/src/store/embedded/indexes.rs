//! What a record has in the indexes of its collection.

use std::collections::BTreeSet;

use query::Path;
use uuid::Uuid;

use super::keys;
use crate::store::{EntryKind, Index, Key, Row};

/// What the writes of a collection must keep.
#[derive(Default)]
pub(super) struct Indexes {
    ids: Vec<Uuid>,
    paths: Vec<Path>,
}

/// An entry's key in `INDEXED`, and of how many bytes the key in it is.
type Entry = (Vec<u8>, [u8; 2]);

impl Indexes {
    pub(super) fn of<'a>(indexes: impl IntoIterator<Item = &'a Index>) -> Self {
        // A path was checked when it was declared.
        let parsed = indexes.into_iter().filter_map(|index| Some((index.id, Path::data(&index.path).ok()?)));
        let (ids, paths) = parsed.unzip();
        Self { ids, paths }
    }

    /// All entries of a row; none of a soft one.
    pub(super) fn entries(&self, key: Key<'_>, row: &Row) -> BTreeSet<Entry> {
        let mut entries = BTreeSet::new();
        if self.ids.is_empty() || !row.is_alive() {
            return entries;
        }
        for (index, found) in self.ids.iter().zip(query::keys(&row.data, &self.paths)) {
            let mut add = |kind, value: &[u8]| {
                let prefix = [&keys::of_entries(key.collection, *index, kind)[..], value].concat();
                let length = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
                entries.insert((keys::place(&prefix, row.created_at, key.id), length));
            };
            add(EntryKind::Own, found.own.truncated().0.as_bytes());
            for element in found.elements {
                add(EntryKind::Element, element.truncated().0.as_bytes());
            }
            if found.many {
                add(EntryKind::Many, &[]);
            }
        }
        entries
    }
}

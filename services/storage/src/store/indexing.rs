//! What a record has in the indexes of its collection.

use std::collections::BTreeSet;

use query::{Indexed, Key, Path};
use uuid::Uuid;

use super::{EntryKind, Index, Row};

/// The indexes of a collection.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    ids: Vec<Uuid>,
    paths: Vec<Path>,
}

/// What a record has in an index, besides where it stands itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) index: Uuid,
    pub(super) kind: EntryKind,
    pub(super) key: Vec<u8>,
}

impl Indexes {
    pub(super) fn of<'a>(indexes: impl IntoIterator<Item = &'a Index>) -> Self {
        // A path was checked when it was declared.
        let parsed = indexes.into_iter().filter_map(|index| Some((index.id, Path::data(&index.path).ok()?)));
        let (ids, paths) = parsed.unzip();
        Self { ids, paths }
    }

    /// All that a row has; nothing if it is soft.
    pub(super) fn entries(&self, row: &Row) -> BTreeSet<Entry> {
        let mut entries = BTreeSet::new();
        if self.ids.is_empty() || !row.is_alive() {
            return entries;
        }
        for (index, found) in self.ids.iter().zip(query::keys(&row.data, &self.paths)) {
            entries.extend(of(*index, found));
        }
        entries
    }

    /// Whether a row has that entry.
    pub(super) fn has(&self, row: &Row, entry: &Entry) -> bool {
        let Some(path) = self.ids.iter().position(|id| *id == entry.index).map(|at| &self.paths[at]) else {
            return false;
        };
        let found = query::keys(&row.data, std::slice::from_ref(path));
        row.is_alive() && found.into_iter().any(|found| of(entry.index, found).any(|other| other == *entry))
    }
}

fn of(index: Uuid, found: Indexed) -> impl Iterator<Item = Entry> {
    let entry = move |kind, key: Vec<u8>| Entry { index, kind, key };
    let kept = |key: Key| key.truncated().0.as_bytes().to_vec();
    let own = entry(EntryKind::Own, kept(found.own));
    let elements = found.elements.into_iter().map(move |key| entry(EntryKind::Element, kept(key)));
    elements.chain([own]).chain(found.many.then(|| entry(EntryKind::Many, Vec::new())))
}

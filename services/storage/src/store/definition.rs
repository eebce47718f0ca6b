use bytes::Bytes;
use skep_proto::v1::Rules;
use uuid::Uuid;

use super::Position;

/// A collection as a store keeps it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definition {
    /// The collection's name.
    pub name: String,
    /// Made anew when a name is defined again after its deletion, so that nothing of the old records shows.
    pub uid: Uuid,
    /// Names the last change of the definition.
    pub etag: Uuid,
    /// JSON text; empty for none.
    pub schema: Bytes,
    /// Names the [`Survey`] of the records that were there before the schema, anew for each. `None` without one, and where
    /// the collection was defined with it.
    pub survey: Option<Uuid>,
    /// The fields by which its records can be found.
    pub indexes: Vec<Index>,
    /// Who may do what.
    pub rules: Rules,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// Microseconds since the epoch.
    pub updated_at: i64,
}

/// An index of a collection. Its state is the store's: a [`define`](super::Store::define) does not change that of an index
/// which the store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// A dotted path into `data`.
    pub path: String,
    /// Made anew when a path is indexed again, so that nothing of the old entries shows.
    pub id: Uuid,
    /// What it can be used for.
    pub state: IndexState,
}

/// How far the check of a collection's records against a schema is that came after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// [`Definition::survey`]
    pub id: Uuid,
    /// Records that have been looked at.
    pub checked: u64,
    /// Those that did not satisfy the schema.
    pub misfits: u64,
    /// The record that was looked at last, unless it is done.
    pub after: Option<Position>,
    /// Whether all have been looked at.
    pub done: bool,
}

/// How far an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// Writes keep it, and so many records that were there before have been looked at; it cannot be read yet.
    Building(u64),
    /// It holds all records.
    Ready,
}

impl Definition {
    /// Takes over the states of the indexes that `stored` has too.
    pub(super) fn keep_states(&mut self, stored: &Self) {
        for index in &mut self.indexes {
            if let Some(known) = stored.indexes.iter().find(|known| known.id == index.id) {
                index.state = known.state;
            }
        }
    }
}

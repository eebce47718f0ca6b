use bytes::Bytes;
use skep_proto::v1::Rules;
use uuid::Uuid;

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

use uuid::Uuid;

/// Where a listing stands: the record shown last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Its key in the index that orders the listing; of [`Access::Updated`] its last write. Empty where creation orders it.
    pub key: Vec<u8>,
    /// Its creation, in microseconds since the epoch.
    pub created_at: i64,
    /// Its id.
    pub id: String,
}

/// A way to the records of a collection, and the order in which it gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// All of them, by creation.
    All,
    /// Those that this account made, by creation.
    OwnedBy(String),
    /// Those with entries in a part of an index, by key, then creation.
    Indexed(Slice),
    /// Those that were written again, by their last write, then creation.
    Updated,
}

/// The entries of an index from one key on to before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// [`Index::id`](super::Index::id)
    pub index: Uuid,
    /// Which of its entries.
    pub kind: EntryKind,
    /// The first key, as bytes.
    pub from: Vec<u8>,
    /// Behind the last key.
    pub until: Vec<u8>,
}

/// What an entry of an index stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum EntryKind {
    /// The value of the field, be it absent.
    Own = 1,
    /// An element of the array that the field is.
    Element = 2,
    /// An array of too many different elements; without a key.
    Many = 3,
}

/// A time as bytes in its order.
pub(crate) fn sortable(time: i64) -> [u8; 8] {
    (time ^ i64::MIN).to_be_bytes()
}

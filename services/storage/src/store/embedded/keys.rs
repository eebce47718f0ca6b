//! Keys of the tables, as bytes whose order is the order wanted.

use uuid::Uuid;

pub(super) use crate::store::row::told_time;
use crate::store::{EntryKind, Key, Position, Slice, indexing::Entry, sortable};

const UID: usize = 16;
/// Bytes of a time.
pub(super) const TIME: usize = 8;

/// `collection ‖ id`.
pub(super) fn by_id(key: Key<'_>) -> Vec<u8> {
    [key.collection.as_bytes(), key.id.as_bytes()].concat()
}

/// `collection ‖ created_at ‖ id`: a collection's records in the order of their creation.
pub(super) fn by_time(key: Key<'_>, created_at: i64) -> Vec<u8> {
    [key.collection.as_bytes(), &sortable(created_at)[..], key.id.as_bytes()].concat()
}

/// `collection ‖ length of owner ‖ owner`: what the keys of an owner's records begin with.
pub(super) fn of_owner(collection: &[u8], owner: &str) -> Vec<u8> {
    [collection, &(owner.len() as u64).to_be_bytes()[..], owner.as_bytes()].concat()
}

/// The key [`by_time`] of a record, moved to the part of its owner.
pub(super) fn owned(by_time: &[u8], owner: &str) -> Vec<u8> {
    let (collection, place) = by_time.split_at(UID);
    [&of_owner(collection, owner)[..], place].concat()
}

/// `prefix ‖ created_at ‖ id`: where a record stands among those whose keys begin so.
pub(super) fn place(prefix: &[u8], created_at: i64, id: &str) -> Vec<u8> {
    [prefix, &sortable(created_at)[..], id.as_bytes()].concat()
}

/// Behind all keys `prefix ‖ created_at ‖ id`.
pub(super) fn behind(prefix: &[u8]) -> Vec<u8> {
    [prefix, &[0xff; TIME + 1][..]].concat()
}

/// Where a record stands, from a key `prefix ‖ key ‖ created_at ‖ id` whose `prefix` and `key` have so many bytes.
pub(super) fn position(entry: &[u8], prefix: usize, key: usize) -> Position {
    let (key, place) = entry[prefix..].split_at(key);
    let (created_at, id) = expiring(place);
    Position { key: key.to_owned(), created_at, id: str::from_utf8(id).unwrap_or_default().to_owned() }
}

/// `collection ‖ index`: what the keys of an index begin with.
pub(super) fn of_index(collection: Uuid, index: Uuid) -> Vec<u8> {
    pair(collection, index).to_vec()
}

/// `collection ‖ index ‖ kind`: what the keys of such entries begin with.
pub(super) fn of_entries(collection: Uuid, index: Uuid, kind: EntryKind) -> Vec<u8> {
    [&pair(collection, index)[..], &[kind as u8]].concat()
}

/// The key of an entry of a record: [`of_entries`], the key of the value, and where the record stands.
pub(super) fn entry(key: Key<'_>, entry: &Entry, created_at: i64) -> Vec<u8> {
    let prefix = [&of_entries(key.collection, entry.index, entry.kind)[..], &entry.key].concat();
    place(&prefix, created_at, key.id)
}

/// The bytes before the key of what was written again.
pub(super) const COLLECTION: usize = UID;

/// Where the entries of a slice begin, and behind which they end.
pub(super) fn slice(collection: Uuid, slice: &Slice) -> (Vec<u8>, Vec<u8>) {
    let of = of_entries(collection, slice.index, slice.kind);
    ([&of[..], &slice.from].concat(), [&of[..], &slice.until].concat())
}

/// `collection ‖ updated_at ‖ created_at ‖ id`: a collection's records in the order of their last write.
pub(super) fn by_update(key: Key<'_>, updated_at: i64, created_at: i64) -> Vec<u8> {
    place(&[key.collection.as_bytes(), &sortable(updated_at)[..]].concat(), created_at, key.id)
}

/// `expires_at ‖ key`: what expires first comes first.
pub(super) fn expiry(expires_at: i64, key: &[u8]) -> Vec<u8> {
    [&sortable(expires_at)[..], key].concat()
}

/// The parts of a key made by [`expiry`].
pub(super) fn expiring(key: &[u8]) -> (i64, &[u8]) {
    let (time, key) = key.split_at(TIME);
    (i64::from_be_bytes(time.try_into().unwrap_or_default()) ^ i64::MIN, key)
}

/// Two ids, one after the other.
pub(super) fn pair(first: Uuid, second: Uuid) -> [u8; 2 * UID] {
    let mut key = [0; 2 * UID];
    key[..UID].copy_from_slice(first.as_bytes());
    key[UID..].copy_from_slice(second.as_bytes());
    key
}

/// An id that was written as its bytes.
pub(super) fn uuid(bytes: &[u8]) -> Uuid {
    Uuid::from_slice(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn keys_sort_by_time_and_read_back() {
        let key = Key { collection: Uuid::now_v7(), id: "a~b" };
        assert!(by_time(key, -1) < by_time(key, 0) && by_time(key, 0) < by_time(key, i64::MAX));
        assert!(by_time(key, i64::MAX) < behind(key.collection.as_bytes()));
        let of = |owner| of_owner(key.collection.as_bytes(), owner);
        let newest = owned(&by_time(key, i64::MAX), "ann");
        assert!(of("ann") < newest && newest < behind(&of("ann")) && behind(&of("ann")) < of("anna"));
        assert_eq!(position(&by_time(key, 7), UID, 0), Position { created_at: 7, id: "a~b".into(), key: vec![] });
        assert_eq!(expiring(&expiry(-7, b"k")), (-7, &b"k"[..]));
    }
}

//! Keys of the tables, as bytes whose order is the order wanted.

use uuid::Uuid;

pub(super) use crate::store::row::told_time;
use crate::store::{Key, Position};

const UID: usize = 16;
const TIME: usize = 8;

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

/// Where a listing of the keys `prefix ‖ created_at ‖ id` stands, and their end when it has not begun.
pub(super) fn before(prefix: &[u8], after: Option<&Position>) -> Vec<u8> {
    match after {
        Some(position) => [prefix, &sortable(position.created_at)[..], position.id.as_bytes()].concat(),
        None => [prefix, &[0xff; TIME + 1][..]].concat(),
    }
}

/// The record's id, from a key made by [`by_time`].
pub(super) fn id_of(key: &[u8]) -> &str {
    str::from_utf8(&key[UID + TIME..]).unwrap_or_default()
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

fn sortable(time: i64) -> [u8; TIME] {
    (time ^ i64::MIN).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn keys_sort_by_time_and_read_back() {
        let key = Key { collection: Uuid::now_v7(), id: "a~b" };
        assert!(by_time(key, -1) < by_time(key, 0) && by_time(key, 0) < by_time(key, i64::MAX));
        assert!(by_time(key, i64::MAX) < before(key.collection.as_bytes(), None));
        let of = |owner| of_owner(key.collection.as_bytes(), owner);
        let newest = owned(&by_time(key, i64::MAX), "ann");
        assert!(of("ann") < newest && newest < before(&of("ann"), None) && before(&of("ann"), None) < of("anna"));
        assert_eq!(id_of(&by_time(key, 7)), "a~b");
        assert_eq!(expiring(&expiry(-7, b"k")), (-7, &b"k"[..]));
    }
}

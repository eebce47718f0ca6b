//! Pages of live records, newest first.

use std::ops::Bound;

use redb::{AccessGuard, ReadTransaction, StorageError};
use uuid::Uuid;

use super::{
    codec, keys,
    tables::{OWNED, Outcome, RECORDS},
};
use crate::store::{Bounds, Page, Position, Selection};

/// A record's key in `RECORDS`, and its row.
type Entry = Result<(Vec<u8>, AccessGuard<'static, &'static [u8]>), StorageError>;

pub(super) fn page(
    transaction: &ReadTransaction,
    collection: Uuid,
    selection: Selection<'_>,
    after: Option<&Position>,
    bounds: Bounds,
) -> Outcome<Page> {
    let records = transaction.open_table(RECORDS)?;
    let (table, prefix) = match selection {
        Selection::All => (RECORDS, collection.as_bytes().to_vec()),
        Selection::OwnedBy(owner) => (OWNED, keys::of_owner(collection.as_bytes(), owner)),
    };
    let end = keys::before(&prefix, after);
    let range = (Bound::Included(&prefix[..]), Bound::Excluded(&end[..]));
    let entries = transaction.open_table(table)?.range::<&[u8]>(range)?.rev();
    match selection {
        Selection::All => gather(entries.map(|entry| entry.map(|(key, row)| (key.value().to_vec(), row))), bounds),
        Selection::OwnedBy(_) => {
            let find = |key: &[u8]| -> Result<_, StorageError> {
                let key = [collection.as_bytes(), &key[prefix.len()..]].concat();
                Ok(records.get(&key[..])?.map(|row| (key, row)))
            };
            gather(entries.filter_map(|entry| entry.and_then(|(key, _)| find(key.value())).transpose()), bounds)
        }
    }
}

fn gather(entries: impl Iterator<Item = Entry>, bounds: Bounds) -> Outcome<Page> {
    let (mut page, mut bytes) = (Page::default(), 0);
    for entry in entries {
        let (key, row) = entry?;
        bytes += row.value().len();
        if page.records.len() == bounds.records || (bytes > bounds.bytes && !page.records.is_empty()) {
            let last = page.records.last();
            page.next = last.map(|(id, row)| Position { created_at: row.created_at, id: id.clone() });
            break;
        }
        match codec::decode_row(row.value()) {
            Ok(row) => page.records.push((keys::id_of(&key).to_owned(), row)),
            Err(damaged) => return Ok(Err(damaged)),
        }
    }
    Ok(Ok(page))
}

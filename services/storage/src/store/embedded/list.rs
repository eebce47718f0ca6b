//! Pages of live records, by any access.

use std::{iter::from_fn, ops::Bound};

use redb::ReadTransaction;
use uuid::Uuid;

use super::{
    codec, keys,
    tables::{Bytewise, INDEXED, OWNED, Outcome, RECORDS, UPDATED},
};
use crate::store::{Access, Bounds, Key, Page, Position};

/// The keys of a table to which an access leads.
struct Keys {
    table: Bytewise,
    start: Vec<u8>,
    end: Vec<u8>,
    /// Bytes before the key of a [`Position`].
    prefix: usize,
    /// Where it goes on.
    after: Option<Vec<u8>>,
}

impl Keys {
    fn of(collection: Uuid, access: &Access, after: Option<&Position>) -> Self {
        let uid = collection.as_bytes();
        let place = |prefix: &[u8], at: &Position| keys::place(&[prefix, &at.key].concat(), at.created_at, &at.id);
        let of = |table, prefix: &[u8]| Self {
            table,
            start: prefix.to_vec(),
            end: keys::behind(prefix),
            prefix: prefix.len(),
            after: after.map(|at| place(prefix, at)),
        };
        match access {
            Access::All => of(RECORDS, uid),
            Access::OwnedBy(owner) => of(OWNED, &keys::of_owner(uid, owner)),
            Access::Updated => of(UPDATED, uid),
            Access::Indexed(slice) => {
                let (start, end) = keys::slice(collection, slice);
                let prefix = keys::of_entries(collection, slice.index, slice.kind);
                Self { table: INDEXED, start, end, prefix: prefix.len(), after: after.map(|at| place(&prefix, at)) }
            }
        }
    }

    fn range(&self, descending: bool) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let after = self.after.as_ref().map(|after| after.clamp(&self.start, &self.end));
        match after {
            Some(after) if descending => (Bound::Included(&self.start), Bound::Excluded(after)),
            Some(after) => (Bound::Excluded(after), Bound::Excluded(&self.end)),
            None => (Bound::Included(&self.start), Bound::Excluded(&self.end)),
        }
    }
}

pub(super) fn page(
    transaction: &ReadTransaction,
    collection: Uuid,
    access: &Access,
    descending: bool,
    after: Option<&Position>,
    bounds: Bounds,
) -> Outcome<Page> {
    let (records, keys) = (transaction.open_table(RECORDS)?, Keys::of(collection, access, after));
    let mut range = transaction.open_table(keys.table)?.range::<&[u8]>(keys.range(descending))?;
    let entries = from_fn(|| if descending { range.next_back() } else { range.next() });
    let (mut page, mut bytes) = (Page::default(), 0);
    for entry in entries {
        let (entry, value) = entry?;
        let position = position(entry.value(), value.value(), &keys, access);
        let row = match access {
            Access::All => Some(value),
            _ => records.get(&keys::by_time(Key { collection, id: &position.id }, position.created_at)[..])?,
        };
        let Some(row) = row else { continue };
        bytes += row.value().len();
        if page.records.len() == bounds.records || (bytes > bounds.bytes && !page.records.is_empty()) {
            page.next = page.records.last().map(|(last, _)| last.clone());
            break;
        }
        match codec::decode_row(row.value()) {
            Ok(row) => page.records.push((position, row)),
            Err(damaged) => return Ok(Err(damaged)),
        }
    }
    Ok(Ok(page))
}

fn position(entry: &[u8], value: &[u8], keys: &Keys, access: &Access) -> Position {
    let key = match access {
        Access::All | Access::OwnedBy(_) => 0,
        Access::Updated => keys::TIME,
        Access::Indexed(_) => usize::from(u16::from_be_bytes(value.try_into().unwrap_or_default())),
    };
    keys::position(entry, keys.prefix, key)
}

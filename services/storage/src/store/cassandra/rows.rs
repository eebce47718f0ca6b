//! Rows as columns. None is ever null: a null is a tombstone that lists walk over.

use bytes::Bytes;

use crate::store::{Result, Row, SOFT_ROW_MICROS, codec};

/// The columns that entries and heads share.
#[derive(scylla::DeserializeRow)]
pub(super) struct Stored {
    id: String,
    created_at: i64,
    data: Bytes,
    owner: String,
    updated_at: i64,
    version: i64,
    history: Vec<u8>,
    fingerprint: Vec<u8>,
}

impl Stored {
    /// The row with its id.
    pub(super) fn named(mut self) -> Result<(String, Row)> {
        Ok((std::mem::take(&mut self.id), self.row()?))
    }

    pub(super) fn row(self) -> Result<Row> {
        Ok(Row {
            data: self.data,
            owner: Some(self.owner).filter(|owner| !owner.is_empty()),
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version.unsigned_abs(),
            history: codec::decode_history(&self.history)?,
            fingerprint: match &self.fingerprint[..] {
                [] => None,
                fingerprint => Some(codec::decode_fingerprint(fingerprint)?),
            },
        })
    }
}

/// The row's version as a column.
pub(super) fn version(row: &Row) -> i64 {
    i64::try_from(row.version).unwrap_or(i64::MAX)
}

/// The timestamp of the row's entry, or of its deletion. It grows with every mutation, whatever the clocks say: a
/// deletion does not count a version, and is followed by none but a creation, which does. It lies a day behind the
/// record's creation, so that no clock's now is below it.
pub(super) fn stamp(row: &Row) -> i64 {
    row.created_at - SOFT_ROW_MICROS + 2 * version(row) + i64::from(!row.is_alive())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::store::Next;

    #[test]
    fn stamps_grow_with_every_mutation() {
        let mut row = Row::first(Uuid::now_v7(), 7, None, Bytes::new());
        let data = || Next::Data(Bytes::new(), None);
        for next in [data(), data(), Next::Deleted, data(), Next::Deleted, data(), data()] {
            // A clock that stands still, so that what is made again is made in the same microsecond.
            let then = row.then(Uuid::now_v7(), 0, next);
            assert_eq!(then.created_at, row.created_at);
            assert!(stamp(&then) > stamp(&row), "{then:?}");
            row = then;
        }
    }
}

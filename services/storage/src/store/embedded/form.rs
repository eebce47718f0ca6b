//! The form of the file: which tables it has, and what they hold. A file of an older form is brought to the newest when it
//! is opened, in commits that are short; who is interrupted begins again.

use std::ops::Bound;

use anyhow::ensure;
use redb::{Database, ReadableTable, TableDefinition};

use super::{codec, keys, tables::Tables};

/// The form, as a number.
pub(super) const FORM: TableDefinition<'static, (), u64> = TableDefinition::new("form");
/// Files that do not tell theirs.
const FIRST: u64 = 1;
/// With `OWNED`.
const NEWEST: u64 = 2;
/// Records that one commit looks at.
const STEP: usize = 1000;

/// Makes what is missing.
pub(super) fn complete(database: &Database) -> anyhow::Result<()> {
    let transaction = database.begin_write()?;
    let is_new = transaction.list_tables()?.next().is_none();
    drop(Tables::open(&transaction)?);
    if is_new {
        transaction.open_table(FORM)?.insert((), NEWEST)?;
    }
    let form = transaction.open_table(FORM)?.get(())?.map_or(FIRST, |form| form.value());
    transaction.commit()?;
    ensure!(form <= NEWEST, "it was written by a newer version of skep: start that one");
    if form == FIRST {
        tracing::info!("the store is given its index of owners");
        let mut looked = Vec::new();
        while let Some(last) = fill_owned(database, &looked)? {
            looked = last;
        }
    }
    Ok(())
}

/// Looks at the next records behind the key `after`: tells the last. After the end of them the form is the second.
fn fill_owned(database: &Database, after: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let transaction = database.begin_write()?;
    let last = own(&mut Tables::open(&transaction)?, after)?;
    if last.is_none() {
        transaction.open_table(FORM)?.insert((), 2)?;
    }
    transaction.commit()?;
    Ok(last)
}

fn own(tables: &mut Tables<'_>, after: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let mut last = None;
    let behind = (Bound::Excluded(after), Bound::Unbounded);
    for entry in tables.records.range::<&[u8]>(behind)?.take(STEP) {
        let (key, row) = entry?;
        // A damaged row is told to who asks for it.
        if let Some(owner) = codec::decode_row(row.value()).ok().and_then(|row| row.owner) {
            tables.owned.insert(&keys::owned(key.value(), &owner)[..], &[][..])?;
        }
        last = Some(key.value().to_vec());
    }
    Ok(last)
}

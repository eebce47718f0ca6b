//! The form of the file: which tables it has, and what they hold. A file of an older form is brought to the newest when it
//! is opened, in commits that are short; who is interrupted begins again.

use std::ops::Bound;

use anyhow::ensure;
use redb::{Database, ReadableTable, StorageError, TableDefinition};
use uuid::Uuid;

use super::{codec, keys, tables::Tables};
use crate::store::Key;

/// The form, as a number.
pub(super) const FORM: TableDefinition<'static, (), u64> = TableDefinition::new("form");
/// Files that do not tell theirs.
const FIRST: u64 = 1;
/// With `OWNED`.
const OWNERS: u64 = 2;
/// With `UPDATED`, and indexes that are built.
const NEWEST: u64 = 3;
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
    if form < NEWEST {
        tracing::info!("the store is given what lists by owner and by last write read");
        let mut looked = Vec::new();
        while let Some(last) = fill(database, form, &looked)? {
            looked = last;
        }
    }
    Ok(())
}

/// Looks at the next records behind the key `after`: tells the last. After the end of them the form is the newest.
fn fill(database: &Database, form: u64, after: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let transaction = database.begin_write()?;
    let mut tables = Tables::open(&transaction)?;
    let last = look(&mut tables, form, after)?;
    if last.is_none() {
        declare(&mut tables)?;
        transaction.open_table(FORM)?.insert((), NEWEST)?;
    }
    drop(tables);
    transaction.commit()?;
    Ok(last)
}

fn look(tables: &mut Tables<'_>, form: u64, after: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let mut last = None;
    let behind = (Bound::Excluded(after), Bound::Unbounded);
    for entry in tables.records.range::<&[u8]>(behind)?.take(STEP) {
        let (key, row) = entry?;
        last = Some(key.value().to_vec());
        // A damaged row is told to who asks for it.
        let Ok(row) = codec::decode_row(row.value()) else { continue };
        if row.updated_at != row.created_at {
            let (collection, _) = key.value().split_at(keys::COLLECTION);
            let at = keys::position(key.value(), keys::COLLECTION, 0);
            let key = Key { collection: keys::uuid(collection), id: &at.id };
            tables.updated.insert(&keys::by_update(key, row.updated_at, row.created_at)[..], &[][..])?;
        }
        if let Some(owner) = row.owner.filter(|_| form < OWNERS) {
            tables.owned.insert(&keys::owned(key.value(), &owner)[..], &[][..])?;
        }
    }
    Ok(last)
}

/// Has the indexes built that were only declared.
fn declare(tables: &mut Tables<'_>) -> anyhow::Result<()> {
    let stored = tables.definitions.iter()?.map(|entry| Ok(codec::decode_definition(entry?.1.value())));
    let stored: Vec<_> = stored.collect::<Result<_, StorageError>>()?;
    for mut definition in stored.into_iter().flatten() {
        for index in &mut definition.indexes {
            index.id = Uuid::now_v7();
        }
        tables.reindex(None, &mut definition)?;
        tables.put_definition(definition)?;
    }
    Ok(())
}

//! The tables, and what a write transaction does to them.

use std::{collections::HashMap, sync::Arc};

use redb::{Error, ReadableTable, Table, TableDefinition, WriteTransaction};
use skep_proto::{Code, mutation};
use uuid::Uuid;

use super::{codec, keys};
use crate::store::{Definition, Dropped, Key, Note, Result, Row, SOFT_ROW_MICROS, Swap, indexing::Indexes};

/// A refusal concerns one caller and is a value; a fault of the store undoes the whole transaction.
pub(super) type Outcome<T> = std::result::Result<Result<T>, redb::Error>;

pub(super) type Bytewise = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Live records by [`keys::by_time`].
pub(super) const RECORDS: Bytewise = TableDefinition::new("records");
/// Creation times of live records whose ids do not tell them, by [`keys::by_id`].
pub(super) const PLACES: Bytewise = TableDefinition::new("places");
/// Keys of live records by [`keys::owned`]: `RECORDS` has the row of each.
pub(super) const OWNED: Bytewise = TableDefinition::new("owned");
/// Keys of live records that were written again, by [`keys::by_update`]: `RECORDS` has the row of each.
pub(super) const UPDATED: Bytewise = TableDefinition::new("updated");
/// Entries of indexes: [`keys::of_entries`], the key of the value, and where the record stands. The value tells how many
/// bytes the key has.
pub(super) const INDEXED: Bytewise = TableDefinition::new("indexed");
/// Indexes that are being built, by [`keys::of_index`], and the key of the record that was looked at last.
pub(super) const BUILDING: Bytewise = TableDefinition::new("building");
/// Indexes that were dropped and whose entries are still to be cleared away, by [`keys::of_index`].
pub(super) const UNINDEXED: Bytewise = TableDefinition::new("unindexed");
/// How far surveys are, by [`keys::pair`] of their collection and their own id.
pub(super) const SURVEYS: Bytewise = TableDefinition::new("surveys");
/// Soft rows by [`keys::by_id`].
pub(super) const GRAVES: Bytewise = TableDefinition::new("graves");
/// Uses of idempotency keys, by key.
pub(super) const NOTES: Bytewise = TableDefinition::new("notes");
/// Keys of graves, notes, deleted accounts and sessions by [`keys::expiry`]; the value says which table.
pub(super) const EXPIRIES: Bytewise = TableDefinition::new("expiries");
/// Definitions by name.
pub(super) const DEFINITIONS: Bytewise = TableDefinition::new("definitions");
/// Names of the collections that exist, by uid.
pub(super) const LIVE: Bytewise = TableDefinition::new("live");
/// Uids of dropped collections whose records are still to be cleared away.
pub(super) const DROPPED: Bytewise = TableDefinition::new("dropped");
/// Accounts, alive and deleted, by id.
pub(super) const ACCOUNTS: Bytewise = TableDefinition::new("accounts");
/// Accounts that have claimed a name, by the name's digest.
pub(super) const NAMES: Bytewise = TableDefinition::new("names");
/// Sessions by [`keys::pair`] of their account and their own id.
pub(super) const SESSIONS: Bytewise = TableDefinition::new("sessions");

pub(super) type Handle<'t> = Table<'t, &'static [u8], &'static [u8]>;

pub(super) struct Tables<'t> {
    pub(super) records: Handle<'t>,
    pub(super) places: Handle<'t>,
    pub(super) owned: Handle<'t>,
    pub(super) updated: Handle<'t>,
    pub(super) indexed: Handle<'t>,
    pub(super) building: Handle<'t>,
    pub(super) unindexed: Handle<'t>,
    pub(super) surveys: Handle<'t>,
    pub(super) graves: Handle<'t>,
    pub(super) notes: Handle<'t>,
    pub(super) expiries: Handle<'t>,
    pub(super) definitions: Handle<'t>,
    pub(super) live: Handle<'t>,
    pub(super) dropped: Handle<'t>,
    pub(super) accounts: Handle<'t>,
    pub(super) names: Handle<'t>,
    pub(super) sessions: Handle<'t>,
    /// The indexes of collections, as far as this transaction asked; `None` for those that are gone.
    known: HashMap<Uuid, Option<Arc<Indexes>>>,
    /// The definitions that this transaction changed, by name; `None` for those it dropped.
    pub(super) redefined: Vec<(String, Option<Definition>)>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> std::result::Result<Self, Error> {
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            places: transaction.open_table(PLACES)?,
            owned: transaction.open_table(OWNED)?,
            updated: transaction.open_table(UPDATED)?,
            indexed: transaction.open_table(INDEXED)?,
            building: transaction.open_table(BUILDING)?,
            unindexed: transaction.open_table(UNINDEXED)?,
            surveys: transaction.open_table(SURVEYS)?,
            graves: transaction.open_table(GRAVES)?,
            notes: transaction.open_table(NOTES)?,
            expiries: transaction.open_table(EXPIRIES)?,
            definitions: transaction.open_table(DEFINITIONS)?,
            live: transaction.open_table(LIVE)?,
            dropped: transaction.open_table(DROPPED)?,
            accounts: transaction.open_table(ACCOUNTS)?,
            names: transaction.open_table(NAMES)?,
            sessions: transaction.open_table(SESSIONS)?,
            known: HashMap::new(),
            redefined: Vec::new(),
        })
    }

    /// Refuses a write to a collection that is gone.
    pub(super) fn admit(&mut self, collection: Uuid) -> std::result::Result<Result<()>, Error> {
        let gone = || skep_proto::Error::new(Code::CollectionNotFound, "the collection was deleted");
        Ok(self.indexes(collection)?.map(drop).ok_or_else(gone))
    }

    /// The indexes of a collection; `None` once it is gone.
    pub(super) fn indexes(&mut self, collection: Uuid) -> std::result::Result<Option<Arc<Indexes>>, Error> {
        if let Some(known) = self.known.get(&collection) {
            return Ok(known.clone());
        }
        let definition = self.definition_of(collection)?;
        let indexes = definition.map(|definition| Arc::new(Indexes::of(&definition.indexes)));
        self.known.insert(collection, indexes.clone());
        Ok(indexes)
    }

    /// The definition of a collection that exists.
    pub(super) fn definition_of(&self, uid: Uuid) -> std::result::Result<Option<Definition>, Error> {
        let Some(name) = self.live.get(&uid.as_bytes()[..])? else { return Ok(None) };
        let definition = self.definitions.get(name.value())?;
        Ok(definition.and_then(|definition| codec::decode_definition(definition.value()).ok()))
    }

    /// Keeps a definition.
    pub(super) fn put_definition(&mut self, definition: Definition) -> std::result::Result<(), Error> {
        let (name, uid) = (definition.name.clone(), definition.uid);
        self.live.insert(&uid.as_bytes()[..], name.as_bytes())?;
        self.definitions.insert(name.as_bytes(), &codec::encode_definition(definition.clone())[..])?;
        self.known.remove(&uid);
        self.redefined.push((name, Some(definition)));
        Ok(())
    }

    pub(super) fn insert(&mut self, key: Key<'_>, row: Row) -> Outcome<()> {
        match find(&self.records, &self.places, &self.graves, key)? {
            Ok(None) => self.keep(key, None, row).map(Ok),
            Ok(Some(_)) => Ok(Ok(())),
            Err(damaged) => Ok(Err(damaged)),
        }
    }

    pub(super) fn swap(&mut self, key: Key<'_>, expected: Option<Uuid>, row: Row) -> Outcome<Swap<Row>> {
        let stored = match find(&self.records, &self.places, &self.graves, key)? {
            Ok(stored) => stored,
            Err(damaged) => return Ok(Err(damaged)),
        };
        if stored.as_ref().map(Row::mutation) != expected {
            return Ok(Ok(Swap::Stale(stored)));
        }
        match &stored {
            Some(old) if old.is_alive() => self.remove(key, old)?,
            Some(_) => drop(self.graves.remove(&keys::by_id(key)[..])?),
            None => {}
        }
        self.keep(key, stored.as_ref(), row)?;
        Ok(Ok(Swap::Applied))
    }

    pub(super) fn note(&mut self, key: Uuid, note: &Note) -> Outcome<Option<Note>> {
        let found = self.notes.get(&key.as_bytes()[..])?.map(|found| codec::decode_note(found.value()));
        match found.transpose() {
            Err(damaged) => return Ok(Err(damaged)),
            Ok(Some(found)) if found.expires_at > mutation::now() => return Ok(Ok(Some(found))),
            Ok(_) => {}
        }
        self.notes.insert(&key.as_bytes()[..], &codec::encode_note(note)[..])?;
        self.expiries.insert(&keys::expiry(note.expires_at, key.as_bytes())[..], &b"note"[..])?;
        Ok(Ok(None))
    }

    pub(super) fn define(&mut self, expected: Option<Uuid>, mut definition: Definition) -> Outcome<Swap<Definition>> {
        let stored =
            self.definitions.get(definition.name.as_bytes())?.map(|value| codec::decode_definition(value.value()));
        let stored = match stored.transpose() {
            Ok(stored) => stored,
            Err(damaged) => return Ok(Err(damaged)),
        };
        if stored.as_ref().map(|stored| stored.etag) != expected {
            return Ok(Ok(Swap::Stale(stored)));
        }
        self.reindex(stored.as_ref(), &mut definition)?;
        self.forget_survey(stored.as_ref(), &definition)?;
        self.put_definition(definition)?;
        Ok(Ok(Swap::Applied))
    }

    pub(super) fn drop_collection(&mut self, name: &str, uid: Uuid, etag: Uuid, force: bool) -> Outcome<Dropped> {
        let stored = self.definitions.get(name.as_bytes())?.map(|value| codec::decode_definition(value.value()));
        match stored.transpose() {
            Err(damaged) => return Ok(Err(damaged)),
            Ok(stored) if stored.as_ref().map(|stored| (stored.uid, stored.etag)) != Some((uid, etag)) => {
                return Ok(Ok(Dropped::Stale));
            }
            Ok(_) => {}
        }
        let (start, end) = (&uid.as_bytes()[..], keys::behind(uid.as_bytes()));
        if !force && self.records.range(start..&end[..])?.next().transpose()?.is_some() {
            return Ok(Ok(Dropped::NotEmpty));
        }
        self.definitions.remove(name.as_bytes())?;
        self.live.remove(start)?;
        self.dropped.insert(start, &[][..])?;
        self.known.insert(uid, None);
        self.redefined.push((name.to_owned(), None));
        Ok(Ok(Dropped::Done))
    }

    /// Removes a live record, not its soft row.
    fn remove(&mut self, key: Key<'_>, row: &Row) -> std::result::Result<(), Error> {
        let by_time = keys::by_time(key, row.created_at);
        self.records.remove(&by_time[..])?;
        if keys::told_time(key.id) != Some(row.created_at) {
            self.places.remove(&keys::by_id(key)[..])?;
        }
        if let Some(owner) = &row.owner {
            self.owned.remove(&keys::owned(&by_time, owner)[..])?;
        }
        if row.updated_at != row.created_at {
            self.updated.remove(&keys::by_update(key, row.updated_at, row.created_at)[..])?;
        }
        Ok(())
    }

    /// Keeps the row in the place of `old`, which was removed.
    fn keep(&mut self, key: Key<'_>, old: Option<&Row>, row: Row) -> std::result::Result<(), Error> {
        self.index(key, old, &row)?;
        let (alive, created_at, updated_at) = (row.is_alive(), row.created_at, row.updated_at);
        let by_time = keys::by_time(key, created_at);
        let owned = row.owner.as_deref().map(|owner| keys::owned(&by_time, owner));
        let value = codec::encode_row(row);
        if !alive {
            let grave = keys::by_id(key);
            self.graves.insert(&grave[..], &value[..])?;
            self.expiries.insert(&keys::expiry(updated_at + SOFT_ROW_MICROS, &grave)[..], &b"grave"[..])?;
            return Ok(());
        }
        if let Some(owned) = owned {
            self.owned.insert(&owned[..], &[][..])?;
        }
        if updated_at != created_at {
            self.updated.insert(&keys::by_update(key, updated_at, created_at)[..], &[][..])?;
        }
        self.records.insert(&by_time[..], &value[..])?;
        if keys::told_time(key.id) != Some(created_at) {
            self.places.insert(&keys::by_id(key)[..], &created_at.to_be_bytes()[..])?;
        }
        Ok(())
    }
}

/// Finds a row, soft or alive: where its id says, where `places` says, among the soft.
pub(super) fn find<T: ReadableTable<&'static [u8], &'static [u8]>>(
    records: &T,
    places: &T,
    graves: &T,
    key: Key<'_>,
) -> Outcome<Option<Row>> {
    let decode = |row: redb::AccessGuard<'_, &[u8]>| Ok(codec::decode_row(row.value()).map(Some));
    if let Some(created_at) = keys::told_time(key.id)
        && let Some(row) = records.get(&keys::by_time(key, created_at)[..])?
    {
        return decode(row);
    }
    let by_id = keys::by_id(key);
    if let Some(place) = places.get(&by_id[..])? {
        let created_at = i64::from_be_bytes(place.value().try_into().unwrap_or_default());
        if let Some(row) = records.get(&keys::by_time(key, created_at)[..])? {
            return decode(row);
        }
    }
    graves.get(&by_id[..])?.map_or(Ok(Ok(None)), decode)
}

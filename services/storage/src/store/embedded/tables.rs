//! The tables, and what a write transaction does to them.

use std::collections::{HashMap, hash_map::Entry};

use redb::{Error, ReadableTable, Table, TableDefinition, WriteTransaction};
use skep_proto::{Code, mutation};
use uuid::Uuid;

use super::{codec, keys};
use crate::store::{Definition, Dropped, Key, Note, Result, Row, SOFT_ROW_MICROS, Swap};

/// A refusal concerns one caller and is a value; a fault of the store undoes the whole transaction.
pub(super) type Outcome<T> = std::result::Result<Result<T>, redb::Error>;

pub(super) type Bytewise = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Live records by [`keys::by_time`].
pub(super) const RECORDS: Bytewise = TableDefinition::new("records");
/// Creation times of live records whose ids do not tell them, by [`keys::by_id`].
pub(super) const PLACES: Bytewise = TableDefinition::new("places");
/// Keys of live records by [`keys::owned`]: `RECORDS` has the row of each.
pub(super) const OWNED: Bytewise = TableDefinition::new("owned");
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

type Handle<'t> = Table<'t, &'static [u8], &'static [u8]>;

pub(super) struct Tables<'t> {
    pub(super) records: Handle<'t>,
    pub(super) places: Handle<'t>,
    pub(super) owned: Handle<'t>,
    pub(super) graves: Handle<'t>,
    pub(super) notes: Handle<'t>,
    pub(super) expiries: Handle<'t>,
    pub(super) definitions: Handle<'t>,
    pub(super) live: Handle<'t>,
    pub(super) dropped: Handle<'t>,
    pub(super) accounts: Handle<'t>,
    pub(super) names: Handle<'t>,
    pub(super) sessions: Handle<'t>,
    /// What `live` says, as far as this transaction asked.
    known: HashMap<Uuid, bool>,
    /// The definitions that this transaction changed, by name; `None` for those it dropped.
    pub(super) redefined: Vec<(String, Option<Definition>)>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> std::result::Result<Self, Error> {
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            places: transaction.open_table(PLACES)?,
            owned: transaction.open_table(OWNED)?,
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
        let live = match self.known.entry(collection) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => *unknown.insert(self.live.get(&collection.as_bytes()[..])?.is_some()),
        };
        let gone = || skep_proto::Error::new(Code::CollectionNotFound, "the collection was deleted");
        Ok(if live { Ok(()) } else { Err(gone()) })
    }

    pub(super) fn insert(&mut self, key: Key<'_>, row: Row) -> Outcome<()> {
        match find(&self.records, &self.places, &self.graves, key)? {
            Ok(None) => self.keep(key, row).map(Ok),
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
        match stored {
            Some(old) if old.is_alive() => self.remove(key, &old)?,
            Some(_) => drop(self.graves.remove(&keys::by_id(key)[..])?),
            None => {}
        }
        self.keep(key, row)?;
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

    pub(super) fn define(&mut self, expected: Option<Uuid>, definition: Definition) -> Outcome<Swap<Definition>> {
        let stored =
            self.definitions.get(definition.name.as_bytes())?.map(|value| codec::decode_definition(value.value()));
        let stored = match stored.transpose() {
            Ok(stored) => stored,
            Err(damaged) => return Ok(Err(damaged)),
        };
        if stored.as_ref().map(|stored| stored.etag) != expected {
            return Ok(Ok(Swap::Stale(stored)));
        }
        let (name, uid) = (definition.name.clone(), definition.uid);
        self.live.insert(&uid.as_bytes()[..], name.as_bytes())?;
        self.definitions.insert(name.as_bytes(), &codec::encode_definition(definition.clone())[..])?;
        self.known.insert(uid, true);
        self.redefined.push((name, Some(definition)));
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
        let (start, end) = (&uid.as_bytes()[..], keys::before(uid.as_bytes(), None));
        if !force && self.records.range(start..&end[..])?.next().transpose()?.is_some() {
            return Ok(Ok(Dropped::NotEmpty));
        }
        self.definitions.remove(name.as_bytes())?;
        self.live.remove(start)?;
        self.dropped.insert(start, &[][..])?;
        self.known.insert(uid, false);
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
        Ok(())
    }

    fn keep(&mut self, key: Key<'_>, row: Row) -> std::result::Result<(), Error> {
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

//! The embedded store: one file on one machine, every acknowledged write on disk (redb).
//!
//! Readers see the last commit without waiting for anybody; one writer thread commits.

mod accounts;
mod building;
mod file;
mod form;
mod keys;
mod list;
mod surveys;
mod sweep;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    collections::BTreeMap,
    ops::Bound,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use anyhow::Context;
use async_trait::async_trait;
use redb::ReadableTable;
use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

use self::{
    file::File,
    tables::{BUILDING, DEFINITIONS, DROPPED, EXPIRIES, GRAVES, LIVE, NOTES, PLACES, RECORDS, SURVEYS, UNINDEXED},
    writer::Writer,
};
use super::{
    About, Access, Bounds, Definition, Dropped, Key, Note, Page, Position, Result, Row, Store, Survey, Swap, codec,
};

/// A store in a folder. Only one process can have it open.
pub struct Embedded {
    file: Arc<File>,
    writer: Writer,
    definitions: SharedDefinitions,
}

type Definitions = BTreeMap<String, Arc<Definition>>;

/// The committed definitions by name. Nobody but the writer of this process changes them.
type SharedDefinitions = Arc<RwLock<Definitions>>;

impl Embedded {
    /// Opens the store in `folder`, or begins it there.
    ///
    /// # Errors
    /// When the folder cannot be written, another process has the store open, or the file is none of ours.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the data folder {}", folder.display()))?;
        let file = Arc::new(File::open(folder.join("skep.redb"))?);
        let definitions = Arc::new(RwLock::new(load_definitions(&file)?));
        let writer =
            Writer::start(Arc::clone(&file), Arc::clone(&definitions)).context("cannot start the store's writer")?;
        Ok(Self { file, writer, definitions })
    }
}

impl Embedded {
    fn has_index(&self, collection: Uuid, index: Uuid) -> bool {
        let definitions = self.definitions.read().unwrap_or_else(PoisonError::into_inner);
        let mut of_collection = definitions.values().filter(|definition| definition.uid == collection);
        of_collection.any(|definition| definition.indexes.iter().any(|known| known.id == index))
    }
}

fn load_definitions(file: &File) -> Result<Definitions> {
    file.look(|transaction| {
        let mut definitions = Definitions::new();
        for entry in transaction.open_table(DEFINITIONS)?.iter()? {
            match codec::decode_definition(entry?.1.value()) {
                Ok(definition) => drop(definitions.insert(definition.name.clone(), Arc::new(definition))),
                Err(damaged) => return Ok(Err(damaged)),
            }
        }
        Ok(Ok(definitions))
    })
}

#[async_trait]
impl Store for Embedded {
    async fn ready(&self) -> Result<()> {
        if self.file.must_be_reopened() || self.writer.has_stopped() {
            // Nothing is written, but the writer looks after the file first, if it can.
            self.writer.write(|_| Ok(Ok(()))).await?;
        }
        self.file.has_settled()?;
        self.file.look(|transaction| Ok(Ok(transaction.open_table(LIVE).map(drop)?)))
    }

    async fn read(&self, key: Key<'_>) -> Result<Option<Row>> {
        self.file.look(|transaction| {
            let (records, places) = (transaction.open_table(RECORDS)?, transaction.open_table(PLACES)?);
            tables::find(&records, &places, &transaction.open_table(GRAVES)?, key)
        })
    }

    async fn insert(&self, key: Key<'_>, row: Row) -> Result<()> {
        let (collection, id) = (key.collection, key.id.to_owned());
        self.writer
            .write(move |tables| match tables.admit(collection)? {
                Ok(()) => tables.insert(Key { collection, id: &id }, row),
                Err(gone) => Ok(Err(gone)),
            })
            .await
    }

    async fn swap(&self, key: Key<'_>, before: Option<&Row>, row: Row) -> Result<Swap<Row>> {
        let (collection, id, expected) = (key.collection, key.id.to_owned(), before.map(Row::mutation));
        self.writer
            .write(move |tables| match tables.admit(collection)? {
                Ok(()) => tables.swap(Key { collection, id: &id }, expected, row),
                Err(gone) => Ok(Err(gone)),
            })
            .await
    }

    async fn scan(
        &self,
        collection: Uuid,
        access: &Access,
        descending: bool,
        after: Option<&Position>,
        bounds: Bounds,
    ) -> Result<Page> {
        let page =
            self.file.look(|transaction| list::page(&transaction, collection, access, descending, after, bounds));
        if let Access::Indexed(slice) = access
            && !self.has_index(collection, slice.index)
        {
            // Its entries may have been cleared away before the page was read.
            return Err(Error::new(Code::NotIndexed, "the index was dropped meanwhile: ask again"));
        }
        page
    }

    async fn noted(&self, key: Uuid) -> Result<Option<Note>> {
        self.file.look(|transaction| {
            let note = transaction.open_table(NOTES)?.get(&key.as_bytes()[..])?;
            let note = note.map(|note| codec::decode_note(note.value())).transpose();
            Ok(note.map(|note| note.filter(|note| note.expires_at > mutation::now())))
        })
    }

    async fn note(&self, key: Uuid, note: Note) -> Result<Option<Note>> {
        self.writer.write(move |tables| tables.note(key, &note)).await
    }

    async fn definition(&self, name: &str) -> Result<Option<Arc<Definition>>> {
        Ok(self.definitions.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }

    async fn definitions(&self, after: &str, limit: usize) -> Result<Vec<Arc<Definition>>> {
        let definitions = self.definitions.read().unwrap_or_else(PoisonError::into_inner);
        let range = (Bound::Excluded(after), Bound::Unbounded);
        Ok(definitions.range::<str, _>(range).take(limit).map(|(_, definition)| Arc::clone(definition)).collect())
    }

    async fn define(&self, expected: Option<Uuid>, definition: Definition) -> Result<Swap<Definition>> {
        self.writer.write(move |tables| tables.define(expected, definition)).await
    }

    async fn about(&self) -> Result<About> {
        self.file.bytes().map(About::Embedded)
    }

    async fn survey(&self, collection: Uuid, id: Uuid) -> Result<Option<Survey>> {
        self.file.look(|transaction| surveys::find(&transaction.open_table(SURVEYS)?, collection, id))
    }

    async fn surveys(&self) -> Result<Vec<Arc<Definition>>> {
        let definitions = self.definitions.read().unwrap_or_else(PoisonError::into_inner);
        let surveyed = definitions.values().filter(|definition| definition.survey.is_some());
        let surveyed: Vec<_> = surveyed.map(Arc::clone).collect();
        drop(definitions);
        self.file.look(|transaction| surveys::not_done(&transaction.open_table(SURVEYS)?, surveyed))
    }

    async fn note_survey(&self, collection: Uuid, expected: Option<&Survey>, survey: Survey) -> Result<Swap<Survey>> {
        let expected = expected.cloned();
        self.writer.write(move |tables| tables.note_survey(collection, expected.as_ref(), &survey)).await
    }

    async fn drop_collection(&self, definition: &Definition, force: bool) -> Result<Dropped> {
        let (name, uid, etag) = (definition.name.clone(), definition.uid, definition.etag);
        self.writer.write(move |tables| tables.drop_collection(&name, uid, etag, force)).await
    }

    async fn sweep(&self) -> Result<bool> {
        // Most of the time there is nothing to do, and no reason for a commit.
        let due =
            self.file.look(|transaction| {
                let mut waiting = false;
                for table in [DROPPED, BUILDING, UNINDEXED] {
                    waiting |= transaction.open_table(table)?.first()?.is_some();
                }
                let expiries = transaction.open_table(EXPIRIES)?;
                Ok(Ok(waiting
                    || expiries.first()?.is_some_and(|(key, _)| keys::expiring(key.value()).0 <= mutation::now())))
            })?;
        if due { self.writer.write(|tables| sweep::step(tables, mutation::now())).await } else { Ok(false) }
    }
}

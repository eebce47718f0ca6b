//! The rules of records: identity, conditions, idempotency, listings. The same over every store.

pub mod data;
mod import;
mod list;
mod naming;
pub mod patch;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

pub(crate) use self::naming::{MAX_AHEAD, given_mutation};
pub use self::{
    import::Archived,
    list::{Count, Listed, Query},
    naming::Naming,
    patch::Patch,
};
use self::{
    naming::Named,
    write::{Target, Turns, Written, missing},
};
use crate::{
    collections::Collections,
    condition::{Condition, Judged},
    names,
    store::{Definition, Effect, Key, Next, Result, Row, Store},
};

/// A record with its id.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id in the collection.
    pub id: String,
    /// What is stored.
    pub row: Row,
}

/// Records, over a store.
#[derive(Clone)]
pub struct Records {
    store: Arc<dyn Store>,
    collections: Collections,
    turns: Turns,
}

impl Records {
    /// Over `store`.
    pub fn new(store: Arc<dyn Store>, collections: Collections) -> Self {
        Self { store, collections, turns: Turns::new() }
    }

    /// Reads the record `collections/{collection}/records/{record}`.
    pub async fn get(&self, name: &str) -> Result<Record> {
        let (definition, id) = self.locate(name).await?;
        let row = self.store.read(Key { collection: definition.uid, id }).await?;
        let row = row.filter(Row::is_alive).ok_or_else(|| missing(id))?;
        Ok(Record { id: id.to_owned(), row })
    }

    /// Makes a record in `collections/{collection}`; an empty `id` asks for one.
    pub async fn create(&self, parent: &str, id: &str, data: Bytes, naming: Naming<'_>) -> Result<Record> {
        let definition = self.collections.find(names::collection(parent)?).await?;
        let collection = definition.uid;
        data::check(&data)?;
        let named = naming.resolve(collection, &[b"create", id.as_bytes(), &data])?;
        if !id.is_empty() {
            names::check_id(id)?;
            let change = |row: Option<&Row>| match row {
                Some(_) => Err(write::exists(id)),
                None => Ok(Next::Data(data.clone(), naming.owner())),
            };
            let target = self.target(&definition, id);
            let row = self.write(target, named, Judged::Nothing, Condition::Any, change).await?.row;
            return Ok(Record { id: id.to_owned(), row });
        }
        let fits = self.collections.admit(&definition, &data).await;
        let Some(keyed) = &named.key else { return self.create_fresh(collection, data, named, naming, fits).await };
        let id = keyed.record.to_string();
        let row = Row::first(named.mutation, mutation::now(), naming.owner(), data);
        let row = write::create_keyed(&*self.store, Key { collection, id: &id }, keyed, row, fits).await?;
        Ok(Record { id, row })
    }

    /// The mutation id is the record's, and tells its time: whoever repeats the call writes the same bytes.
    /// Data that does not fit is refused unless an earlier attempt, under another schema, has made the record.
    async fn create_fresh(
        &self,
        collection: Uuid,
        data: Bytes,
        named: Named,
        naming: Naming<'_>,
        fits: Result<()>,
    ) -> Result<Record> {
        let created_at = mutation::time(named.mutation).unwrap_or_else(mutation::now);
        let (id, row) = (named.mutation.to_string(), Row::first(named.mutation, created_at, naming.owner(), data));
        let key = Key { collection, id: &id };
        match fits {
            Ok(()) => self.store.insert(key, row.clone()).await?,
            Err(_) if named.again && self.store.read(key).await?.is_some() => {}
            Err(refusal) => return Err(refusal),
        }
        Ok(Record { id, row })
    }

    /// Replaces a record's data, or makes the record where `allow_missing` is given; then `true` says that it did.
    ///
    /// `judged` is the entity tag of what the caller judged its rules on, `-` for no record, empty for nothing: where
    /// something else is stored the write is refused as `overtaken`, whatever `etag` demands.
    pub async fn update(
        &self,
        name: &str,
        data: Bytes,
        etag: &str,
        allow_missing: bool,
        judged: &str,
        naming: Naming<'_>,
    ) -> Result<(Record, bool)> {
        let (definition, id) = self.locate(name).await?;
        let condition = Condition::parse(etag);
        data::check(&data)?;
        let named = naming
            .resolve(definition.uid, &[b"update", id.as_bytes(), &data, etag.as_bytes(), &[allow_missing.into()]])?;
        let change = |row: Option<&Row>| match row {
            Some(row) => condition.admit(row.mutation()).map(|()| Next::Data(data.clone(), None)),
            None if allow_missing && condition == Condition::Any => Ok(Next::Data(data.clone(), naming.owner())),
            None if allow_missing => Err(Error::new(Code::PreconditionFailed, "there is no such record")),
            None => Err(missing(id)),
        };
        let written = self.write(self.target(&definition, id), named, Judged::parse(judged), condition, change).await?;
        Ok((Record { id: id.to_owned(), row: written.row }, written.effect == Effect::Created))
    }

    /// Changes parts of a record's data, under `judged` as in [`update`](Self::update).
    ///
    /// With `validate_only` nothing is written and no key noted; the record is answered with the data that it would
    /// have, and all else as it is.
    pub async fn patch(
        &self,
        name: &str,
        patch: &Patch,
        etag: &str,
        judged: &str,
        validate_only: bool,
        naming: Naming<'_>,
    ) -> Result<Record> {
        let (definition, id) = self.locate(name).await?;
        let (kind, text): (&[u8], _) = match patch {
            Patch::Merge(text) => (b"merge", text),
            Patch::Json(text) => (b"json", text),
        };
        let named = naming.resolve(definition.uid, &[b"patch", id.as_bytes(), kind, text, etag.as_bytes()])?;
        let (judged, condition) = (Judged::parse(judged), Condition::parse(etag));
        let patch = patch.read()?;
        let patched = |row: &Row| {
            condition.admit(row.mutation())?;
            patch.apply(&row.data)
        };
        let row = if validate_only {
            write::preview(self.target(&definition, id), named, judged, patched).await?
        } else {
            let change = |row: Option<&Row>| Ok(Next::Data(patched(row.ok_or_else(|| missing(id))?)?, None));
            self.write(self.target(&definition, id), named, judged, condition, change).await?.row
        };
        Ok(Record { id: id.to_owned(), row })
    }

    /// Deletes a record, under `judged` as in [`update`](Self::update).
    pub async fn delete(&self, name: &str, etag: &str, judged: &str, naming: Naming<'_>) -> Result<()> {
        let (definition, id) = self.locate(name).await?;
        let named = naming.resolve(definition.uid, &[b"delete", id.as_bytes(), etag.as_bytes()])?;
        let condition = Condition::parse(etag);
        let change = |row: Option<&Row>| {
            condition.admit(row.ok_or_else(|| missing(id))?.mutation())?;
            Ok(Next::Deleted)
        };
        self.write(self.target(&definition, id), named, Judged::parse(judged), condition, change).await.map(drop)
    }

    /// Has the idempotency key, if there is one, stand for a request of several writes in `collections/{collection}`.
    pub async fn claim(&self, parent: &str, fingerprint: &[u8], naming: Naming<'_>) -> Result<()> {
        let collection = self.collections.find(names::collection(parent)?).await?.uid;
        match naming.resolve(collection, &[b"batch", fingerprint])?.key {
            Some(keyed) => write::note_use(&*self.store, collection, &keyed, None).await.map(drop),
            None => Ok(()),
        }
    }

    fn target<'a>(&'a self, definition: &'a Definition, id: &'a str) -> Target<'a> {
        Target { store: &*self.store, collections: &self.collections, definition, id }
    }

    async fn write(
        &self,
        target: Target<'_>,
        named: Named,
        judged: Judged,
        condition: Condition,
        change: impl Fn(Option<&Row>) -> Result<Next>,
    ) -> Result<Written> {
        write::apply(target, &self.turns, named, judged, condition, change).await
    }

    async fn locate<'n>(&self, name: &'n str) -> Result<(Arc<Definition>, &'n str)> {
        let (collection, id) = names::record(name)?;
        Ok((self.collections.find(collection).await?, id))
    }
}

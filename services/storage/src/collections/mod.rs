//! The rules of collections: their definitions, and what a definition may say.

mod check;
mod import;
mod schema;
mod survey;

use std::sync::Arc;

use bytes::Bytes;
use skep_proto::{Code, Error, mutation, v1::Rules};
use uuid::Uuid;

use self::schema::Schemas;
use crate::{
    condition::Condition,
    listing::{self, PAGE_BYTES, page_size},
    store::{Definition, Dropped, Index, IndexState, Position, Result, Store, Swap},
};

/// How often a change that others overtake is judged again.
const ATTEMPTS: usize = 100;
const LISTING: &[&[u8]] = &[b"collections"];

/// What a definition says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// JSON text; empty for none.
    pub schema: Bytes,
    /// Dotted paths into `data`.
    pub indexes: Vec<String>,
    /// Who may do what.
    pub rules: Rules,
}

/// Collections, over a store.
#[derive(Clone)]
pub struct Collections {
    store: Arc<dyn Store>,
    schemas: Schemas,
}

impl Collections {
    /// Over `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, schemas: Schemas::new() }
    }

    /// The definition in force.
    pub async fn find(&self, name: &str) -> Result<Arc<Definition>> {
        self.store.definition(name).await?.ok_or_else(|| missing(name))
    }

    /// Refuses data that does not satisfy the schema of `definition`, if that has one.
    ///
    /// # Errors
    /// `schema_violation`, with places in the data.
    pub(crate) async fn admit(&self, definition: &Definition, data: &Bytes) -> Result<()> {
        self.schemas.check(definition, data).await
    }

    /// A page of the definitions by name, and the token of the next.
    pub async fn list(&self, size: i32, token: &str) -> Result<(Vec<Arc<Definition>>, String)> {
        let size = page_size(size)?;
        let after = if token.is_empty() { String::new() } else { listing::decode(LISTING, token)?.id };
        let mut page = self.store.definitions(&after, size + 1).await?;
        let mut bytes = 0;
        let fitting = page.iter().take(size).take_while(|definition| {
            bytes += definition.bytes();
            bytes <= PAGE_BYTES
        });
        let shown = fitting.count().max(1);
        let more = page.len() > shown;
        page.truncate(shown);
        let last = page.last().filter(|_| more);
        let next =
            last.map(|last| listing::encode(LISTING, &Position { id: last.name.clone(), ..Position::default() }));
        Ok((page, next.transpose()?.unwrap_or_default()))
    }

    /// Redefines a collection, or defines it where `allow_missing` is given; then `true` says that it did. `mutation` names
    /// the change, and the definition's state after it.
    pub async fn update(
        &self,
        name: &str,
        content: Content,
        etag: &str,
        allow_missing: bool,
        mutation: Uuid,
    ) -> Result<(Definition, bool)> {
        check::content(&content)?;
        self.schemas.admit(&content.schema).await?;
        let condition = Condition::parse(etag);
        let mut stored = self.store.definition(name).await?.map(|definition| (*definition).clone());
        for _ in 0..ATTEMPTS {
            let current = match &stored {
                // An earlier attempt made it.
                Some(current) if current.etag == mutation => {
                    return Ok((current.clone(), current.created_at == current.updated_at));
                }
                Some(current) => {
                    let admitted = condition.admit(current.etag);
                    if admitted.is_err() || current.says(&content) {
                        // What is known may be what another replica has changed since.
                        match self.store.define(Some(current.etag), current.clone()).await? {
                            Swap::Applied => return admitted.map(|()| (current.clone(), false)),
                            Swap::Stale(newer) => stored = newer,
                        }
                        continue;
                    }
                    Some(current)
                }
                None if condition != Condition::Any => return Err(absent(name)),
                None if !allow_missing => return Err(missing(name)),
                None => None,
            };
            let now = mutation::now();
            let definition = Definition {
                name: name.to_owned(),
                uid: current.as_ref().map_or_else(Uuid::now_v7, |current| current.uid),
                etag: mutation,
                survey: survey::of(current, &content),
                schema: content.schema.clone(),
                indexes: content.indexes.iter().map(|path| index(current, path)).collect(),
                rules: content.rules.clone(),
                created_at: current.as_ref().map_or(now, |current| current.created_at),
                updated_at: now,
            };
            let expected = current.as_ref().map(|current| current.etag);
            match self.store.define(expected, definition.clone()).await? {
                // The store says how far its indexes are.
                Swap::Applied => {
                    let stored = self.store.definition(name).await?.filter(|stored| stored.etag == definition.etag);
                    return Ok((stored.map_or(definition, Arc::unwrap_or_clone), expected.is_none()));
                }
                Swap::Stale(current) => stored = current,
            }
        }
        Err(contended())
    }

    /// Deletes a collection; with its records if `force` is given.
    pub async fn delete(&self, name: &str, force: bool) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let definition = self.find(name).await?;
            match self.store.drop_collection(&definition, force).await? {
                Dropped::Done => return Ok(()),
                Dropped::NotEmpty => {
                    let detail = "the collection holds records: delete them first, or ask for force";
                    return Err(Error::new(Code::CollectionNotEmpty, detail));
                }
                Dropped::Stale => {}
            }
        }
        Err(contended())
    }
}

impl Definition {
    /// About how long it is in an answer.
    fn bytes(&self) -> usize {
        let rules = [&self.rules.list, &self.rules.get, &self.rules.create, &self.rules.update, &self.rules.delete];
        let rules = rules.into_iter().flatten().map(String::len).sum::<usize>();
        self.schema.len() + rules + self.indexes.iter().map(|index| 2 * index.path.len() + 64).sum::<usize>()
    }

    fn says(&self, content: &Content) -> bool {
        let indexes = self.indexes.iter().map(|index| &index.path);
        (&self.schema, &self.rules) == (&content.schema, &content.rules) && indexes.eq(&content.indexes)
    }
}

/// The index of that path, as it is or to be built.
fn index(current: Option<&Definition>, path: &str) -> Index {
    let known = current.and_then(|current| current.indexes.iter().find(|index| index.path == path)).cloned();
    known.unwrap_or_else(|| Index { path: path.to_owned(), id: Uuid::now_v7(), state: IndexState::Building(0) })
}

fn missing(name: &str) -> Error {
    Error::new(Code::CollectionNotFound, format!("there is no collection {name}"))
}

fn absent(name: &str) -> Error {
    Error::new(Code::PreconditionFailed, format!("there is no collection {name}"))
}

fn contended() -> Error {
    Error::new(Code::Overloaded, "the definition is being changed too often at this moment")
}

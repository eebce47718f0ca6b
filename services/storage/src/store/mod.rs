//! What the rules need of a database, and nothing more.
//!
//! The trait is shaped for Cassandra: every operation touches one record, pages are bounded, a
//! conditional write names the mutation it replaces, and nothing spans two records. Background
//! work is asked for in bounded steps.

mod access;
mod account;
pub mod cassandra;
mod codec;
#[cfg(feature = "conformance")]
pub mod conformance;
mod definition;
pub mod embedded;
mod indexing;
mod operation;
mod row;

use async_trait::async_trait;
use skep_proto::Error;
use uuid::Uuid;

pub(crate) use access::sortable;
pub use access::{Access, EntryKind, Position, Slice};
pub use account::{Account, AccountStore, DELETED_ACCOUNT_MICROS, MARGIN, MAX_LIFETIME, Session, Stage};
pub use definition::{Definition, Index, IndexState, Survey};
pub use row::{Applied, Effect, HISTORY, Next, Note, Row, SOFT_ROW_MICROS};

/// Every operation fails with the error that both doors tell.
pub type Result<T> = std::result::Result<T, Error>;

/// Which record: the collection's own id (its name may be given to another later), and the record's.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// [`Definition::uid`].
    pub collection: Uuid,
    /// The record's id.
    pub id: &'a str,
}

/// How much a page may hold. The first record always fits.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Records.
    pub records: usize,
    /// Bytes of data.
    pub bytes: usize,
}

/// What became of a conditional write.
#[derive(Clone, Debug)]
pub enum Swap<T> {
    /// The expected value was there; the new one is, durably.
    Applied,
    /// Something else was there, and is returned; nothing was written now. It may remember this very mutation, made by
    /// an earlier attempt.
    Stale(Option<T>),
}

/// What became of a collection that was to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is gone; [`Store::sweep`] clears its records away.
    Done,
    /// It holds records and was left alone.
    NotEmpty,
    /// Its definition changed, or somebody else dropped it.
    Stale,
}

/// A database of records and definitions, and of accounts.
///
/// A write that returned `Ok` is durable and seen by every later read. One that failed may or may
/// not have been made; repeating it with the same mutation id is safe.
#[async_trait]
pub trait Store: AccountStore {
    /// Whether reads and writes can be served now.
    async fn ready(&self) -> Result<()>;

    /// The row, soft or alive.
    async fn read(&self, key: Key<'_>) -> Result<Option<Row>>;

    /// Writes a fresh record: its id was made for this write alone and tells `row.created_at`.
    /// Where a row of that id exists already, nothing changes.
    ///
    /// # Errors
    /// `collection_not_found` once the collection is dropped.
    async fn insert(&self, key: Key<'_>, row: Row) -> Result<()>;

    /// Writes the row if the newest mutation of the stored one is that of `before` (`None`: there is no row).
    ///
    /// # Errors
    /// `collection_not_found` once the collection is dropped.
    async fn swap(&self, key: Key<'_>, before: Option<&Row>, row: Row) -> Result<Swap<Row>>;

    /// Whether reads and lists show what was swapped in, or something newer of the same creation. They do not for good where
    /// something of that creation was deleted that had a later version, and is forgotten by all but what hides it.
    async fn shows(&self, _key: Key<'_>, _row: &Row) -> Result<bool> {
        Ok(true)
    }

    /// The live records of a collection to which `access` leads, after `after` in its order, or the other way round if
    /// `descending`. What it costs does not grow with the records to which it does not lead.
    ///
    /// A record whose entries are several is given for each of them.
    async fn scan(
        &self,
        collection: Uuid,
        access: &Access,
        descending: bool,
        after: Option<&Position>,
        bounds: Bounds,
    ) -> Result<Page>;

    /// What is noted under an idempotency key.
    async fn noted(&self, key: Uuid) -> Result<Option<Note>>;

    /// Notes the use of an idempotency key for a day, unless it is noted: then returns that.
    async fn note(&self, key: Uuid, note: Note) -> Result<Option<Note>>;

    /// A collection's definition.
    async fn definition(&self, name: &str) -> Result<Option<std::sync::Arc<Definition>>>;

    /// The definitions whose names come after `after`, by name.
    async fn definitions(&self, after: &str, limit: usize) -> Result<Vec<std::sync::Arc<Definition>>>;

    /// Writes a definition if the stored one's `etag` is `expected` (`None`: there is none). The indexes that the stored
    /// one has not are built, by [`sweep`](Self::sweep) if there are records, and those that this one has not are cleared
    /// away.
    async fn define(&self, expected: Option<Uuid>, definition: Definition) -> Result<Swap<Definition>>;

    /// As [`define`](Self::define), of a collection that is not there, which is to be given records of before.
    async fn define_for(&self, definition: Definition, _spans: &[Span]) -> Result<Swap<Definition>> {
        self.define(None, definition).await
    }

    /// What it is, for people.
    async fn about(&self) -> Result<About>;

    /// How far the survey of that id is, of a collection; `None` if it was not begun.
    async fn survey(&self, collection: Uuid, id: Uuid) -> Result<Option<Survey>>;

    /// Definitions in force whose surveys can be gone on with now.
    async fn surveys(&self) -> Result<Vec<std::sync::Arc<Definition>>>;

    /// Writes how far a survey is if the stored state of it is `expected` (`None`: it was not begun).
    async fn note_survey(&self, collection: Uuid, expected: Option<&Survey>, survey: Survey) -> Result<Swap<Survey>>;

    /// Drops a collection. No record that is acknowledged is lost by it unless `force` is given.
    async fn drop_collection(&self, definition: &Definition, force: bool) -> Result<Dropped>;

    /// One bounded step of building what is defined, and of clearing away what is dropped or expired; `true` if more is
    /// left to do now.
    async fn sweep(&self) -> Result<bool>;
}

/// Records that were made in a span of time.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// When it begins, in microseconds since the epoch.
    pub from: i64,
    /// Behind its end, in microseconds since the epoch.
    pub until: i64,
    /// How many.
    pub records: u64,
    /// Bytes of their data.
    pub bytes: u64,
}

/// What a store is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A file of so many bytes.
    Embedded(u64),
    /// A keyspace of a cluster, and its nodes as far as they are known.
    Cassandra(String, Vec<Node>),
}

/// A node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its address and port.
    pub address: String,
    /// Its data centre; empty if that is unknown.
    pub datacenter: String,
    /// Whether this process is connected to it.
    pub up: bool,
}

/// A part of a listing. It may be short or empty, and yet the listing go on.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The records and where they stand, in order.
    pub records: Vec<(Position, Row)>,
    /// After what the listing goes on; `None` at its end.
    pub next: Option<Position>,
}

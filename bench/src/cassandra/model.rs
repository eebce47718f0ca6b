//! Both models in CQL: entries in windows of time with heads that decide, and buckets of records that decide themselves.

use std::{collections::BTreeSet, sync::Mutex};

use scylla::{client::session::Session, statement::prepared::PreparedStatement};
use skep_proto::mutation;
use uuid::Uuid;

use super::{
    models::HISTORY,
    pages::{NOTE, SLICE, WINDOWS, WRITE},
};

const READ: &str = "SELECT history, version FROM record_entries WHERE collection = ? AND window = ? AND shard = ? AND created_at = ? AND id = ?";
const SWAP: &str = "UPDATE heads USING TTL 0 SET mutation = ?, created_at = ?, data = ?, owner = '', updated_at = ?, version = ?, history = ?, fingerprint = 0x WHERE collection = ? AND id = ? IF mutation = ?";

/// One collection in one of the models.
pub(crate) struct Model<'s> {
    pub(crate) name: String,
    /// Partitions that records go to in turn.
    pub(crate) spread: i64,
    pub(super) session: &'s Session,
    pub(super) collection: Uuid,
    /// When the oldest record was made, and how long after it the next, in microseconds.
    first: i64,
    step: i64,
    /// Of a window; none in buckets.
    pub(super) length: Option<i64>,
    pub(super) noted: Mutex<BTreeSet<i64>>,
    pub(super) write: PreparedStatement,
    pub(super) read: PreparedStatement,
    pub(super) slice: PreparedStatement,
    pub(super) swap: PreparedStatement,
    pub(super) note: PreparedStatement,
    pub(super) windows: PreparedStatement,
}

impl<'s> Model<'s> {
    /// The model of storage: windows of such a length, in so many shards.
    pub(crate) async fn entries(session: &'s Session, records: i64, length: i64, shards: i64) -> anyhow::Result<Self> {
        let name = format!("entries in windows of {} min × {shards} shards, and heads", length / 60_000_000);
        Self::new(session, records, name, Some(length), shards, [WRITE, READ, SLICE, SWAP].map(str::to_owned)).await
    }

    /// So many partitions that hold the records and take the lightweight transactions.
    pub(crate) async fn buckets(session: &'s Session, records: i64, number: i64) -> anyhow::Result<Self> {
        // The window is 0 throughout, so that both models take the same values.
        let table = "CREATE TABLE IF NOT EXISTS buckets (collection uuid, window bigint, shard int, created_at bigint, \
            id text, mutation uuid, data blob, owner text, updated_at bigint, version bigint, history blob, fingerprint blob, \
            PRIMARY KEY ((collection, window, shard), created_at, id)) WITH CLUSTERING ORDER BY (created_at DESC, id DESC) \
            AND compaction = {'class': 'LeveledCompactionStrategy'}";
        session.query_unpaged(table, ()).await?;
        let swap = "UPDATE buckets SET mutation = ?, data = ?, owner = '', updated_at = ?, version = ?, history = ?, fingerprint = 0x WHERE collection = ? AND window = 0 AND shard = ? AND created_at = ? AND id = ? IF mutation = ?";
        let same = |text: &str| text.replace("record_entries", "buckets");
        let write = same(WRITE).replace("fingerprint) VALUES (", "fingerprint, mutation) VALUES (?, ");
        let statements = [write, same(READ), same(SLICE), swap.to_owned()];
        Self::new(session, records, format!("{number} buckets of records"), None, number, statements).await
    }

    async fn new(
        session: &'s Session,
        records: i64,
        name: String,
        length: Option<i64>,
        spread: i64,
        [write, read, slice, swap]: [String; 4],
    ) -> anyhow::Result<Self> {
        let (collection, first, step) = (Uuid::new_v4(), mutation::now() - HISTORY, HISTORY / records);
        let (mut write, mut read) = (session.prepare(write).await?, session.prepare(read).await?);
        let (slice, swap) = (session.prepare(slice).await?, session.prepare(swap).await?);
        let (note, windows) = (session.prepare(NOTE).await?, session.prepare(WINDOWS).await?);
        write.set_is_idempotent(true);
        read.set_is_idempotent(true);
        let noted = Mutex::default();
        Ok(Self {
            name,
            spread,
            session,
            collection,
            first,
            step,
            length,
            noted,
            write,
            read,
            slice,
            swap,
            note,
            windows,
        })
    }

    /// When record `n` was made.
    pub(super) fn created_at(&self, n: i64) -> i64 {
        self.first + n * self.step
    }

    /// Window and shard, or bucket, of record `n` of those that were loaded.
    pub(crate) fn place(&self, n: i64) -> (i64, i32) {
        (self.window(self.created_at(n)), i32::try_from(n % self.spread).unwrap_or(0))
    }

    pub(super) fn window(&self, created_at: i64) -> i64 {
        self.length.map_or(0, |length| created_at.div_euclid(length) * length)
    }
}

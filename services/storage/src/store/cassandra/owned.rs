//! The owner's index: the records of an account in a collection are a list of their own, noted in the windows of the
//! records.
//!
//! An entry is written before its record's own entry and removed after it, so that a death between leaves one too many:
//! a list shows nothing but what the row itself says. It bears the timestamps of the record's entry.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use sha2::{Digest, Sha256};
use skep_proto::mutation;
use uuid::Uuid;

use super::{
    database::Database,
    gathered::Found,
    list::Step,
    place::Regimes,
    rows::{Stored, stamp},
};
use crate::store::{Key, Position, Result, Row, SOFT_ROW_MICROS};

/// Partitions that share the lists of a collection: of ten million, each has less than 40 MB.
pub(super) const PARTS: i32 = 16;

/// A creation and an id.
type At = (i64, String);

/// The records of an account in a collection.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a> {
    collection: Uuid,
    owner: &'a str,
    /// Stands for both: where `windows` has a collection, and in the key of `owned`.
    pub(super) id: Uuid,
}

impl<'a> List<'a> {
    pub(super) fn new(collection: Uuid, owner: &'a str) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::new_with_prefix(collection).chain_update(owner).finalize()[..16]);
        Self { collection, owner, id: Uuid::new_v8(id) }
    }

    fn part(&self) -> i32 {
        i32::from(self.id.as_bytes()[0]) % PARTS
    }
}

impl Database {
    /// Sees to it that its owner's list finds a record that is about to be shown.
    pub(super) async fn own(&self, id: &str, list: List<'_>, regimes: &Regimes, row: &Row) -> Result<()> {
        let window = regimes.window(row.created_at);
        self.note_list(list.collection, list.part(), list.id).await?;
        self.note_window(list.id, regimes, window).await?;
        self.run(&self.statements.owned_write, (list.id, window, row.created_at, id, stamp(row))).await
    }

    /// Takes a record that was deleted out of the list; `stamp` is the timestamp of its deletion or later.
    pub(super) async fn disown(
        &self,
        id: &str,
        list: List<'_>,
        regimes: &Regimes,
        created_at: i64,
        stamp: i64,
    ) -> Result<()> {
        let values = (stamp, list.id, regimes.window(created_at), created_at, id);
        self.run(&self.statements.owned_delete, values).await
    }

    /// The next records of the list in a window.
    pub(super) async fn step_owned(
        &self,
        list: List<'_>,
        regimes: &Regimes,
        window: i64,
        descending: bool,
        from: &Position,
        limit: usize,
    ) -> Result<Step> {
        let values = (list.id, window, from.created_at, &from.id, i32::try_from(limit).unwrap_or(i32::MAX));
        let statements = (&self.statements.owned_slice, &self.statements.owned_slice_up);
        let noted: Vec<At> = self.rows(if descending { statements.0 } else { statements.1 }, values).await?;
        let mut shards = BTreeMap::<i32, Vec<&At>>::new();
        for at in &noted {
            shards.entry(regimes.place(at.0, &at.1).shard).or_default().push(at);
        }
        let asked = shards
            .into_iter()
            .map(|(shard, at)| self.rows::<Stored>(&self.statements.entry_some, (list.collection, window, shard, at)));
        let mut rows = BTreeMap::new();
        for stored in try_join_all(asked).await?.into_iter().flatten() {
            let (id, row) = stored.named()?;
            rows.insert((row.created_at, id), row);
        }
        let (mut found, mut strays) = (Found::new(), Vec::new());
        for at in &noted {
            match rows.remove(at) {
                Some(row) if row.owner.as_deref() == Some(list.owner) => found.push((position(at), row)),
                _ => strays.push(self.remove_stray(list, regimes, at)),
            }
        }
        try_join_all(strays).await?;
        let known = noted.last().filter(|_| noted.len() == limit).map(position);
        Ok(Step { found, known, is_empty: noted.is_empty() })
    }

    /// Takes out of the list what its row does not show, if the head tells that it never will.
    async fn remove_stray(&self, list: List<'_>, regimes: &Regimes, (created_at, id): &At) -> Result<()> {
        let stamp = match self.head(Key { collection: list.collection, id }).await? {
            // A later life of the record, which is not in this place of the list.
            Some(head) if head.created_at != *created_at => *created_at,
            Some(head) if !head.is_alive() || head.owner.as_deref() != Some(list.owner) => stamp(&head),
            // Its head is gone too; or it never had one, and whoever was to write it is gone.
            None if created_at + SOFT_ROW_MICROS < mutation::now() => *created_at,
            _ => return Ok(()),
        };
        self.disown(id, list, regimes, *created_at, stamp).await
    }
}

fn position((created_at, id): &At) -> Position {
    Position { created_at: *created_at, id: id.clone(), ..Position::default() }
}

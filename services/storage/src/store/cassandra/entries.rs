//! Entries: what every get and every list shows. Written plainly, at timestamps of our own.

use uuid::Uuid;

use super::{
    database::Database,
    owned::List,
    place::Regimes,
    rows::{Stored, stamp, version},
};
use crate::store::{Effect, Key, Result, Row, codec, row};

impl Database {
    /// The row: as its entry shows it, or soft as its head remembers it.
    pub(super) async fn find(&self, key: Key<'_>, regimes: &Regimes) -> Result<Option<Row>> {
        let told = row::told_time(key.id);
        if let Some(created_at) = told
            && let Some(row) = self.entry(key, regimes, created_at).await?
        {
            return Ok(Some(row));
        }
        let Some(head) = self.head(key).await? else { return Ok(None) };
        let looked = told == Some(head.created_at) && !head.is_alive();
        if !looked && let Some(row) = self.entry(key, regimes, head.created_at).await? {
            return Ok(Some(row));
        }
        if head.is_alive() {
            // Its writer is on the way or gone. Late as it may be, this loses to every newer mutation.
            self.copy(key, regimes, &head).await?;
        }
        Ok(Some(head))
    }

    async fn entry(&self, key: Key<'_>, regimes: &Regimes, created_at: i64) -> Result<Option<Row>> {
        let place = regimes.place(created_at, key.id);
        let values = (key.collection, place.window, place.shard, created_at, key.id);
        self.row::<Stored>(&self.statements.entry_read, values).await?.map(Stored::row).transpose()
    }

    /// Makes the entry what the row says, unless it is newer already.
    pub(super) async fn copy(&self, key: Key<'_>, regimes: &Regimes, row: &Row) -> Result<()> {
        let place = regimes.place(row.created_at, key.id);
        let Key { collection, id } = key;
        let list = row.owner.as_deref().map(|owner| List::new(collection, owner));
        if !row.is_alive() {
            let values = (stamp(row), collection, place.window, place.shard, row.created_at, id);
            self.run(&self.statements.entry_delete, values).await?;
            return match list {
                Some(list) => self.disown(id, list, regimes, row.created_at, stamp(row)).await,
                None => Ok(()),
            };
        }
        // What is updated was shown before, so its window is noted and its owner's list has it.
        let created = row.history[0].effect == Effect::Created;
        if created {
            self.note_window(collection, regimes, place.window).await?;
        }
        if let Some(list) = list.filter(|_| created) {
            self.own(id, list, regimes, row).await?;
        }
        let (owner, history) = (row.owner.as_deref().unwrap_or_default(), codec::encode_history(&row.history));
        let values = (
            collection,
            place.window,
            place.shard,
            row.created_at,
            id,
            &row.data,
            owner,
            row.updated_at,
            version(row),
            history,
            fingerprint(row),
            stamp(row),
        );
        self.run(&self.statements.entry_write, values).await?;
        if created {
            self.filling.count(collection, place.window, row);
        }
        Ok(())
    }

    /// The entries of one shard before a position, newest first.
    pub(super) async fn slice(
        &self,
        (collection, window, shard): (Uuid, i64, i32),
        (created_at, id): (i64, &str),
        limit: i32,
    ) -> Result<Vec<(String, Row)>> {
        let values = (collection, window, shard, created_at, id, limit);
        let stored = self.rows::<Stored>(&self.statements.entry_slice, values).await?;
        stored.into_iter().map(Stored::named).collect()
    }
}

/// As a column.
pub(super) fn fingerprint(row: &Row) -> &[u8] {
    row.fingerprint.as_ref().map_or(&[], |fingerprint| &fingerprint[..])
}

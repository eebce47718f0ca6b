//! Entries: what every get and every list shows. Written plainly, at timestamps of our own.

use uuid::Uuid;

use super::{
    database::Database,
    gathered::Found,
    known::Collection,
    owned::List,
    place::Regimes,
    rows::{Stored, stamp, version},
};
use crate::store::{Effect, Key, Position, Result, Row, codec, row};

impl Database {
    /// The row: as its entry shows it, or soft as its head remembers it.
    pub(super) async fn find(&self, key: Key<'_>, collection: &Collection) -> Result<Option<Row>> {
        let regimes = &collection.regimes;
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
            self.copy(key, collection, None, &head).await?;
        }
        Ok(Some(head))
    }

    /// What is shown of a record that was made then.
    pub(super) async fn entry(&self, key: Key<'_>, regimes: &Regimes, created_at: i64) -> Result<Option<Row>> {
        let place = regimes.place(created_at, key.id);
        let values = (key.collection, place.window, place.shard, created_at, key.id);
        self.row::<Stored>(&self.statements.entry_read, values).await?.map(Stored::row).transpose()
    }

    /// Makes the entry what the row says, unless it is newer already, and what leads to it too. `before` is what it
    /// showed, as far as is known.
    pub(super) async fn copy(
        &self,
        key: Key<'_>,
        collection: &Collection,
        before: Option<&Row>,
        row: &Row,
    ) -> Result<()> {
        let Key { collection: uid, id } = key;
        let (regimes, entries) = (&collection.regimes, collection.entries(row));
        let place = regimes.place(row.created_at, id);
        let list = row.owner.as_deref().map(|owner| List::new(uid, owner));
        let created = row.history[0].effect == Effect::Created;
        // What leads to a record that is made is written at its stamp, whatever was there.
        let had = before.filter(|_| !created).map(|before| collection.entries(before)).unwrap_or_default();
        let outdated = self.unindex(id, collection, (row.created_at, stamp(row)), had.difference(&entries));
        if !row.is_alive() {
            let values = (stamp(row), uid, place.window, place.shard, row.created_at, id);
            self.run(&self.statements.entry_delete, values).await?;
            if let Some(list) = list {
                self.disown(id, list, regimes, row.created_at, stamp(row)).await?;
            }
            return outdated.await;
        }
        self.index(id, collection, row, entries.difference(&had)).await?;
        // What is updated was shown before, so its window is noted and its owner's list has it.
        if created {
            self.note_window(uid, regimes, place.window).await?;
        }
        if let Some(list) = list.filter(|_| created) {
            self.own(id, list, regimes, row).await?;
        }
        let (owner, history) = (row.owner.as_deref().unwrap_or_default(), codec::encode_history(&row.history));
        let values = (
            uid,
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
            self.filling.count(uid, place.window, row);
        }
        outdated.await
    }

    /// The next entries of one shard.
    pub(super) async fn slice(
        &self,
        (collection, window, shard): (Uuid, i64, i32),
        descending: bool,
        from: &Position,
        limit: i32,
    ) -> Result<Found> {
        let values = (collection, window, shard, from.created_at, &from.id, limit);
        let statements = (&self.statements.entry_slice, &self.statements.entry_slice_up);
        let stored = self.rows::<Stored>(if descending { statements.0 } else { statements.1 }, values).await?;
        let placed =
            |(id, row): (String, Row)| (Position { created_at: row.created_at, id, ..Position::default() }, row);
        stored.into_iter().map(|stored| Ok(placed(stored.named()?))).collect()
    }
}

/// As a column.
pub(super) fn fingerprint(row: &Row) -> &[u8] {
    row.fingerprint.as_ref().map_or(&[], |fingerprint| &fingerprint[..])
}

//! Which indexes something is to be done for: noted before it begins, so that it goes on whoever dies.

use skep_proto::mutation;
use uuid::Uuid;

use super::{database::Database, definitions::REALM, known::Collection};
use crate::store::{Definition, Result};

/// Notes that are read at once.
const SLICE: i32 = 1000;

/// A note.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) index: Uuid,
    note: Uuid,
    /// The collection's uid, and its name.
    pub(super) collection: Uuid,
    pub(super) name: String,
    /// In microseconds since the epoch.
    pub(super) since: i64,
}

/// How long what is to be done for an index that is not there, or is done, stays noted: its definition, or its change, may
/// be on the way. In microseconds.
const NOTED: i64 = 2 * 60 * 1_000_000;

impl Work {
    /// Whether it stays noted though nothing is to be done.
    pub(super) fn is_recent(&self) -> bool {
        mutation::now() < self.since + NOTED
    }

    /// Whether it stays noted for long enough to make a change.
    pub(super) fn is_new(&self) -> bool {
        mutation::now() < self.since + NOTED / 2
    }
}

impl Database {
    /// Notes that there is something to do for an index.
    pub(super) async fn note_work(&self, definition: &Definition, index: Uuid) -> Result<()> {
        // Under a name of its own each time: what was cleared away is never written again.
        let values = (REALM, index, Uuid::new_v4(), definition.uid, &definition.name, mutation::now());
        self.run(&self.statements.work_note, values).await?;
        self.watched.noted.notify_one();
        Ok(())
    }

    /// Notes the indexes that a definition adds to those which are known, or lacks.
    pub(super) async fn note_changed(&self, known: Option<&Collection>, definition: &Definition) -> Result<()> {
        let Some(known) = known.filter(|known| known.definition.uid == definition.uid) else { return Ok(()) };
        let (before, after) = (&known.definition.indexes, &definition.indexes);
        let only = |some: &[crate::store::Index], others: &[crate::store::Index]| -> Vec<Uuid> {
            let ids = some.iter().map(|index| index.id);
            ids.filter(|id| others.iter().all(|other| other.id != *id)).collect()
        };
        for index in only(before, after).into_iter().chain(only(after, before)) {
            self.note_work(definition, index).await?;
        }
        Ok(())
    }

    pub(super) async fn works(&self) -> Result<Vec<Work>> {
        let rows: Vec<(Uuid, Uuid, Uuid, String, i64)> = self.rows(&self.statements.work_slice, (REALM, SLICE)).await?;
        let work = |(index, note, collection, name, since)| Work { index, note, collection, name, since };
        Ok(rows.into_iter().map(work).collect())
    }

    pub(super) async fn work_done(&self, work: &Work) -> Result<()> {
        self.run(&self.statements.work_clear, (REALM, work.index, work.note)).await
    }
}

//! Where indexes are cut into leaves: before their partitions become large, or full of what was taken out.

use super::{
    database::{Database, all},
    indexed::{Crowd, SHARDS},
    known::Collection,
    leaves::{Map, route, separators},
    list::at,
    seek::Span,
    windows::Window,
};
use uuid::Uuid;

use crate::store::{Position, Result};

/// Leaves are looked at when so great a part of what fills one was written by this process alone: others write too.
const PART: u64 = 16;
/// Entries read at once while a leaf is looked at.
const SLICE: usize = 1000;
/// Of so many of them one is a sample.
const SAMPLED: usize = 16;
/// Windows of records that are sampled, and records in each.
const WINDOWS: usize = 32;
const RECORDS: i32 = 32;
/// More windows than are counted.
const COUNTED: usize = 4096;
/// Entries of a window that holds more records than were sampled, about: what fills one, by bytes, is seldom more.
const IN_A_WINDOW: u64 = 24_000;
/// An index begins with no more leaves.
const LEAVES: usize = 256;

impl Database {
    /// Has the leaves cut that became full.
    pub(super) async fn keep_cut(&self) -> Result<()> {
        for (leaf, crowd) in self.crowding.due(self.full() / PART) {
            match self.known.get(&crowd.collection) {
                Some(collection) => self.cut(leaf, &crowd, &collection).await?,
                None => self.crowding.forget(leaf),
            }
        }
        Ok(())
    }

    /// Entries that fill a leaf.
    fn full(&self) -> u64 {
        self.pace.full * u64::from(SHARDS.unsigned_abs())
    }

    async fn cut(&self, leaf: Uuid, crowd: &Crowd, collection: &Collection) -> Result<()> {
        let uid = collection.definition.uid;
        let unchanged = || collection.maps.get(&crowd.index).map(|map| (**map).clone());
        let map = self.map(uid, crowd.index).await?.or_else(unchanged);
        let Some(map) = map.filter(|map| map.leaves.iter().any(|known| known.id == leaf)) else {
            self.crowding.forget(leaf);
            return Ok(());
        };
        if map.change().is_some() {
            // One change at a time; and whoever makes it may have died before it was noted.
            return self.note_work(&collection.definition, crowd.index).await;
        }
        self.crowding.looked_at(leaf);
        let (entries, samples) = self.sampled(leaf).await?;
        let full = self.full();
        if entries <= full && crowd.entries <= full {
            return Ok(());
        }
        let parts = usize::try_from(entries.div_ceil(full / 2)).unwrap_or(LEAVES).min(LEAVES);
        self.note_work(&collection.definition, crowd.index).await?;
        let leaves = map.announced(leaf, &separators(&samples, parts));
        let next = Map { leaves, looked: 0, copied: None, ..map };
        if self.change_map((uid, crowd.index), map.version, &next).await?.is_some() {
            let (name, index) = (&collection.definition.name, crowd.index);
            tracing::info!(collection = name, index = %index, entries, parts, "an index is cut anew");
        }
        Ok(())
    }

    /// How many entries a leaf has, and samples of them, in order.
    async fn sampled(&self, leaf: Uuid) -> Result<(u64, Vec<Vec<u8>>)> {
        let (mut span, mut entries, mut samples) = (Span::of(Vec::new(), vec![u8::MAX]), 0, Vec::new());
        loop {
            let noted = self.noted_in_shard((leaf, 0), &span, false, SLICE).await?;
            samples.extend(noted.iter().step_by(SAMPLED).map(|noted| route(&noted.at)));
            entries += noted.len() as u64 * u64::from(SHARDS.unsigned_abs());
            match noted.last() {
                Some(last) if noted.len() == SLICE => span.go_on(false, last.at.clone()),
                _ => return Ok((entries, samples)),
            }
        }
    }

    /// Where an index of the records that are there is to be cut.
    pub(super) async fn records_cut(&self, collection: &Collection, index: Uuid) -> Result<Vec<Vec<u8>>> {
        let uid = collection.definition.uid;
        let (mut windows, mut edge) = (Vec::<Window>::new(), i64::MAX);
        while windows.len() < COUNTED {
            let mut more = self.windows(uid, edge, true).await?;
            let Some(last) = more.last() else { break };
            edge = last.start;
            windows.append(&mut more);
        }
        let step = windows.len().div_ceil(WINDOWS).max(1);
        let looked_at = windows
            .iter()
            .step_by(step)
            .map(|window| async move { self.slice((uid, window.start, 0), true, &at(i64::MAX), RECORDS).await });
        let looked_at = all(looked_at).await?;
        let (mut records, mut routes) = (0, Vec::new());
        for found in &looked_at {
            let is_whole = i32::try_from(found.len()).is_ok_and(|found| found < RECORDS);
            records += if is_whole { found.len() as u64 * u64::from(SHARDS.unsigned_abs()) } else { IN_A_WINDOW };
            for (at, row) in found {
                let entries = collection.entries(row).into_iter().filter(|entry| entry.index == index);
                routes.extend(entries.map(|entry| {
                    let key = super::indexed::keyed(entry.kind, &entry.key);
                    route(&Position { key, ..at.clone() })
                }));
            }
        }
        routes.sort_unstable();
        let rows: usize = looked_at.iter().map(Vec::len).sum();
        let each = routes.len().div_ceil(rows.max(1)) as u64;
        let entries = records * step as u64 * each;
        let parts = usize::try_from(entries.div_ceil((self.full() / 2).max(1))).unwrap_or(LEAVES).clamp(1, LEAVES);
        Ok(separators(&routes, parts))
    }
}

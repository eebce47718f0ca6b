//! Where indexes are cut into leaves: before their partitions become large, or full of what was taken out. And where they
//! are merged.

use std::collections::BTreeMap;

use super::{
    database::{Database, all},
    indexed::{SHARDS, keyed},
    known::Collection,
    leaves::{Map, Mode, route, separators},
    list::at,
    seek::Span,
    windows::Window,
    work::Work,
};
use uuid::Uuid;

use crate::store::{Position, Result};

/// Leaves are looked at when so great a part of what fills one was written by this process alone: others write too.
const PART: u64 = 16;
/// Leaves are merged that hold no more than such a part of what fills one.
const SPARSE: u64 = 8;
/// And so many of them on either side.
const RUN: usize = 8;
/// Entries read at once while a leaf is looked at.
const SLICE: usize = 1000;
/// Of so many of them one is a sample.
const SAMPLED: usize = 16;
/// Windows of records that are sampled, and records in each.
const WINDOWS: usize = 32;
const RECORDS: i32 = 32;
/// More windows than are counted.
const COUNTED: usize = 4096;
/// Records of a partition that are counted: more are in few.
const MOST_RECORDS: i32 = 16 * 1024;
/// An index begins with no more leaves.
const LEAVES: usize = 256;

impl Database {
    /// Has leaves replaced that became full, or nearly empty.
    pub(super) async fn keep_cut(&self, noted: &[Work]) {
        let mut indexes = BTreeMap::<(String, Uuid), Vec<(Uuid, u64)>>::new();
        for (leaf, crowd) in self.crowding.due(self.full() / PART) {
            indexes.entry((crowd.collection, crowd.index)).or_default().push((leaf, crowd.entries));
        }
        for ((name, index), due) in indexes {
            let is_noted = noted.iter().any(|work| work.index == index && work.is_new());
            let cut = async {
                if let Some(collection) = self.collection(&name).await? {
                    return self.cut(&collection, index, &due, is_noted).await;
                }
                for (leaf, _) in &due {
                    self.crowding.forget(*leaf);
                }
                Ok(())
            };
            if let Err(error) = cut.await {
                tracing::warn!(error.message = error.detail, collection = name, index = %index, "an index was not cut");
            }
        }
    }

    /// Entries that fill a leaf.
    fn full(&self) -> u64 {
        self.pace.full * u64::from(SHARDS.unsigned_abs())
    }

    /// Looks at leaves to which so much was written, and begins to replace those that need it, all in one change.
    async fn cut(&self, collection: &Collection, index: Uuid, due: &[(Uuid, u64)], is_noted: bool) -> Result<()> {
        let uid = collection.definition.uid;
        let unchanged = || collection.maps.get(&index).map(|map| (**map).clone());
        let map = self.map(uid, index).await?.or_else(unchanged);
        let is_known = |leaf: Uuid| map.iter().flat_map(|map| &map.leaves).any(|known| known.id == leaf);
        let (due, gone): (Vec<_>, Vec<_>) = due.iter().copied().partition(|(leaf, _)| is_known(*leaf));
        for (leaf, _) in gone {
            self.crowding.forget(leaf);
        }
        let Some(map) = map else { return Ok(()) };
        let (mut next, mut replaced) = (map.clone(), Vec::new());
        if map.change().is_none() {
            for (leaf, written) in due {
                if replaced.contains(&leaf) {
                    continue;
                }
                let (old, separators) = self.replaced(&map, leaf, written, &replaced).await?;
                next.leaves = next.announced(&old, &separators);
                replaced.extend(old);
                self.crowding.looked_at(leaf);
            }
        } else if due.is_empty() {
            return Ok(());
        }
        // One change at a time; and whoever makes it may have died before it was noted.
        let is_changing = !replaced.is_empty() || map.change().is_some();
        if is_changing && !is_noted && !self.watched.noted_lately(index) {
            self.note_work(&collection.definition, index).await?;
        }
        if replaced.is_empty() {
            return Ok(());
        }
        (next.looked, next.copied) = (0, None);
        if self.change_map((uid, index), map.version, &next).await?.is_some() {
            let (name, old, new) = (&collection.definition.name, replaced.len(), next.of(Mode::Filling).count());
            tracing::info!(collection = name, index = %index, old, new, "leaves of an index are to be replaced");
        }
        Ok(())
    }

    /// The leaves to replace because of one, and where to cut what replaces them.
    async fn replaced(
        &self,
        map: &Map,
        leaf: Uuid,
        written: u64,
        others: &[Uuid],
    ) -> Result<(Vec<Uuid>, Vec<Vec<u8>>)> {
        let (entries, samples) = self.sampled(leaf, u64::MAX).await?;
        let full = self.full();
        // Most of what was written is gone; and others write too.
        if entries > full || written > (entries + full) / 4 {
            let parts = usize::try_from(entries.div_ceil(full / 2)).unwrap_or(LEAVES).min(LEAVES);
            return Ok((vec![leaf], separators(&samples, parts)));
        }
        let live: Vec<Uuid> = map.of(Mode::Live).map(|leaf| leaf.id).collect();
        let Some(at) = live.iter().position(|id| *id == leaf).filter(|_| entries < full / SPARSE) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let (mut run, mut all) = (vec![leaf], entries);
        let (before, after) = (live[..at].iter().rev().take(RUN), live[at + 1..].iter().take(RUN));
        for side in [&mut before.copied() as &mut (dyn Iterator<Item = Uuid> + Send), &mut after.copied()] {
            for id in side {
                let (entries, _) = self.sampled(id, full / SPARSE).await?;
                if others.contains(&id) || entries >= full / SPARSE || all + entries > full / 2 {
                    break;
                }
                run.push(id);
                all += entries;
            }
        }
        Ok((if run.len() > 1 { run } else { Vec::new() }, Vec::new()))
    }

    /// How many entries a leaf has, and samples of them, in order; no further than `most`.
    async fn sampled(&self, leaf: Uuid, most: u64) -> Result<(u64, Vec<Vec<u8>>)> {
        let (mut span, mut entries, mut samples) = (Span::of(Vec::new(), vec![u8::MAX]), 0, Vec::new());
        loop {
            let noted = self.noted_in_shard((leaf, 0), &span, false, SLICE).await?;
            samples.extend(noted.iter().step_by(SAMPLED).map(|noted| route(&noted.at)));
            entries += noted.len() as u64 * u64::from(SHARDS.unsigned_abs());
            match noted.last() {
                Some(last) if noted.len() == SLICE && entries < most => span.go_on(false, last.at.clone()),
                _ => return Ok((entries, samples)),
            }
        }
    }

    /// Where an index of the records that are there is to be cut.
    pub(super) async fn records_cut(&self, collection: &Collection, index: Uuid) -> Result<Vec<Vec<u8>>> {
        let (uid, regimes) = (collection.definition.uid, &collection.regimes);
        let (mut windows, mut edge) = (Vec::<Window>::new(), i64::MAX);
        while windows.len() < COUNTED {
            let mut more = self.windows(uid, edge, true).await?;
            let Some(last) = more.last() else { break };
            edge = last.start;
            windows.append(&mut more);
        }
        let step = windows.len().div_ceil(WINDOWS).max(1);
        let looked_at = windows.iter().step_by(step).map(|window| async move {
            let found = self.slice((uid, window.start, 0), true, &at(i64::MAX), RECORDS).await?;
            let of_shard = (uid, window.start, 0, MOST_RECORDS);
            let names: Vec<(i64, String, i64)> = self.rows(&self.statements.entry_names, of_shard).await?;
            Ok((found, names.len() as u64 * regimes.shards(window.start).len() as u64))
        });
        let looked_at = all(looked_at).await?;
        let (mut records, mut routes) = (0, Vec::new());
        for (found, in_window) in &looked_at {
            records += in_window;
            for (at, row) in found {
                let entries = collection.entries(row).into_iter().filter(|entry| entry.index == index);
                routes.extend(entries.map(|entry| {
                    let key = keyed(entry.kind, &entry.key);
                    route(&Position { key, ..at.clone() })
                }));
            }
        }
        routes.sort_unstable();
        let rows: usize = looked_at.iter().map(|(found, _)| found.len()).sum();
        let each = routes.len().div_ceil(rows.max(1)) as u64;
        let entries = records * step as u64 * each;
        let parts = usize::try_from(entries.div_ceil((self.full() / 2).max(1))).unwrap_or(LEAVES).clamp(1, LEAVES);
        Ok(separators(&routes, parts))
    }
}

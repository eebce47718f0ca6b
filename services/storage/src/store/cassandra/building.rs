//! Filling leaves: of an index that is new, and those that replace others. Any replica goes on with it, one at a time as
//! long as it lives.

use std::time::Duration;

use uuid::Uuid;

use super::{
    database::{Database, all},
    indexed::SHARDS,
    known::Collection,
    leaves::{Map, Mode, route},
    place,
    seek::{Noted, Span},
    work::Work,
};
use crate::store::{Access, Bounds, Position, Result};

/// What one step looks at.
const STEP: Bounds = Bounds { records: 500, bytes: 4 << 20 };
/// Leaves that one step clears away.
const LEAVES: usize = 100;

/// What is left to do for an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    Later,
    More,
}

impl Database {
    /// Looks after the indexes of all collections, for as long as this process runs.
    pub(super) async fn keep_indexed(&self) {
        if self.pace.idle == Duration::MAX {
            return;
        }
        loop {
            let left = self.index_step().await.unwrap_or_else(|error| {
                tracing::debug!(error.message = error.detail, "indexes were not looked at");
                Left::Later
            });
            let rest = match left {
                Left::Nothing => self.pace.idle,
                Left::Later => self.pace.idle / 5,
                Left::More => continue,
            };
            // Whatever this process notes it begins with at once.
            let _ = tokio::time::timeout(rest, self.watched.noted.notified()).await;
        }
    }

    /// One step for each index that something is to be done for.
    async fn index_step(&self) -> Result<Left> {
        let works = self.works().await?;
        self.keep_cut(&works).await;
        let mut all = Left::Nothing;
        for of_one in works.chunk_by(|a, b| a.index == b.index) {
            let Some(newest) = of_one.iter().max_by_key(|work| work.since) else { continue };
            // One index that fails is in the way of no other.
            let left = self.advance(newest).await.unwrap_or_else(|error| {
                tracing::warn!(error.message = error.detail, index = %newest.index, "an index was not gone on with");
                Left::Later
            });
            match left {
                Left::Nothing => {
                    self.watched.forget(newest.index);
                    for work in of_one {
                        self.work_done(work).await?;
                    }
                }
                Left::Later if all == Left::Nothing => all = Left::Later,
                Left::Later => {}
                Left::More => all = Left::More,
            }
        }
        Ok(all)
    }

    async fn advance(&self, work: &Work) -> Result<Left> {
        let of = |collection: &Collection| {
            let is_new = || collection.definition.indexes.iter().any(|index| index.id == work.index);
            collection.definition.uid == work.collection && (work.index == work.collection || is_new())
        };
        let Some(collection) = self.read_collection(&work.name).await?.filter(|collection| of(collection)) else {
            if work.is_recent() || self.settled_collection(&work.name).await?.is_some_and(|collection| of(&collection))
            {
                return Ok(Left::Later);
            }
            return self.clear_index(work).await;
        };
        let Some(map) = collection.maps.get(&work.index) else { return Ok(Left::Later) };
        let (known_for, by_another) = self.watched.see(work.index, map);
        let is_settled = known_for >= self.pace.settled;
        let is_turn = by_another.is_none_or(|since| since > self.pace.abandoned);
        let next = match map.change() {
            None if map.leaves.is_empty() => {
                let leaves = Map::cut(&self.records_cut(&collection, work.index).await?);
                Map { leaves, ..(**map).clone() }
            }
            None if work.is_recent() => return Ok(Left::Later),
            None => return Ok(Left::Nothing),
            Some(_) if !is_settled || !is_turn => return Ok(Left::Later),
            Some((Mode::Filling, _)) if map.sources().next().is_none() => self.fill(&collection, work, map).await?,
            Some((Mode::Filling, _)) => self.copy_leaves(map).await?,
            Some(_) => {
                for leaf in map.of(Mode::Draining) {
                    self.clear_leaf(leaf.id).await?;
                }
                Map { leaves: map.drained(), ..(**map).clone() }
            }
        };
        let of = (work.collection, work.index);
        if let Some(version) = self.change_map(of, map.version, &next).await? {
            self.watched.made(work.index, version);
            let (name, leaves) = (&work.name, next.leaves.len());
            if next.change() != map.change() {
                tracing::info!(collection = name, index = %work.index, leaves, change = ?next.change(), "an index changed");
            }
        }
        Ok(Left::More)
    }

    /// Puts what some records have in an index into its leaves.
    async fn fill(&self, collection: &Collection, work: &Work, map: &Map) -> Result<Map> {
        let page = self.list(collection, &Access::All, true, map.copied.as_ref(), STEP).await?;
        let looked = map.looked + page.records.len() as u64;
        let indexed = page.records.iter().map(|(at, row)| async move {
            let entries = collection.entries(row);
            let entries = entries.iter().filter(|entry| entry.index == work.index);
            self.index(&at.id, collection, row, entries).await
        });
        all(indexed).await?;
        Ok(filled(map, looked, page.next))
    }

    /// Puts some entries of the leaves that are replaced into those that replace them.
    async fn copy_leaves(&self, map: &Map) -> Result<Map> {
        let mut span = Span::of(Vec::new(), vec![u8::MAX]);
        // From the end: what comes to it meanwhile, as times do, is in the new leaves already.
        if let Some(copied) = &map.copied {
            span.go_on(true, copied.clone());
        }
        let shards = SHARDS.unsigned_abs() as usize;
        let sources: Vec<Uuid> = map.sources().map(|leaf| leaf.id).collect();
        for source in sources.into_iter().rev() {
            let (noted, more) = self.noted_in(source, &span, true, STEP.records / shards).await?;
            let Some(last) = noted.last().map(|noted| noted.at.clone()) else { continue };
            let copied = noted.iter().map(|Noted { at, stamp }| async move {
                let (route, shard) = (route(at), place::shard(&at.id, SHARDS));
                for leaf in map.holding(&route).filter(|leaf| leaf.mode == Mode::Filling) {
                    let values = (leaf.id, shard, &at.key, at.created_at, &at.id, stamp, stamp);
                    self.run(&self.statements.index_write, values).await?;
                }
                Ok(())
            });
            all(copied).await?;
            return Ok(filled(map, map.looked + noted.len() as u64, Some(more.unwrap_or(last))));
        }
        Ok(filled(map, map.looked, None))
    }

    async fn clear_leaf(&self, leaf: Uuid) -> Result<()> {
        self.crowding.forget(leaf);
        for shard in 0..SHARDS {
            self.run(&self.statements.leaf_clear, (leaf, shard)).await?;
        }
        Ok(())
    }

    /// Clears an index away that is no more.
    async fn clear_index(&self, work: &Work) -> Result<Left> {
        let map = self.map(work.collection, work.index).await?;
        let Some(map) = map else {
            // It was never changed: its only leaf has its name.
            self.clear_leaf(work.index).await?;
            return Ok(Left::Nothing);
        };
        let some: Vec<Uuid> = map.leaves.iter().take(LEAVES).map(|leaf| leaf.id).collect();
        for leaf in &some {
            self.clear_leaf(*leaf).await?;
        }
        if some.len() < map.leaves.len() {
            let rest = Map { leaves: map.leaves[some.len()..].to_vec(), ..map.clone() };
            self.change_map((work.collection, work.index), map.version, &rest).await?;
            return Ok(Left::More);
        }
        self.conditional(&self.statements.map_clear, (work.collection, work.index)).await?;
        Ok(Left::More)
    }
}

/// The map after a step that looked at so much, and after which it goes on there.
fn filled(map: &Map, looked: u64, copied: Option<Position>) -> Map {
    let leaves = if copied.is_some() { map.leaves.clone() } else { map.switched() };
    Map { version: map.version, leaves, looked, copied }
}

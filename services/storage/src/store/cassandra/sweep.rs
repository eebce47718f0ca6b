//! Clearing away what is left of dropped collections. Every replica may do it, at once too: each step is repeatable.

use skep_proto::mutation;
use uuid::Uuid;

use super::{
    database::{Database, all},
    definitions::REALM,
    owned::PARTS,
    place::{Regime, Regimes},
};
use crate::store::{Result, row::told_time};

/// How long after a drop its clearing away begins, in microseconds: the lease on definitions, a write that was under
/// way, and the minute by which clocks may be apart.
const SETTLED: i64 = 2 * 60 * 1_000_000;
/// How long the note of a drop stays that was not made.
const KEPT: i64 = 24 * 60 * 60 * 1_000_000;
/// Entries that one step clears away.
const STEP: i32 = 500;
/// Lists that one step clears away.
const LISTS: i32 = 100;

impl Database {
    /// One step; `true` if more is left to do now.
    pub(super) async fn clear_step(&self) -> Result<bool> {
        let now = mutation::now();
        let dropped: Vec<(Uuid, String, Vec<Regime>, i64)> =
            self.rows(&self.statements.dropped_slice, (REALM,)).await?;
        for (uid, name, regimes, since) in dropped.into_iter().filter(|(.., since)| since + SETTLED < now) {
            let live = self.settled_collection(&name).await?.is_some_and(|stored| stored.definition.uid == uid);
            if live && since + KEPT > now {
                continue;
            }
            if live || !self.clear_some(uid, &Regimes(regimes)).await? {
                self.run(&self.statements.dropped_clear, (REALM, uid)).await?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Clears a part of a collection away; `false` if there was nothing left.
    async fn clear_some(&self, uid: Uuid, regimes: &Regimes) -> Result<bool> {
        let windows = self.windows(uid, i64::MAX, true).await?;
        let Some(window) = windows.first() else { return self.clear_owners(uid).await };
        for shard in regimes.shards(window.start) {
            let partition = (uid, window.start, shard);
            let values = (uid, window.start, shard, STEP);
            let names: Vec<(i64, String, i64)> = self.rows(&self.statements.entry_names, values).await?;
            let Some((created_at, id, _)) = names.last().cloned() else { continue };
            let full = names.len() == usize::try_from(STEP).unwrap_or(usize::MAX);
            // A fresh record that was never written again has no head.
            let heads = names.into_iter().filter(|(at, id, version)| *version > 1 || told_time(id) != Some(*at));
            let cleared = heads.map(|(_, id, _)| async move { self.run(&self.statements.head_clear, (uid, id)).await });
            all(cleared).await?;
            if full {
                let values = (partition.0, partition.1, partition.2, created_at, id);
                self.run(&self.statements.entry_clear, values).await?;
                return Ok(true);
            }
            self.run(&self.statements.shard_clear, partition).await?;
        }
        self.forget_window(uid, window).await?;
        Ok(true)
    }

    /// Clears some lists of owners away; `false` if there was none, and then surveys are gone too.
    async fn clear_owners(&self, uid: Uuid) -> Result<bool> {
        for part in 0..PARTS {
            let lists: Vec<(Uuid,)> = self.rows(&self.statements.list_slice, (uid, part, LISTS)).await?;
            let Some(&(last,)) = lists.last() else { continue };
            let cleared = lists.into_iter().map(|(list,)| self.clear_list(list));
            all(cleared).await?;
            self.run(&self.statements.lists_clear, (uid, part, last)).await?;
            return Ok(true);
        }
        self.run(&self.statements.surveys_drop, (uid,)).await?;
        Ok(false)
    }

    async fn clear_list(&self, list: Uuid) -> Result<()> {
        let mut before = i64::MAX;
        while let windows = self.windows(list, before, true).await?
            && let Some(last) = windows.last()
        {
            before = last.start;
            for window in &windows {
                self.run(&self.statements.owned_clear, (list, window.start)).await?;
            }
        }
        self.run(&self.statements.windows_clear, (list,)).await
    }
}

//! Lists by creation: the windows in order, each window's shards merged.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use uuid::Uuid;

use super::{
    database::Database,
    gathered::{Found, Gathered, merged, order},
    known::Collection,
    owned::List,
    place::Regimes,
    windows::Window,
};
use crate::store::{Access, Bounds, Page, Position, Result};

/// Windows asked at once, at most: twice as many after each that was read to its end.
const WINDOWS: usize = 8;
/// A page that has taken so long ends where it is, and the next goes on: most of its windows were emptied.
pub(super) const ENOUGH: Duration = Duration::from_millis(500);

/// The next records of a window.
pub(super) struct Step {
    pub(super) found: Found,
    /// Up to where all are known; `None` if to the window's end.
    pub(super) known: Option<Position>,
    /// Whether there is nothing at all up to there.
    pub(super) is_empty: bool,
}

/// Before everything that was created then.
pub(super) fn at(created_at: i64) -> Position {
    Position { created_at, ..Position::default() }
}

impl Database {
    /// The live records to which `access` leads behind `after`.
    pub(super) async fn list(
        &self,
        collection: &Collection,
        access: &Access,
        descending: bool,
        after: Option<&Position>,
        bounds: Bounds,
    ) -> Result<Page> {
        match access {
            Access::All => self.by_creation(collection, None, descending, after, bounds).await,
            Access::OwnedBy(owner) => {
                let list = List::new(collection.definition.uid, owner);
                self.by_creation(collection, Some(list), descending, after, bounds).await
            }
            Access::Indexed(slice) => self.seek(collection, slice, descending, after, bounds).await,
            Access::Updated => {
                let slice = super::seek::updated(collection.definition.uid);
                self.seek(collection, &slice, descending, after, bounds).await
            }
        }
    }

    async fn by_creation(
        &self,
        collection: &Collection,
        list: Option<List<'_>>,
        descending: bool,
        after: Option<&Position>,
        bounds: Bounds,
    ) -> Result<Page> {
        let (begun, uid, regimes) = (Instant::now(), collection.definition.uid, &collection.regimes);
        let noted = list.map_or(uid, |list| list.id);
        let mut page = Gathered::new(bounds);
        let mut here = after.cloned().unwrap_or_else(|| at(if descending { i64::MAX } else { i64::MIN }));
        // Of windows those are asked that are beyond this.
        let mut edge = match after {
            Some(after) if descending => regimes.window(after.created_at).saturating_add(1),
            Some(after) => regimes.window(after.created_at).saturating_sub(1),
            None => here.created_at,
        };
        let mut ahead = 1;
        loop {
            let windows = self.windows(noted, edge, descending).await?;
            let Some(furthest) = windows.last() else { return Ok(page.ended()) };
            edge = furthest.start;
            let mut windows = &windows[..];
            while let Some(next) = windows.first() {
                let batch = &windows[..ahead.min(windows.len())];
                let shards = list.map_or(regimes.shards(next.start).len(), |_| 1);
                let limit = page.limit(collection.weight(), batch.len() * shards);
                let from = &here;
                let steps = batch.iter().map(|window| async move {
                    match list {
                        Some(list) => self.step_owned(list, regimes, window.start, descending, from, limit).await,
                        None => self.step(uid, regimes, window, descending, from, limit).await,
                    }
                });
                let steps = try_join_all(steps).await?;
                // Only of what was looked at from end to end.
                let begins = |window: &Window| at(if descending { regimes.end(window.start) } else { window.start });
                let whole = |window: &Window| order(descending, from, &begins(window)).is_le();
                let emptied = batch.iter().zip(&steps).filter(|(window, step)| step.is_empty && whole(window));
                try_join_all(emptied.map(|(window, _)| self.clear_window(noted, regimes, window))).await?;
                for (window, Step { found, known, .. }) in batch.iter().zip(steps) {
                    if let Some(heaviest) = found.iter().map(|(_, row)| row.data.len()).max() {
                        collection.weighed(heaviest);
                    }
                    ahead = WINDOWS.min(ahead * 2);
                    if page.take(found, &mut here) {
                        return Ok(page.ended());
                    }
                    if let Some(known) = known {
                        // What was read of the windows behind is read again, when this one is through.
                        (here, ahead) = (known, 1);
                        break;
                    }
                    windows = &windows[1..];
                    let end = at(if descending { window.start } else { regimes.end(window.start) });
                    if order(descending, &here, &end).is_lt() {
                        here = end;
                    }
                }
                if begun.elapsed() > ENOUGH {
                    return Ok(page.unfinished(here));
                }
            }
        }
    }

    /// The next entries of a window, its shards merged.
    async fn step(
        &self,
        collection: Uuid,
        regimes: &Regimes,
        window: &Window,
        descending: bool,
        from: &Position,
        limit: usize,
    ) -> Result<Step> {
        let rows = i32::try_from(limit).unwrap_or(i32::MAX);
        let shards = regimes
            .shards(window.start)
            .map(|shard| self.slice((collection, window.start, shard), descending, from, rows));
        let (found, known) = merged(try_join_all(shards).await?, limit, descending, |(at, _)| at.clone());
        Ok(Step { is_empty: found.is_empty(), found, known })
    }
}

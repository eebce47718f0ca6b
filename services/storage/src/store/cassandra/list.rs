//! Lists: the windows from the newest on, each window's shards merged.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use uuid::Uuid;

use super::{database::Database, known::Collection, owned::List, place::Regimes, windows::Window};
use skep_proto::{Code, Error};

use crate::store::{Access, Bounds, Page, Position, Result, Row};

/// Rows asked of a shard at once, at most.
const CHUNK: usize = 32;
/// What a list may hold in memory beyond its page, in bytes, by what its rows weighed so far.
const HELD: usize = 8 * 1024 * 1024;
/// Windows asked at once, at most: twice as many after each that was read to its end.
const WINDOWS: usize = 8;
/// A page that has taken so long ends where it is, and the next goes on: most of its windows were emptied.
const ENOUGH: Duration = Duration::from_millis(500);

/// Ids and rows, newest first.
pub(super) type Found = Vec<(String, Row)>;
/// A place in a list: a creation and an id.
pub(super) type At = (i64, String);

/// The next records of a window.
pub(super) struct Step {
    pub(super) found: Found,
    /// Down to where all are known; `None` if to the window's end.
    pub(super) known: Option<At>,
    /// Whether there is nothing at all down to there.
    pub(super) is_empty: bool,
}

impl Database {
    /// The live records to which `access` leads before `after`, newest first.
    pub(super) async fn list(
        &self,
        collection: &Collection,
        access: &Access,
        after: Option<&Position>,
        bounds: Bounds,
    ) -> Result<Page> {
        let (begun, uid, regimes) = (Instant::now(), collection.definition.uid, &collection.regimes);
        let list = match access {
            Access::All => None,
            Access::OwnedBy(owner) => Some(List::new(uid, owner)),
            Access::Indexed(_) | Access::Updated => {
                return Err(Error::new(Code::Unsupported, "on Cassandra lists are served newest first alone so far"));
            }
        };
        let noted = list.map_or(uid, |list| list.id);
        let mut page = Gathered { page: Page::default(), bytes: 0, bounds };
        let mut at = after.map_or((i64::MAX, String::new()), |after| (after.created_at, after.id.clone()));
        let mut before = match after {
            Some(after) => regimes.window(after.created_at).saturating_add(1),
            None => i64::MAX,
        };
        let mut ahead = 1;
        loop {
            let windows = self.windows(noted, before).await?;
            let Some(oldest) = windows.last() else { return Ok(page.page) };
            before = oldest.start;
            let mut windows = &windows[..];
            while let Some(next) = windows.first() {
                let batch = &windows[..ahead.min(windows.len())];
                let shards = list.map_or(regimes.shards(next.start).len(), |_| 1);
                let limit = page.limit(collection.weight(), batch.len() * shards);
                let at_once = &at;
                let steps = batch.iter().map(|window| async move {
                    match list {
                        Some(list) => self.step_owned(list, regimes, window.start, at_once, limit).await,
                        None => self.step(uid, regimes, window, at_once, limit).await,
                    }
                });
                let steps = try_join_all(steps).await?;
                let emptied = batch
                    .iter()
                    .zip(&steps)
                    .filter(|(window, step)| step.is_empty && at.0 >= regimes.end(window.start));
                try_join_all(emptied.map(|(window, _)| self.clear_window(noted, regimes, window))).await?;
                for (window, Step { found, known, .. }) in batch.iter().zip(steps) {
                    if let Some(heaviest) = found.iter().map(|(_, row)| row.data.len()).max() {
                        collection.weighed(heaviest);
                    }
                    ahead = WINDOWS.min(ahead * 2);
                    if page.take(found, &mut at) {
                        return Ok(page.page);
                    }
                    if let Some(known) = known {
                        // What was read of the windows behind is read again, when this one is through.
                        (at, ahead) = (known, 1);
                        break;
                    }
                    windows = &windows[1..];
                    at = at.min((window.start, String::new()));
                }
                if begun.elapsed() > ENOUGH {
                    return Ok(page.unfinished(at));
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
        (created_at, id): &At,
        limit: usize,
    ) -> Result<Step> {
        let rows = i32::try_from(limit).unwrap_or(i32::MAX);
        let shards = regimes
            .shards(window.start)
            .map(|shard| self.slice((collection, window.start, shard), (*created_at, id), rows));
        let shards = try_join_all(shards).await?;
        // A shard that gave all it was asked for may hold more: nothing is known of what is older than its last.
        let known = shards.iter().filter(|shard| shard.len() == limit).filter_map(|shard| shard.last());
        let known = known.map(|(id, row)| (row.created_at, id.clone())).max();
        let mut found: Found = shards.into_iter().flatten().collect();
        found.sort_unstable_by(|(a, x), (b, y)| (y.created_at, b).cmp(&(x.created_at, a)));
        if let Some(known) = &known {
            found.retain(|(id, row)| (row.created_at, id) >= (known.0, &known.1));
        }
        Ok(Step { is_empty: found.is_empty(), found, known })
    }
}

/// A page, and how full it is.
struct Gathered {
    page: Page,
    bytes: usize,
    bounds: Bounds,
}

impl Gathered {
    /// Takes what fits; `true` once the page is full.
    fn take(&mut self, found: Found, at: &mut At) -> bool {
        for (id, row) in found {
            let (records, bytes) = (self.page.records.len(), self.bytes + row.data.len());
            if records == self.bounds.records || (bytes > self.bounds.bytes && records > 0) {
                self.page.next = Some(Position { created_at: at.0, id: at.1.clone(), ..Position::default() });
                return true;
            }
            self.bytes = bytes;
            *at = (row.created_at, id.clone());
            self.page.records.push((Position { created_at: row.created_at, id, ..Position::default() }, row));
        }
        false
    }

    /// How many rows to ask of each of so many shards: twice its part of what the page still wants, as they are not
    /// quite even, or as many as may be held.
    fn limit(&self, weight: usize, shards: usize) -> usize {
        let wanted = self.bounds.records - self.page.records.len() + 1;
        let held = HELD / (weight.max(1) * shards);
        (2 * wanted / shards).min(wanted).min(held).clamp(2, CHUNK)
    }

    /// The page as it is, which goes on at `at`.
    fn unfinished(mut self, (created_at, id): At) -> Page {
        self.page.next = Some(Position { created_at, id, ..Position::default() });
        self.page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_asked_of_all_shards_than_may_be_held() {
        let page = Gathered { page: Page::default(), bytes: 0, bounds: Bounds { records: 1000, bytes: usize::MAX } };
        for (weight, shards, rows) in [(0, 4, CHUNK), (1000, 32, CHUNK), (100_000, 4, 20), (HELD, 4, 2)] {
            assert_eq!(page.limit(weight, shards), rows, "of {shards} shards, rows of {weight} bytes");
        }
    }
}

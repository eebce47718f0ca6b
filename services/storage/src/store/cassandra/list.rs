//! Lists: the windows from the newest on, each window's shards merged.

use futures_util::future::try_join_all;
use uuid::Uuid;

use super::{database::Database, place::Regimes, windows::Window};
use crate::store::{Bounds, Page, Position, Result, Row};

/// Rows asked of a shard at once, at most: at a mebibyte each, what a list holds in memory beyond its page.
const CHUNK: usize = 32;
/// Windows asked at once, at most: more with each that is found empty.
const WINDOWS: usize = 8;

type Found = Vec<(String, Row)>;

impl Database {
    /// The live records before `after`, newest first.
    pub(super) async fn list(
        &self,
        collection: Uuid,
        regimes: &Regimes,
        after: Option<&Position>,
        bounds: Bounds,
    ) -> Result<Page> {
        let mut page = Filling { page: Page::default(), bytes: 0, bounds };
        let mut at = after.map_or((i64::MAX, String::new()), |after| (after.created_at, after.id.clone()));
        let mut before = match after {
            Some(after) => regimes.place(after.created_at, &after.id).window.saturating_add(1),
            None => i64::MAX,
        };
        let (mut ahead, mut chunk) = (1, CHUNK.min(bounds.records + 1));
        loop {
            let windows = self.windows(collection, before).await?;
            let Some(last) = windows.last() else { return Ok(page.page) };
            before = last.start;
            let mut windows = &windows[..];
            while !windows.is_empty() {
                let batch = &windows[..ahead.min(windows.len())];
                let limit = (chunk / batch.len()).max(2);
                let steps = batch.iter().map(|window| self.step(collection, regimes, window, &at, limit));
                for (window, (found, ended)) in batch.iter().zip(try_join_all(steps).await?) {
                    if found.is_empty() && ended && at.0 >= regimes.end(window.start) {
                        self.clear_window(collection, regimes, window).await?;
                    }
                    ahead = if found.is_empty() { WINDOWS.min(ahead + 1) } else { 1 };
                    if page.take(found, &mut at) {
                        return Ok(page.page);
                    }
                    chunk = page.next_chunk();
                    if !ended {
                        // What was read of the windows behind is read again, when this one is through.
                        ahead = 1;
                        break;
                    }
                    windows = &windows[1..];
                }
            }
        }
    }

    /// The next entries of a window, and whether it ends with them. All of them are known down to the oldest.
    async fn step(
        &self,
        collection: Uuid,
        regimes: &Regimes,
        window: &Window,
        (created_at, id): &(i64, String),
        limit: usize,
    ) -> Result<(Found, bool)> {
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
        Ok((found, known.is_none()))
    }
}

/// A page, and how full it is.
struct Filling {
    page: Page,
    bytes: usize,
    bounds: Bounds,
}

impl Filling {
    /// Takes what fits; `true` once the page is full.
    fn take(&mut self, found: Found, at: &mut (i64, String)) -> bool {
        for (id, row) in found {
            let (records, bytes) = (self.page.records.len(), self.bytes + row.data.len());
            if records == self.bounds.records || (bytes > self.bounds.bytes && records > 0) {
                self.page.next = Some(Position { created_at: at.0, id: at.1.clone() });
                return true;
            }
            self.bytes = bytes;
            *at = (row.created_at, id.clone());
            self.page.records.push((id, row));
        }
        false
    }

    /// As many rows as the page still wants, or by what they weigh so far can hold.
    fn next_chunk(&self) -> usize {
        let records = self.page.records.len();
        let wanted = self.bounds.records - records + 1;
        if records == 0 {
            return wanted.min(CHUNK);
        }
        let weight = (self.bytes / records).max(1);
        wanted.min((self.bounds.bytes - self.bytes.min(self.bounds.bytes)) / weight + 1)
    }
}

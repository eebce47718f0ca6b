//! How full windows become, and when a collection moves to windows of another length.
//!
//! Each process counts what it puts into the newest window of each collection. A window that is full is followed by
//! another, whose length is chosen by the rate; one that stays nearly empty for long is followed by a longer one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::place::{Regime, Regimes};
use crate::store::{Row, Span};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// The lengths of windows, in microseconds.
const LENGTHS: [i64; 7] = [SECOND, 10 * SECOND, 60 * SECOND, 600 * SECOND, 7200 * SECOND, DAY, 30 * DAY];
/// Partitions that share a window: few, as a list reads them all; enough for a surge before the next regime.
const SHARDS: i32 = 4;
/// What a partition may weigh, in bytes, before its window is followed by another.
const FULL: u64 = 16 * 1024 * 1024;
/// What a record weighs beside its data: more than its columns take, so that no partition has more than 8,192 when it
/// is full, and its deletions are no wall to lists.
const RECORD: u64 = 2048;
/// How far ahead a regime begins, in microseconds: beyond the minute by which an id may be ahead of our clock, the half
/// minute for which a coordinator may stop and go on, the turn of who divides, and the lease on definitions. So everybody
/// knows it before the first record can belong to it.
const AHEAD: i64 = 120 * SECOND;
/// How long a rate is watched, at first, before windows become longer; each regime that was doubles it.
const WATCHED: Duration = Duration::from_mins(10);
/// Regimes for records of before: every replica has them in memory, and every statement on a record looks there.
const REGIMES: usize = 64;
const WATCHED_MOST: Duration = Duration::from_hours(7 * 24);

impl Default for Regimes {
    fn default() -> Self {
        Self(vec![(i64::MIN, LENGTHS[LENGTHS.len() - 1], SHARDS)])
    }
}

/// What was put into a collection, by one process or by all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    /// The newest window.
    pub(super) window: i64,
    /// What was put into it, in bytes, and in how long.
    pub(super) filled: (u64, Duration),
    /// All that was counted, in bytes, and in how long.
    pub(super) watched: (u64, Duration),
}

impl Observed {
    /// What so many processes do when all are like this one.
    pub(super) fn times(self, processes: u64) -> Self {
        let times = |(bytes, time): (u64, Duration)| (bytes.saturating_mul(processes), time);
        Self { filled: times(self.filled), watched: times(self.watched), ..self }
    }
}

impl Regimes {
    /// For records of before, whose spans are in order: windows that they fill once, by how close together they were made.
    /// What comes after `now` begins anew.
    pub(super) fn for_spans(spans: &[Span], now: i64) -> Self {
        let mut regimes = Self::default();
        for span in spans {
            let seconds = (span.until.saturating_sub(span.from) / SECOND).max(1).unsigned_abs();
            let weight = span.bytes.saturating_add(RECORD.saturating_mul(span.records));
            let length = fitting(weight.div_ceil(seconds));
            if length != regimes.last().1 && regimes.0.len() < REGIMES {
                regimes.0.push((span.from, length, SHARDS));
            }
        }
        let longest = LENGTHS[LENGTHS.len() - 1];
        if regimes.last().1 < longest {
            regimes.0.push((now + AHEAD, longest, SHARDS));
        }
        regimes
    }

    /// The regime that should follow, if any.
    pub(super) fn next(&self, now: i64, observed: &Observed) -> Option<Regime> {
        let &(from, length, shards) = self.last();
        if from > now {
            return None;
        }
        let begin = |length| Some((now + AHEAD, length, SHARDS));
        if observed.window >= from && observed.filled.0 > FULL * u64::from(shards.unsigned_abs()) {
            // Shorter at least by one, or a rate that comes in bursts would fill the list of regimes.
            let shorter = LENGTHS.into_iter().rev().find(|&other| other < length)?;
            return begin(fitting(2 * rate(observed.filled)).min(shorter));
        }
        let longer = fitting(4 * rate(observed.watched));
        (observed.watched.1 >= self.patience() && longer > length).then(|| begin(longer)).flatten()
    }

    /// How long a rate is watched before windows become longer.
    pub(super) fn patience(&self) -> Duration {
        WATCHED.saturating_mul(1 << self.0.len().min(20)).min(WATCHED_MOST)
    }
}

/// The longest window that a rate, in bytes per second, does not fill.
fn fitting(rate: u64) -> i64 {
    let fits = |length: i64| {
        let seconds = u64::try_from(length / SECOND).unwrap_or_default();
        rate.saturating_mul(seconds) <= FULL * u64::from(SHARDS.unsigned_abs())
    };
    LENGTHS.into_iter().rev().find(|&length| fits(length)).unwrap_or(LENGTHS[0])
}

fn rate((bytes, time): (u64, Duration)) -> u64 {
    bytes.saturating_mul(1000) / u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// What this process has put into each collection.
#[derive(Default)]
pub(super) struct Filling(Mutex<HashMap<Uuid, Counted>>);

struct Counted {
    window: i64,
    filled: (u64, Instant),
    watched: (u64, Instant),
}

impl Filling {
    /// Counts a record that was made.
    pub(super) fn count(&self, collection: Uuid, window: i64, row: &Row) {
        let (none, weight) = ((0, Instant::now()), row.data.len() as u64 + RECORD);
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = counted.entry(collection).or_insert(Counted { window, filled: none, watched: none });
        if window > counted.window {
            (counted.window, counted.filled) = (window, none);
        }
        if window == counted.window {
            counted.filled.0 += weight;
        }
        counted.watched.0 += weight;
    }

    /// Everything that was counted, by collection.
    pub(super) fn observed(&self) -> Vec<(Uuid, Observed)> {
        let since = |(bytes, time): (u64, Instant)| (bytes, time.elapsed());
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let observed = counted.iter().map(|(&collection, counted)| {
            let Counted { window, filled, watched } = *counted;
            (collection, Observed { window, filled: since(filled), watched: since(watched) })
        });
        observed.collect()
    }

    /// Watches anew; what nothing came into meanwhile is watched when something does.
    pub(super) fn watch_anew(&self, collection: Uuid) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(&collection).is_some_and(|counted| counted.watched.0 == 0) {
            all.remove(&collection);
        } else if let Some(counted) = all.get_mut(&collection) {
            counted.watched = (0, Instant::now());
        }
    }

    /// Of a collection that is gone.
    pub(super) fn forget(&self, collection: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&collection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000 * SECOND;

    fn observed(filled: (u64, u64), watched: (u64, u64)) -> Observed {
        let time = |(bytes, seconds)| (bytes, Duration::from_secs(seconds));
        Observed { window: NOW, filled: time(filled), watched: time(watched) }
    }

    #[test]
    fn a_full_window_is_followed_by_one_that_fits_the_rate() {
        let regimes = Regimes::default();
        let full = 4 * FULL + 1;
        assert_eq!(regimes.next(NOW, &observed((full - 1, 1), (0, 1))), None);
        for (seconds, length) in [(1, SECOND), (60, 10 * SECOND), (3600, 600 * SECOND), (9_000_000, DAY)] {
            let next = regimes.next(NOW, &observed((full, seconds), (full, seconds)));
            assert_eq!(next, Some((NOW + AHEAD, length, SHARDS)), "{seconds} s");
        }
    }

    #[test]
    fn nothing_follows_until_the_last_regime_has_begun_and_its_window_is_counted() {
        let mut regimes = Regimes::default();
        let busy = observed((u64::MAX, 1), (u64::MAX, 1));
        regimes.0.push(regimes.next(NOW, &busy).unwrap());
        assert_eq!(regimes.next(NOW + AHEAD - 1, &busy), None);
        assert_eq!(regimes.next(NOW + AHEAD, &busy), None, "what was counted is in a window before");
        let shortest = Regimes(vec![(i64::MIN, SECOND, SHARDS)]);
        assert_eq!(shortest.next(NOW, &busy), None);
    }

    #[test]
    fn a_rate_that_falls_is_watched_longer_each_time() {
        let mut regimes = Regimes(vec![(i64::MIN, SECOND, SHARDS)]);
        let quiet = |seconds| observed((0, 1), (1024, seconds));
        assert_eq!(regimes.next(NOW, &quiet(1199)), None);
        assert_eq!(regimes.next(NOW, &quiet(1200)), Some((NOW + AHEAD, 30 * DAY, SHARDS)));
        regimes.0.push((0, SECOND, SHARDS));
        assert_eq!(regimes.next(NOW, &quiet(1200)), None);
        regimes.0.extend([(1, SECOND, SHARDS); 100]);
        assert_eq!(regimes.patience(), WATCHED_MOST);
    }

    #[test]
    fn processes_count_together() {
        let counts = Filling::default();
        let (collection, row) =
            (Uuid::now_v7(), Row::first(Uuid::now_v7(), 0, None, bytes::Bytes::from(vec![0; 1000])));
        counts.count(collection, 5, &row);
        counts.count(collection, 5, &row);
        counts.count(collection, 4, &row);
        let seen = counts.observed()[0].1.times(3);
        assert_eq!((seen.window, seen.filled.0, seen.watched.0), (5, 2 * 3048 * 3, 3 * 3048 * 3));
        counts.count(collection, 6, &row);
        assert_eq!(counts.observed()[0].1.filled.0, 3048);
        counts.watch_anew(collection);
        assert_eq!(counts.observed()[0].1.watched.0, 0);
        counts.watch_anew(collection);
        assert!(counts.observed().is_empty());
    }
}

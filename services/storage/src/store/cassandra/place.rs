//! Where a record's entry is: follows from its collection, id and creation alone.

use sha2::{Digest, Sha256};

const MINUTE: i64 = 60 * 1_000_000;

/// How a collection's entries are divided: from a time on, into windows of so long, each of so many shards.
///
/// In order of time, never changed but by one more at the end, which begins in the future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Regimes(pub(super) Vec<Regime>);

/// From (microseconds since the epoch), length of a window (microseconds), shards.
pub(super) type Regime = (i64, i64, i32);

/// The partition of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// When its window begins, in microseconds since the epoch.
    pub(super) window: i64,
    pub(super) shard: i32,
}

impl Default for Regimes {
    fn default() -> Self {
        Self(vec![(i64::MIN, MINUTE, 2)])
    }
}

impl Regimes {
    /// The place of the record `id` that was created at `created_at`.
    pub(super) fn place(&self, created_at: i64, id: &str) -> Place {
        let &(from, length, shards) = self.of(created_at);
        // A regime begins in the middle of a window of the one before.
        let window = created_at.saturating_sub(created_at.rem_euclid(length)).max(from);
        let digest = Sha256::digest(id);
        let hash = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        Place { window, shard: i32::try_from(i64::from(hash) % i64::from(shards)).unwrap_or(0) }
    }

    /// The shards of the window that begins at `window`.
    pub(super) fn shards(&self, window: i64) -> std::ops::Range<i32> {
        0..self.of(window).2
    }

    /// When that window ends, at the latest.
    pub(super) fn end(&self, window: i64) -> i64 {
        window + self.of(window).1
    }

    fn of(&self, time: i64) -> &Regime {
        let next = self.0.partition_point(|(from, ..)| *from <= time);
        &self.0[next.saturating_sub(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_the_regime_of_their_time() {
        let regimes = Regimes(vec![(i64::MIN, 60, 2), (1000, 600, 4)]);
        assert_eq!(regimes.place(959, "a").window, 900);
        assert_eq!(regimes.place(999, "a").window, 960);
        assert_eq!(regimes.place(1000, "a").window, 1000);
        assert_eq!(regimes.place(1199, "a").window, 1000);
        assert_eq!(regimes.place(1200, "a").window, 1200);
        assert_eq!(regimes.place(-1, "a").window, -60);
        assert_eq!((regimes.shards(960), regimes.shards(1000), regimes.end(1200)), (0..2, 0..4, 1800));
    }

    #[test]
    fn shards_share_evenly() {
        let regimes = Regimes(vec![(i64::MIN, MINUTE, 8)]);
        let mut held = [0; 8];
        for _ in 0..80_000 {
            let id = skep_proto::mutation::new().to_string();
            held[usize::try_from(regimes.place(0, &id).shard).unwrap()] += 1;
        }
        assert!(held.iter().all(|held| (9_500..10_500).contains(held)), "{held:?}");
    }
}

//! Where a record's entry is: follows from its collection, id and creation alone.

use sha2::{Digest, Sha256};

/// How a collection's entries are divided: from a time on, into windows of so long, each of so many shards.
///
/// In order of time, never changed but by one more at the end, which begins in the future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Regimes(pub(super) Vec<Regime>);

/// From (microseconds since the epoch), length of a window (microseconds), shards.
pub(super) type Regime = (i64, i64, i32);

/// The partition of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// When its window begins, in microseconds since the epoch.
    pub(super) window: i64,
    pub(super) shard: i32,
}

impl Regimes {
    /// The place of the record `id` that was created at `created_at`.
    pub(super) fn place(&self, created_at: i64, id: &str) -> Place {
        Place { window: self.window(created_at), shard: shard(id, self.of(created_at).2) }
    }

    /// The window of that time.
    pub(super) fn window(&self, time: i64) -> i64 {
        let &(from, length, _) = self.of(time);
        // A regime begins in the middle of a window of the one before.
        time.saturating_sub(time.rem_euclid(length)).max(from)
    }

    /// The shards of the window that begins at `window`.
    pub(super) fn shards(&self, window: i64) -> std::ops::Range<i32> {
        0..self.of(window).2
    }

    /// When that window ends.
    pub(super) fn end(&self, window: i64) -> i64 {
        let next = self.0.partition_point(|(from, ..)| *from <= window);
        let cut = self.0.get(next).map_or(i64::MAX, |(from, ..)| *from);
        (window + self.of(window).1).min(cut)
    }

    /// The newest.
    pub(super) fn last(&self) -> &Regime {
        self.of(i64::MAX)
    }

    fn of(&self, time: i64) -> &Regime {
        let next = self.0.partition_point(|(from, ..)| *from <= time);
        &self.0[next.saturating_sub(1)]
    }
}

/// Which of so many shards has the record `id`.
pub(super) fn shard(id: &str, shards: i32) -> i32 {
    let digest = Sha256::digest(id);
    let hash = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    i32::try_from(i64::from(hash) % i64::from(shards)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use scylla::routing::partitioner::{Murmur3Partitioner, Partitioner, PartitionerHasher};
    use uuid::Uuid;

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
        assert_eq!((regimes.end(900), regimes.end(960)), (960, 1000));
    }

    /// An hour of a busy collection, over a ring of twelve equal arcs: a node of a larger cluster has many such.
    #[test]
    fn records_share_the_ring_evenly() {
        const ARCS: usize = 12;
        let (collection, regimes) = (Uuid::now_v7(), Regimes(vec![(i64::MIN, 10_000_000, 4)]));
        let mut held = [0_usize; ARCS];
        for second in 0..3600 {
            for record in 0..20 {
                let place = regimes.place(second * 1_000_000, &format!("{second}-{record}"));
                let mut hasher = Murmur3Partitioner.build_hasher();
                // A key of several columns: each with its length before it and a zero after it.
                for column in [&collection.as_bytes()[..], &place.window.to_be_bytes(), &place.shard.to_be_bytes()] {
                    hasher.write(&u16::try_from(column.len()).unwrap().to_be_bytes());
                    hasher.write(column);
                    hasher.write(&[0]);
                }
                let token = hasher.finish().value().wrapping_sub(i64::MIN).cast_unsigned();
                held[usize::try_from(token / (u64::MAX / ARCS as u64 + 1)).unwrap()] += 1;
            }
        }
        let even = 3600 * 20 / ARCS;
        assert!(held.iter().all(|&held| held > even * 2 / 3 && held < even * 4 / 3), "{held:?}");
    }
}

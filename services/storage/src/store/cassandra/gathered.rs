//! A page while it is put together.

use std::cmp::Ordering;

use crate::store::{Bounds, Page, Position, Row};

/// Rows asked of a partition at once, at most.
const CHUNK: usize = 32;
/// What a page may hold in memory beyond itself, in bytes, by what its rows weighed so far.
const HELD: usize = 8 * 1024 * 1024;

/// Rows and where they stand, in the order of their list.
pub(super) type Found = Vec<(Position, Row)>;

/// A page, and how full it is.
pub(super) struct Gathered {
    page: Page,
    bytes: usize,
    bounds: Bounds,
}

impl Gathered {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { page: Page::default(), bytes: 0, bounds }
    }

    /// Takes what fits, and moves `at` behind it; `true` once the page is full.
    pub(super) fn take(&mut self, found: Found, at: &mut Position) -> bool {
        for (position, row) in found {
            let (records, bytes) = (self.page.records.len(), self.bytes + row.data.len());
            if records == self.bounds.records || (bytes > self.bounds.bytes && records > 0) {
                self.page.next = Some(at.clone());
                return true;
            }
            self.bytes = bytes;
            at.clone_from(&position);
            self.page.records.push((position, row));
        }
        false
    }

    /// How many records it still wants, with one more that tells that there is one.
    pub(super) fn wanted(&self) -> usize {
        self.bounds.records - self.page.records.len() + 1
    }

    /// How many rows to ask of each of so many shards: twice its part of what the page still wants, as they are not
    /// quite even, or as many as may be held.
    pub(super) fn limit(&self, weight: usize, shards: usize) -> usize {
        let held = HELD / (weight.max(1) * shards);
        (2 * self.wanted() / shards).min(self.wanted()).min(held).clamp(2, CHUNK)
    }

    /// The page as the last of its list.
    pub(super) fn ended(self) -> Page {
        self.page
    }

    /// The page as it is, which goes on behind `at`.
    pub(super) fn unfinished(mut self, at: Position) -> Page {
        self.page.next = Some(at);
        self.page
    }
}

/// Which of two comes first in a list that goes that way.
pub(super) fn order(descending: bool, a: &Position, b: &Position) -> Ordering {
    let ascending = (&a.key, a.created_at, &a.id).cmp(&(&b.key, b.created_at, &b.id));
    if descending { ascending.reverse() } else { ascending }
}

/// What several partitions gave, each in its order and at most `limit`, as one list; and up to where that is all, if it is
/// not all there is.
pub(super) fn merged<T>(
    partitions: Vec<Vec<T>>,
    limit: usize,
    descending: bool,
    at: impl Fn(&T) -> Position,
) -> (Vec<T>, Option<Position>) {
    // One that gave all it was asked for may hold more: nothing is known of what is behind its last.
    let full = partitions.iter().filter(|partition| partition.len() == limit);
    let known = full.filter_map(|partition| partition.last().map(&at)).min_by(|a, b| order(descending, a, b));
    let mut found: Vec<(Position, T)> =
        partitions.into_iter().flatten().map(|element| (at(&element), element)).collect();
    if let Some(known) = &known {
        found.retain(|(at, _)| order(descending, at, known).is_le());
    }
    found.sort_unstable_by(|(a, _), (b, _)| order(descending, a, b));
    (found.into_iter().map(|(_, element)| element).collect(), known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_asked_of_all_shards_than_may_be_held() {
        let page = Gathered::new(Bounds { records: 1000, bytes: usize::MAX });
        for (weight, shards, rows) in [(0, 4, CHUNK), (1000, 32, CHUNK), (100_000, 4, 20), (HELD, 4, 2)] {
            assert_eq!(page.limit(weight, shards), rows, "of {shards} shards, rows of {weight} bytes");
        }
    }

    #[test]
    fn what_is_merged_ends_where_a_full_partition_does() {
        let at = |created_at: &i64| Position { created_at: *created_at, ..Position::default() };
        let (found, known) = merged(vec![vec![1, 4], vec![2, 3], vec![7]], 2, false, at);
        assert_eq!((found, known), (vec![1, 2, 3], Some(at(&3))));
        let (found, known) = merged(vec![vec![4, 1], vec![7]], 3, true, at);
        assert_eq!((found, known), (vec![7, 4, 1], None));
    }
}

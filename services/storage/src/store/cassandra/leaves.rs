//! How an index is cut into leaves, and how that changes.
//!
//! A leaf is a range of entries, in partitions of its own. Writers write to every leaf that holds an entry, readers read
//! those that are live: so leaves are replaced by others while both go on.

use uuid::Uuid;

use crate::store::{IndexState, Position, sortable};

/// What a leaf is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Written and read.
    Live,
    /// Written, and being filled with what was there before.
    Filling,
    /// Written for those who read it still.
    Draining,
}

/// Entries from one on to before another, as [`route`] tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) start: Vec<u8>,
    /// Empty for the last.
    pub(super) until: Vec<u8>,
    /// The partitions it has.
    pub(super) id: Uuid,
    pub(super) mode: Mode,
}

/// The leaves of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Map {
    /// Names this state of it; `None` if it was never changed.
    pub(super) version: Option<Uuid>,
    /// By start; the live ones are a whole, if there are any.
    pub(super) leaves: Vec<Leaf>,
    /// Records or entries that were looked at to fill leaves.
    pub(super) looked: u64,
    /// The last of them.
    pub(super) copied: Option<Position>,
}

/// Where an entry stands in its index, as bytes. Its key begins with its kind.
pub(super) fn route(at: &Position) -> Vec<u8> {
    [&at.key[..], &sortable(at.created_at), at.id.as_bytes()].concat()
}

impl Leaf {
    fn holds(&self, entry: &[u8]) -> bool {
        *self.start <= *entry && (self.until.is_empty() || *entry < *self.until)
    }

    fn overlaps(&self, from: &[u8], until: &[u8]) -> bool {
        (until.is_empty() || *self.start < *until) && (self.until.is_empty() || *from < *self.until)
    }
}

impl Map {
    /// Of an index that nobody has changed yet: one leaf, if its collection had the index before it had records.
    pub(super) fn unchanged(index: Uuid, state: IndexState) -> Self {
        let whole = Leaf { start: Vec::new(), until: Vec::new(), id: index, mode: Mode::Live };
        let leaves = if state == IndexState::Ready { vec![whole] } else { Vec::new() };
        Self { version: None, leaves, looked: 0, copied: None }
    }

    /// Cut at `separators`, which are in order, and still to be filled with records.
    pub(super) fn cut(separators: &[Vec<u8>]) -> Vec<Leaf> {
        tiles(&[], &[], separators)
    }

    /// What its index can be used for.
    pub(super) fn state(&self) -> IndexState {
        if self.leaves.iter().any(|leaf| leaf.mode == Mode::Live) {
            IndexState::Ready
        } else {
            IndexState::Building(self.looked)
        }
    }

    /// Whom an entry is written to.
    pub(super) fn holding(&self, entry: &[u8]) -> impl Iterator<Item = &Leaf> {
        self.leaves.iter().filter(move |leaf| leaf.holds(entry))
    }

    /// Whom entries from one on to before another are read from, in order.
    pub(super) fn live(&self, from: &[u8], until: &[u8]) -> impl DoubleEndedIterator<Item = &Leaf> {
        self.leaves.iter().filter(move |leaf| leaf.mode == Mode::Live && leaf.overlaps(from, until))
    }

    pub(super) fn of(&self, mode: Mode) -> impl Iterator<Item = &Leaf> {
        self.leaves.iter().filter(move |leaf| leaf.mode == mode)
    }

    /// What is under way: which leaves are filled, or drained; `None` if nothing is.
    pub(super) fn change(&self) -> Option<(Mode, Uuid)> {
        let first = |mode| self.of(mode).next().map(|leaf| (mode, leaf.id));
        first(Mode::Filling).or_else(|| first(Mode::Draining))
    }

    /// The live leaves from which those that are filled get what they are to hold.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Leaf> {
        let is_replaced = |leaf: &Leaf| self.of(Mode::Filling).any(|new| new.overlaps(&leaf.start, &leaf.until));
        self.of(Mode::Live).filter(move |leaf| is_replaced(leaf))
    }

    /// With leaves beside the live ones `replaced`, which are neighbours, that are to replace them, cut at `separators`.
    pub(super) fn announced(&self, replaced: &[Uuid], separators: &[Vec<u8>]) -> Vec<Leaf> {
        let mut leaves = self.leaves.clone();
        let mut old = self.leaves.iter().filter(|leaf| replaced.contains(&leaf.id));
        if let Some(first) = old.next() {
            let last = old.next_back().unwrap_or(first);
            leaves.extend(tiles(&first.start, &last.until, separators));
        }
        sorted(leaves)
    }

    /// With those live that were filled, and those draining that they replace.
    pub(super) fn switched(&self) -> Vec<Leaf> {
        let replaced: Vec<Uuid> = self.sources().map(|leaf| leaf.id).collect();
        let mut leaves = self.leaves.clone();
        for leaf in &mut leaves {
            leaf.mode = match leaf.mode {
                Mode::Filling => Mode::Live,
                Mode::Live if replaced.contains(&leaf.id) => Mode::Draining,
                other => other,
            };
        }
        leaves
    }

    /// Without those that were drained.
    pub(super) fn drained(&self) -> Vec<Leaf> {
        self.leaves.iter().filter(|leaf| leaf.mode != Mode::Draining).cloned().collect()
    }
}

fn tiles(start: &[u8], until: &[u8], separators: &[Vec<u8>]) -> Vec<Leaf> {
    let starts = std::iter::once(start).chain(separators.iter().map(Vec::as_slice));
    let ends = separators.iter().map(Vec::as_slice).chain([until]);
    let leaf = |(start, until): (&[u8], &[u8])| Leaf {
        start: start.to_vec(),
        until: until.to_vec(),
        id: Uuid::now_v7(),
        mode: Mode::Filling,
    };
    starts.zip(ends).map(leaf).collect()
}

fn sorted(mut leaves: Vec<Leaf>) -> Vec<Leaf> {
    leaves.sort_by(|a, b| a.start.cmp(&b.start));
    leaves
}

/// Where to cut `samples`, which are in order, into so many parts; fewer where too many are equal.
pub(super) fn separators(samples: &[Vec<u8>], parts: usize) -> Vec<Vec<u8>> {
    let at = |part: usize| samples.len() * part / parts.max(1);
    let mut found: Vec<Vec<u8>> = (1..parts)
        .filter_map(|part| Some((samples.get(at(part).checked_sub(1)?)?, samples.get(at(part))?)))
        .filter(|(before, behind)| before < behind)
        .map(|(before, behind)| shortest(before, behind))
        .collect();
    found.dedup();
    found
}

/// The shortest bytes behind `before` that are not behind `behind`.
fn shortest(before: &[u8], behind: &[u8]) -> Vec<u8> {
    let common = before.iter().zip(behind).take_while(|(a, b)| a == b).count();
    behind[..behind.len().min(common + 1)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(leaves: Vec<Leaf>) -> Map {
        Map { version: None, leaves, looked: 0, copied: None }
    }

    fn ids<'a>(leaves: impl Iterator<Item = &'a Leaf>) -> Vec<Uuid> {
        leaves.map(|leaf| leaf.id).collect()
    }

    #[test]
    fn a_leaf_is_replaced_while_others_read_and_write() {
        let whole = Map::unchanged(Uuid::now_v7(), IndexState::Ready);
        let old = whole.leaves[0].id;
        let announced = map(whole.announced(&[old], &[b"f".to_vec(), b"p".to_vec()]));
        let new = ids(announced.of(Mode::Filling));
        assert_eq!(ids(announced.live(b"a", b"z")), [old]);
        assert_eq!(ids(announced.holding(b"f")), [old, new[1]]);
        assert_eq!(ids(announced.sources()), [old]);

        let switched = map(announced.switched());
        assert_eq!(ids(switched.live(b"a", b"z")), new);
        assert_eq!(ids(switched.live(b"f", b"p")), [new[1]]);
        assert_eq!(ids(switched.holding(b"e")), [old, new[0]]);
        assert_eq!(switched.change(), Some((Mode::Draining, old)));

        let drained = map(switched.drained());
        assert_eq!((ids(drained.holding(b"z")), drained.change()), (vec![new[2]], None));
        // One of them is replaced by one alone, the others stay.
        let renewed = map(drained.announced(&[new[1]], &[]));
        assert_eq!(ids(renewed.sources()), [new[1]]);
        let switched = map(renewed.switched());
        assert_eq!((switched.of(Mode::Live).count(), ids(switched.of(Mode::Draining))), (3, vec![new[1]]));
        // And two by one.
        let merged = map(map(drained.announced(&[new[2], new[1]], &[])).switched());
        assert_eq!(ids(merged.of(Mode::Draining)), new[1..]);
        assert_eq!((merged.of(Mode::Live).count(), merged.live(b"z", b"").count()), (2, 1));
    }

    #[test]
    fn an_index_that_is_built_is_written_before_it_is_read() {
        let unbuilt = Map::unchanged(Uuid::now_v7(), IndexState::Building(0));
        assert_eq!((unbuilt.holding(b"a").count(), unbuilt.state()), (0, IndexState::Building(0)));
        let building = Map { leaves: Map::cut(&[b"k".to_vec()]), looked: 7, ..unbuilt };
        assert_eq!((building.holding(b"a").count(), building.live(b"", b"").count()), (1, 0));
        assert_eq!((building.state(), building.sources().count()), (IndexState::Building(7), 0));
        assert_eq!(map(building.switched()).state(), IndexState::Ready);
    }

    #[test]
    fn what_is_cut_has_parts_alike() {
        let samples: Vec<_> = (0..100_u8).map(|n| vec![7, n, 3]).collect();
        let cuts = separators(&samples, 4);
        assert_eq!(cuts, [vec![7, 25], vec![7, 50], vec![7, 75]]);
        assert_eq!(separators(&vec![vec![1, 2]; 50], 4), Vec::<Vec<u8>>::new());
        assert_eq!(separators(&[], 4), Vec::<Vec<u8>>::new());
        assert_eq!(separators(&samples, 1), Vec::<Vec<u8>>::new());
    }
}

//! Whether what clients saw of one record has an order that agrees with time (linearizability).
//!
//! The record holds a count, and a write makes it one more than the version that its condition names: each count is written
//! once. Then an order by count, each write before the reads of what it wrote, is the only one that explains the answers, and
//! it agrees with time if nothing that ended before something else began has a higher count than that (for a write: as high).

use std::time::Instant;

/// A read of `count`, or the write that made it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) count: u64,
    pub(super) is_write: bool,
    pub(super) begun: Instant,
    /// `None` if nothing is known of its end, and so of whether it was made.
    pub(super) ended: Option<Instant>,
}

/// What has no place in that order, in words.
pub(super) fn out_of_order(history: &[Seen]) -> Vec<String> {
    let known = || history.iter().filter_map(|seen| Some((seen, seen.ended?)));
    let (mut begun, mut ended): (Vec<_>, Vec<_>) = (known().collect(), known().collect());
    begun.sort_by_key(|(seen, _)| seen.begun);
    ended.sort_by_key(|(_, ended)| *ended);
    let (mut ended, mut highest, mut wrong) = (ended.into_iter().peekable(), None, Vec::new());
    for (seen, _) in begun {
        while let Some((before, _)) = ended.next_if(|(_, ended)| *ended < seen.begun) {
            highest = highest.max(Some(before.count));
        }
        if highest > Some(seen.count) || seen.is_write && highest == Some(seen.count) {
            let what = if seen.is_write { "written" } else { "read" };
            wrong.push(format!("{} was {what} after {}", seen.count, highest.unwrap_or_default()));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_order_has_to_agree_with_time() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let read = |count, begun, ended| Seen { count, is_write: false, begun: at(begun), ended: Some(at(ended)) };
        let write = |count, begun, ended| Seen { is_write: true, ..read(count, begun, ended) };
        let unknown = |count, begun| Seen { ended: None, ..write(count, begun, begun) };
        let fine =
            [read(0, 0, 1), write(1, 2, 5), read(1, 3, 4), read(0, 3, 4), unknown(2, 6), read(2, 7, 8), read(2, 9, 9)];
        assert_eq!(out_of_order(&fine), [""; 0]);
        for (wrong, told) in [
            (vec![write(1, 0, 1), read(0, 2, 3)], "0 was read after 1"),
            (vec![write(1, 0, 9), read(1, 1, 2), read(0, 3, 4)], "0 was read after 1"),
            (vec![read(1, 0, 1), write(1, 2, 3)], "1 was written after 1"),
            (vec![write(1, 0, 1), write(1, 2, 3)], "1 was written after 1"),
            (vec![write(2, 0, 1), write(1, 2, 3)], "1 was written after 2"),
        ] {
            assert_eq!(out_of_order(&wrong), [told], "{wrong:?}");
        }
    }
}

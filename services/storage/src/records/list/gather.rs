//! A page, put together within its bounds.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{
    Count,
    merge::{Merge, Step},
    plan::Plan,
};
use crate::{
    listing::PAGE_BYTES,
    store::{Bounds, Position, Result, Row, Store},
};

/// Records that are looked at for a page.
const LOOKED: usize = 2_000;
/// How long they are looked at.
const TIME: Duration = Duration::from_millis(500);
/// As many are sorted, where nothing gives them in order.
const FEW: usize = 500;
/// Records that are read at once where each is checked.
const CHUNK: usize = 64;
/// How far a count goes.
const COUNTED: u64 = 10_000;
/// What a count looks at, and how long.
const COUNT_LOOKED: usize = 20_000;
const COUNT_TIME: Duration = Duration::from_secs(2);
/// What it reads at once.
const COUNT_CHUNK: usize = 500;

/// A page, and where the next one begins.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) records: Vec<(Position, Row)>,
    pub(super) next: Option<Position>,
}

/// The page of a plan behind `after`. It may be short or empty, and yet have a successor.
pub(super) async fn page(
    store: &dyn Store,
    collection: Uuid,
    plan: &Plan,
    after: Option<Position>,
    bounds: Bounds,
) -> Result<Gathered> {
    if let Some(few) = few(store, collection, plan).await? {
        return Ok(sorted(few, plan, after.as_ref(), bounds));
    }
    let after = after.or_else(|| plan.begin());
    let mut merge = Merge::new(store, collection, plan, after.as_ref(), at_once(plan, bounds.records + 1));
    let (begun, mut page, mut bytes) = (Instant::now(), Gathered::default(), 0);
    let mut last = after;
    for _ in 0..LOOKED {
        if begun.elapsed() > TIME {
            break;
        }
        let (at, row) = match merge.next().await? {
            Step::Record(_, row) if plan.is_over(&row) => return Ok(page),
            Step::Record(at, row) => (at, row),
            Step::Nothing(at) => {
                last = Some(at);
                continue;
            }
            Step::End => return Ok(page),
        };
        if plan.admits(&at, &row) {
            bytes += row.data.len();
            if page.records.len() == bounds.records || (bytes > bounds.bytes && !page.records.is_empty()) {
                break;
            }
            page.records.push((at.clone(), row));
        }
        last = Some(at);
        if page.records.len() == bounds.records && merge.is_at_end() {
            return Ok(page);
        }
    }
    page.next = last;
    Ok(page)
}

/// How many records a plan finds, as far as that can be counted.
pub(super) async fn count(store: &dyn Store, collection: Uuid, plan: &Plan) -> Result<Count> {
    let mut count = Count { records: 0, more: true };
    if let Some(few) = few(store, collection, plan).await? {
        return Ok(Count { records: few.len() as u64, more: false });
    }
    let begun = Instant::now();
    let mut merge = Merge::new(store, collection, plan, plan.begin().as_ref(), at_once(plan, COUNT_CHUNK));
    for _ in 0..COUNT_LOOKED {
        match merge.next().await? {
            Step::Record(at, row) if !plan.is_over(&row) => {
                if plan.admits(&at, &row) {
                    if count.records == COUNTED {
                        break;
                    }
                    count.records += 1;
                }
            }
            Step::Nothing(_) => {}
            Step::Record(..) | Step::End => {
                count.more = false;
                break;
            }
        }
        if begun.elapsed() > COUNT_TIME {
            break;
        }
    }
    Ok(count)
}

/// What is asked of each part at once.
fn at_once(plan: &Plan, wanted: usize) -> Bounds {
    let (parts, wanted) = (plan.parts.len().max(1), if plan.checks() { wanted.max(CHUNK) } else { wanted });
    Bounds { records: (2 * wanted / parts).clamp(2, wanted.max(2)), bytes: PAGE_BYTES / parts }
}

/// What is asked for, if it is so little that it can be sorted.
async fn few(store: &dyn Store, collection: Uuid, plan: &Plan) -> Result<Option<Vec<(Position, Row)>>> {
    let (begun, mut found, mut left, mut bytes) = (Instant::now(), Vec::new(), FEW, 0);
    for lead in plan.few.iter().flatten() {
        let mut after = None;
        loop {
            let bounds = Bounds { records: left + 1, bytes: PAGE_BYTES };
            let page = lead.read(store, collection, true, after.as_ref(), bounds).await?;
            let Some(fewer) = left.checked_sub(page.records.len()) else { return Ok(None) };
            left = fewer;
            for (at, row) in page.records {
                bytes += row.data.len();
                if plan.admits(&at, &row) {
                    found.push((plan.place(at, &row), row));
                }
            }
            if bytes > PAGE_BYTES || begun.elapsed() > TIME {
                return Ok(None);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    found.sort_unstable_by(|(a, _), (b, _)| plan.order(a, b));
    found.dedup_by(|(a, _), (b, _)| a == b);
    Ok(plan.few.is_some().then_some(found))
}

fn sorted(few: Vec<(Position, Row)>, plan: &Plan, after: Option<&Position>, bounds: Bounds) -> Gathered {
    let (mut page, mut bytes) = (Gathered::default(), 0);
    let behind = |at: &Position| after.is_none_or(|after| plan.order(after, at).is_lt());
    for (at, row) in few.into_iter().filter(|(at, _)| behind(at)) {
        bytes += row.data.len();
        if page.records.len() == bounds.records || (bytes > bounds.bytes && !page.records.is_empty()) {
            page.next = page.records.last().map(|(last, _)| last.clone());
            break;
        }
        page.records.push((at, row));
    }
    page
}

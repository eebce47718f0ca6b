//! Several writes asked for at once, each on its own: what both doors do alike.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::v1::Record;

/// The operations of a batch at most.
pub const OPERATIONS: usize = 100;
/// Bytes of data that an answer holds at most: with all else it stays below what gRPC clients take by default (4 MiB).
pub const BYTES: usize = 3 << 20;
/// Operations of one batch that are under way at once: few, so that others find their turn.
const AT_ONCE: usize = 8;

/// Runs the operations; their results are in the order of the operations. Those on one record (each names its own, if it
/// has an id yet) run one after another, others at the same time.
pub async fn run<F: Future>(operations: impl IntoIterator<Item = (Option<String>, F)>) -> Vec<F::Output> {
    let (mut lanes, mut known) = (Vec::<Vec<_>>::new(), HashMap::new());
    for (at, (record, operation)) in operations.into_iter().enumerate() {
        let lane = record.map_or(lanes.len(), |record| *known.entry(record).or_insert(lanes.len()));
        if lane == lanes.len() {
            lanes.push(Vec::new());
        }
        lanes[lane].push((at, operation));
    }
    let lanes = lanes.into_iter().map(|lane| async {
        let mut results = Vec::with_capacity(lane.len());
        for (at, operation) in lane {
            results.push((at, operation.await));
        }
        results
    });
    let mut results = stream::iter(lanes).buffer_unordered(AT_ONCE).concat().await;
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The idempotency key of the operation at a place of a batch; empty for a batch without a key. No client's own key
/// begins as it does, as long as it is printable.
pub fn key(batch: &str, place: usize) -> String {
    if batch.is_empty() {
        return String::new();
    }
    let digest = Sha256::new().chain_update((place as u64).to_be_bytes()).chain_update(batch).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    format!("\0{}", Uuid::new_v8(half))
}

/// What an answer can still tell of records.
#[derive(Debug)]
pub struct Told(AtomicUsize);

impl Default for Told {
    fn default() -> Self {
        Self(AtomicUsize::new(BYTES))
    }
}

impl Told {
    /// The record, without its data where that does not fit any more.
    pub fn fit(&self, record: Record) -> Record {
        let fits = self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(record.data.len())).is_ok();
        if fits { record } else { Record { data: Bytes::new(), ..record } }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{Arc, Mutex},
        task::{Context, Poll, Waker},
    };

    use futures_util::future::poll_fn;

    use super::*;

    #[test]
    fn operations_on_one_record_run_in_order_and_few_others_beside() {
        let begun: Arc<Mutex<Vec<usize>>> = Arc::default();
        let records = ["a", "", "b", "a", "", "a"].into_iter().chain(["c"; 2]).chain([""; 10]);
        let operations = records.enumerate().map(|(at, record)| {
            let (begun, mut polls) = (begun.clone(), 0);
            let operation = poll_fn(move |_| {
                if polls == 0 {
                    begun.lock().unwrap().push(at);
                }
                polls += 1;
                if polls > 1 { Poll::Ready(at) } else { Poll::Pending }
            });
            (Some(record.to_owned()).filter(|record| !record.is_empty()), operation)
        });
        let mut running = pin!(run(operations));
        let mut context = Context::from_waker(Waker::noop());
        assert!(running.as_mut().poll(&mut context).is_pending());
        assert_eq!(*begun.lock().unwrap(), [0, 1, 2, 4, 6, 8, 9, 10]);
    }

    #[test]
    fn keys_differ_by_place_and_are_no_clients() {
        let keys = [key("k", 0), key("k", 1), key("l", 0)];
        assert!(keys.iter().all(|key| key.starts_with('\0')), "{keys:?}");
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
        assert_eq!(key("", 1), "");
    }

    #[test]
    fn an_answer_tells_so_much() {
        let told = Told::default();
        let record = |bytes| Record { data: vec![b' '; bytes].into(), version: 7, ..Record::default() };
        assert_eq!(told.fit(record(BYTES - 1)).data.len(), BYTES - 1);
        assert_eq!(told.fit(record(2)), Record { version: 7, ..Record::default() });
        assert_eq!(told.fit(record(1)).data.len(), 1);
    }
}

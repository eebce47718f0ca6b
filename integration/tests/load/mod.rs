//! Clients of some replicas, who remember what they were told: then it is counted whether that was true.

mod audit;
mod client;
pub(crate) mod door;
mod figures;
mod history;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use skep_proto::Code;

pub(crate) use self::figures::{Figures, Table};
use self::{
    client::Client,
    door::{Door, Wanted, Write},
    history::Seen,
};

const COUNTERS: usize = 3;
const MAKERS: usize = 4;
/// The record that is counted up.
const COUNT: &str = "count";

/// A load on one collection.
pub(crate) struct Load<'d, D> {
    doors: &'d [D],
    fault: String,
    collection: String,
    promised: Duration,
    /// How long a client repeats what nobody answers.
    patience: Duration,
    /// How long a client rests between two increments.
    pace: Duration,
    stop: AtomicBool,
    /// Acknowledged increments, and those that nothing is known of.
    increments: AtomicU64,
    unknown_increments: AtomicU64,
    /// What was seen of the record that is counted up.
    history: Mutex<Vec<Seen>>,
    /// By id: the version that was acknowledged last, or `None` once the deletion was.
    known: Mutex<BTreeMap<String, Option<i64>>>,
    /// What nothing is known of.
    unknown: Mutex<BTreeSet<String>>,
    requests: AtomicU64,
    repeated: AtomicU64,
    slowest_micros: AtomicU64,
    /// What went wrong, in words.
    failed: Mutex<Vec<String>>,
    stale: Mutex<Vec<String>>,
}

impl<'d, D: Door> Load<'d, D> {
    /// Defines a collection for one fault, and makes the record to be counted. A client repeats what nobody answers for
    /// `patience`, and should have its answer within what is `promised`.
    pub(crate) async fn begin(doors: &'d [D], fault: &str, patience: Duration, promised: Duration) -> Self {
        let collection = &fault.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let load = Self {
            doors,
            fault: fault.to_owned(),
            collection: collection.clone(),
            promised,
            patience,
            pace: Duration::ZERO,
            stop: AtomicBool::default(),
            increments: AtomicU64::default(),
            unknown_increments: AtomicU64::default(),
            history: Mutex::default(),
            known: Mutex::default(),
            unknown: Mutex::default(),
            requests: AtomicU64::default(),
            repeated: AtomicU64::default(),
            slowest_micros: AtomicU64::default(),
            failed: Mutex::default(),
            stale: Mutex::default(),
        };
        let client = Client::new(&load, 0);
        client.ask(async |door, _| door.define(collection).await).await.unwrap();
        let (write, wanted) = (Write::new(true), Wanted { id: COUNT, of: COUNT, n: 0, etag: "" });
        let make = async |door: &D, attempt| door.create(collection, wanted, Write { attempt, ..write }).await;
        client.ask(make).await.unwrap();
        load
    }

    /// With clients that rest for so long between two increments.
    pub(crate) fn paced(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// Goes on until `script` has ended.
    pub(crate) async fn during<T>(&self, script: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let scripted = async {
            let scripted = script.await;
            self.stop.store(true, SeqCst);
            scripted
        };
        let clients: Vec<_> = (0..COUNTERS + MAKERS).map(|number| Client::new(self, number)).collect();
        let (counters, makers) = clients.split_at(COUNTERS);
        let counting = join_all(counters.iter().map(Client::count));
        let making = join_all(makers.iter().map(Client::make));
        tokio::join!(scripted, counting, making).0
    }

    pub(crate) fn collection(&self) -> &str {
        &self.collection
    }

    /// Somebody else writes a record of this mark, and need not be told what becomes of it.
    pub(crate) fn nothing_is_known_of(&self, mark: &str) -> String {
        self.unknown.lock().unwrap().insert(mark.to_owned());
        mark.to_owned()
    }

    fn see(&self, count: u64, is_write: bool, begun: Instant, is_known: bool) {
        let ended = is_known.then(Instant::now);
        self.history.lock().unwrap().push(Seen { count, is_write, begun, ended });
    }

    fn fail(&self, what: &str, code: Code) {
        self.failed.lock().unwrap().push(format!("{what}: {}", code.word()));
    }
}

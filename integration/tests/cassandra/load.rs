//! A load on two replicas that counts what it was told: a counter under If-Match, creates and deletes.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use skep_proto::{Code, Contract, Error, Local, mutation, v1::*};
use storage::grpc::Engine;
use tonic::Request;

const COLLECTION: &str = "collections/bees";
const COUNTERS: usize = 4;
const CREATORS: usize = 4;

/// The replicas, and everything they acknowledged.
pub(crate) struct Load {
    replicas: Vec<Arc<dyn Contract>>,
    stop: AtomicBool,
    increments: AtomicU64,
    requests: AtomicU64,
    repeated: AtomicU64,
    slowest_micros: AtomicU64,
    kept: Mutex<BTreeSet<String>>,
    deleted: Mutex<BTreeSet<String>>,
}

impl Load {
    pub(crate) async fn new(engines: Vec<Arc<Engine>>) -> Self {
        let replicas = engines.into_iter().map(|engine| Arc::new(Local::new(engine)) as Arc<dyn Contract>).collect();
        let load = Self {
            replicas,
            stop: AtomicBool::default(),
            increments: AtomicU64::default(),
            requests: AtomicU64::default(),
            repeated: AtomicU64::default(),
            slowest_micros: AtomicU64::default(),
            kept: Mutex::default(),
            deleted: Mutex::default(),
        };
        let collection = Some(Collection { name: COLLECTION.into(), ..Default::default() });
        let asked = UpdateCollectionRequest { collection, allow_missing: true };
        load.ask(0, async |replica| replica.update_collection(Request::new(asked.clone())).await).await.unwrap();
        let asked = put("0", "");
        load.ask(0, async |replica| replica.update_record(Request::new(asked.clone())).await).await.unwrap();
        load
    }

    /// Runs until `script` has ended; then says what did not add up.
    pub(crate) async fn during(&self, script: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
        let scripted = async {
            let scripted = script.await;
            self.stop.store(true, Relaxed);
            scripted
        };
        let counting = join_all((0..COUNTERS).map(|client| self.count(client)));
        let making = join_all((0..CREATORS).map(|client| self.create_and_delete(client)));
        tokio::join!(scripted, counting, making).0
    }

    /// Asks one replica after the other until the answer is known, as a gate does: the same write, by the same name.
    async fn ask<T>(&self, first: usize, ask: impl AsyncFn(&dyn Contract) -> Result<T, Error>) -> Result<T, Error> {
        let begun = Instant::now();
        for replica in (first..).map(|turn| &self.replicas[turn % self.replicas.len()]) {
            self.requests.fetch_add(1, Relaxed);
            match ask(&**replica).await {
                Err(error) if matches!(error.code, Code::Unavailable | Code::Overloaded) => {
                    self.repeated.fetch_add(1, Relaxed);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                answer => {
                    let took = u64::try_from(begun.elapsed().as_micros()).unwrap();
                    self.slowest_micros.fetch_max(took, Relaxed);
                    return answer;
                }
            }
        }
        unreachable!("it is asked without end")
    }

    async fn counter(&self, first: usize) -> Record {
        let asked = GetRecordRequest { name: format!("{COLLECTION}/records/count") };
        let answer = self.ask(first, async |replica| replica.get_record(Request::new(asked.clone())).await).await;
        answer.unwrap().record.unwrap()
    }

    async fn count(&self, client: usize) {
        while !self.stop.load(Relaxed) {
            let read = self.counter(client).await;
            let asked = put(&(number(&read) + 1).to_string(), &read.etag);
            match self.ask(client, async |replica| replica.update_record(Request::new(asked.clone())).await).await {
                Ok(_) => drop(self.increments.fetch_add(1, Relaxed)),
                Err(error) => assert_eq!(error.code, Code::PreconditionFailed, "{error}"),
            }
        }
    }

    async fn create_and_delete(&self, client: usize) {
        for number in 0_usize.. {
            if self.stop.load(Relaxed) {
                return;
            }
            let record = Some(Record { data: "{}".into(), ..Default::default() });
            let record_id = if number % 2 == 0 { String::new() } else { format!("c{client}-{number}") };
            let mutation_id = mutation::new().to_string();
            let parent = COLLECTION.to_owned();
            let asked = CreateRecordRequest { parent, record, record_id, mutation_id, ..Default::default() };
            let made = self.ask(client, async |replica| replica.create_record(Request::new(asked.clone())).await).await;
            let name = made.unwrap().record.unwrap().name;
            if number % 5 < 2 {
                let mutation_id = mutation::new().to_string();
                let asked = DeleteRecordRequest { name: name.clone(), mutation_id, ..Default::default() };
                self.ask(client, async |replica| replica.delete_record(Request::new(asked.clone())).await)
                    .await
                    .unwrap();
                self.deleted.lock().unwrap().insert(name);
            } else {
                self.kept.lock().unwrap().insert(name);
            }
        }
    }

    /// Whether the store holds what was acknowledged and nothing else, by get and by list; and what it took.
    pub(crate) async fn adds_up(&self) -> String {
        let counted = self.counter(0).await;
        let increments = self.increments.load(Relaxed);
        assert_eq!(number(&counted), increments, "each acknowledged increment once, and none besides");
        assert_eq!(u64::try_from(counted.version).unwrap(), increments + 1);
        let (mut listed, mut token) = (Vec::new(), String::new());
        loop {
            let parent = COLLECTION.to_owned();
            let asked = ListRecordsRequest { parent, page_size: 100, page_token: token, ..Default::default() };
            let page =
                self.ask(1, async |replica| replica.list_records(Request::new(asked.clone())).await).await.unwrap();
            listed.extend(page.records);
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        let (kept, deleted) = (self.kept.lock().unwrap().clone(), self.deleted.lock().unwrap().clone());
        let names: BTreeSet<_> = listed.iter().map(|record| record.name.clone()).collect();
        assert_eq!(names.len(), listed.len(), "nothing is listed twice");
        let expected: BTreeSet<_> = kept.iter().cloned().chain([counted.name.clone()]).collect();
        assert_eq!(names, expected, "the list shows what was acknowledged");
        for (name, exists) in kept.iter().map(|name| (name, true)).chain(deleted.iter().map(|name| (name, false))) {
            let asked = GetRecordRequest { name: name.clone() };
            let got = self.ask(0, async |replica| replica.get_record(Request::new(asked.clone())).await).await;
            assert_eq!(got.is_ok(), exists, "{name}: {got:?}");
        }
        format!(
            "{} requests, {} repeated, {increments} increments, {} kept, {} deleted, slowest {} ms",
            self.requests.load(Relaxed),
            self.repeated.load(Relaxed),
            kept.len(),
            deleted.len(),
            self.slowest_micros.load(Relaxed) / 1000,
        )
    }
}

fn put(n: &str, etag: &str) -> UpdateRecordRequest {
    let record = Record {
        name: format!("{COLLECTION}/records/count"),
        data: format!(r#"{{"n":{n}}}"#).into(),
        etag: etag.into(),
        ..Default::default()
    };
    let mutation_id = mutation::new().to_string();
    UpdateRecordRequest { record: Some(record), allow_missing: etag.is_empty(), mutation_id, ..Default::default() }
}

fn number(record: &Record) -> u64 {
    let text = str::from_utf8(&record.data).unwrap();
    text.trim_start_matches(r#"{"n":"#).trim_end_matches('}').parse().unwrap()
}

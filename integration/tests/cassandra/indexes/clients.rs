//! Clients who know what they wrote, and look for it by indexes at another replica.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use skep_proto::{Code, Contract, Error, mutation, v1::*};
use storage::store::conformance::walk;
use tokio_util::sync::CancellationToken;
use tonic::Request;

use super::asked;

/// Records of a client, so that it writes each again and again.
const RECORDS: u32 = 24;
pub(super) const INDEXES: [&str; 3] = ["client", "n", "tags"];

/// What a client did and saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) writes: usize,
    /// Those that did not show what was acknowledged.
    pub(super) wrong: Vec<String>,
}

/// Writes at one replica and lists at the other, until it is told to stop; counts the lists by an index that could be read.
pub(super) async fn client(
    number: u64,
    (at, other): (&dyn Contract, &dyn Contract),
    parent: &str,
    lists: &AtomicUsize,
    stop: CancellationToken,
) -> Seen {
    let (mut random, mut seen, mut known) = (StdRng::seed_from_u64(number), Seen::default(), BTreeMap::new());
    while !stop.is_cancelled() {
        let id = format!("c{number}-{}", random.random_range(0..RECORDS));
        if random.random_ratio(1, 5) {
            delete(at, format!("{parent}/records/{id}")).await;
            known.remove(&id);
        } else {
            let n = random.random_range(0..4);
            let tags = [r#""a""#, r#"["a","b"]"#, r#"["b"]"#][random.random_range(0..3)];
            let data = format!(r#"{{"client":{number},"n":{n},"tags":{tags}}}"#);
            put(at, format!("{parent}/records/{id}"), &data).await;
            known.insert(id, data);
        }
        seen.writes += 1;
        let n = random.random_range(0..4);
        for (filter, mark, order_by) in [
            (format!("client = {number}"), String::new(), ["", "created_at", "n desc"][random.random_range(0..3)]),
            (format!("n = {n} AND client = {number}"), format!(r#""n":{n},"#), ""),
            (format!(r#"tags:"b" AND client = {number}"#), r#""b""#.to_owned(), "n"),
        ] {
            let found = match walk::every(other, asked(parent, &filter, order_by, 10)).await {
                Ok(found) => found,
                Err(error) if matches!(error.code, Code::NotIndexed | Code::Unavailable) => continue,
                Err(error) => panic!("{filter}: {error}"),
            };
            lists.fetch_add(1, Relaxed);
            let shown: BTreeMap<_, _> = found.iter().map(|it| (id_of(it), text(it))).collect();
            let expected: BTreeMap<_, _> = known
                .iter()
                .filter(|(_, data)| data.contains(&mark))
                .map(|(id, data): (&String, &String)| (id.clone(), data.clone()))
                .collect();
            if shown != expected || shown.len() != found.len() {
                seen.wrong.push(format!("{filter} by {order_by:?}: {found:?}, not {expected:?}"));
            }
        }
    }
    seen
}

fn id_of(record: &Record) -> String {
    record.name.rsplit('/').next().unwrap_or_default().to_owned()
}

fn text(record: &Record) -> String {
    String::from_utf8_lossy(&record.data).into_owned()
}

async fn put(replica: &dyn Contract, name: String, data: &str) {
    let record = Some(Record { name, data: data.to_owned().into(), ..Default::default() });
    let mutation_id = mutation::new().to_string();
    let asked = UpdateRecordRequest { record, allow_missing: true, mutation_id, ..Default::default() };
    persist(async |attempt| {
        replica.update_record(Request::new(UpdateRecordRequest { attempt, ..asked.clone() })).await.map(drop)
    })
    .await;
}

async fn delete(replica: &dyn Contract, name: String) {
    let asked = DeleteRecordRequest { name, mutation_id: mutation::new().to_string(), ..Default::default() };
    persist(async |attempt| {
        let asked = DeleteRecordRequest { attempt, ..asked.clone() };
        match replica.delete_record(Request::new(asked)).await {
            Err(error) if error.code == Code::RecordNotFound => Ok(()),
            answer => answer.map(drop),
        }
    })
    .await;
}

/// Repeats a write by the same name until it is answered.
async fn persist(write: impl AsyncFn(i32) -> Result<(), Error>) {
    for attempt in 0.. {
        match write(attempt).await {
            Err(error) if error.code == Code::Unavailable => {}
            answer => return answer.unwrap(),
        }
    }
}

//! A collection whose records are divided into windows of several lengths.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use integration::{Cassandra, eventually};
use scylla::{
    client::{session::Session, session_builder::SessionBuilder},
    response::query_result::QueryRowsResult,
};
use skep_proto::{Code, Contract, Error, Local, mutation, v1::*};
use tonic::Request;
use uuid::Uuid;

use crate::opened::{self, ALONE, replica, settings};

const SECOND: i64 = 1_000_000;
/// Looked for every five seconds.
const DIVIDED: Duration = Duration::from_secs(30);
/// Far beyond what a page may take that finds nothing but emptied windows.
const ENOUGH: Duration = Duration::from_secs(5);

/// The answer, asked for again while a busy machine has none: by the same name, as a gate does.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Error>) -> T {
    loop {
        match ask().await {
            Err(error) if error.code == Code::Unavailable => {}
            answer => return answer.unwrap(),
        }
    }
}

async fn define(replica: &dyn Contract, name: &str) {
    let collection = Some(Collection { name: name.into(), ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true };
    patiently(async || replica.update_collection(Request::new(asked.clone())).await).await;
}

/// A mutation as it would have been named at that time.
fn named_at(time: i64) -> Uuid {
    let mut bytes = *mutation::new().as_bytes();
    bytes[..6].copy_from_slice(&(time / 1000).to_be_bytes()[2..]);
    Uuid::from_bytes(bytes)
}

async fn create(replica: &dyn Contract, parent: &str, time: i64, data: &str) -> String {
    let record = Some(Record { data: data.to_owned().into(), ..Default::default() });
    let mutation_id = named_at(time).to_string();
    let asked = CreateRecordRequest { parent: parent.into(), record, mutation_id, ..Default::default() };
    patiently(async || replica.create_record(Request::new(asked.clone())).await).await.record.unwrap().name
}

/// The names, and what the slowest page took.
async fn list(replica: &dyn Contract, parent: &str, page_size: i32) -> (Vec<String>, Duration) {
    let (mut names, mut slowest, mut token) = (Vec::new(), Duration::ZERO, String::new());
    loop {
        let begun = Instant::now();
        let asked = ListRecordsRequest { parent: parent.into(), page_size, page_token: token, ..Default::default() };
        let page = patiently(async || replica.list_records(Request::new(asked.clone())).await).await;
        names.extend(page.records.into_iter().map(|record| record.name));
        slowest = slowest.max(begun.elapsed());
        token = page.next_page_token;
        if token.is_empty() {
            return (names, slowest);
        }
    }
}

async fn ask(session: &Session, text: &str) -> QueryRowsResult {
    session.query_unpaged(text, ()).await.unwrap().into_rows_result().unwrap()
}

async fn session(cluster: &Cassandra, keyspace: &str) -> Session {
    let hosts = cluster.variables()["CASSANDRA_HOSTS"].split(',').map(str::to_owned).collect::<Vec<_>>();
    let session = SessionBuilder::new().known_nodes(hosts).build().await.unwrap();
    session.use_keyspace(keyspace, false).await.unwrap();
    session
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_goes_through_windows_of_every_length() {
    let _guard = ALONE.read().await;
    let cluster = Cassandra::shared().await.unwrap();
    let keyspace = cluster.keyspace();
    let engine = replica(settings(cluster.variables(), &keyspace)).await.unwrap();
    let (replica, parent) = (Local::new(engine), "collections/divided");
    define(&replica, parent).await;
    let now = mutation::now();
    // As they would be had it been busy three minutes ago, busier two minutes ago, and less so since.
    let regimes = format!(
        "[(-9223372036854775808, 2592000000000, 4), ({}, 10000000, 4), ({}, 1000000, 1), ({}, 60000000, 2)]",
        now - 180 * SECOND,
        now - 120 * SECOND,
        now - 30 * SECOND,
    );
    let divide =
        format!("UPDATE collections SET regimes = {regimes} WHERE realm = 'all' AND name = 'divided' IF EXISTS");
    session(cluster, &keyspace).await.query_unpaged(divide, ()).await.unwrap();
    // Read again before it is used: the lease is over.
    let other = Local::new(opened::replica(settings(cluster.variables(), &keyspace)).await.unwrap());

    let mut made = Vec::new();
    for number in 0..240 {
        made.push(create(&other, parent, now - (240 - number) * SECOND, "{}").await);
    }
    made.reverse();
    for size in [7, 30, 1000] {
        assert_eq!(list(&other, parent, size).await.0, made, "pages of {size}");
    }
    for (number, name) in made.iter().enumerate() {
        let asked = GetRecordRequest { name: name.clone() };
        patiently(async || other.get_record(Request::new(asked.clone())).await).await;
        if number % 3 > 0 {
            let mutation_id = mutation::new().to_string();
            let asked = DeleteRecordRequest { name: name.clone(), mutation_id, ..Default::default() };
            patiently(async || other.delete_record(Request::new(asked.clone())).await).await;
        }
    }
    let kept: Vec<_> = made.iter().step_by(3).cloned().collect();
    assert_eq!(list(&other, parent, 30).await.0, kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emptied_windows_are_no_wall() {
    let _guard = ALONE.read().await;
    let cluster = Cassandra::shared().await.unwrap();
    let keyspace = cluster.keyspace();
    let engine = replica(settings(cluster.variables(), &keyspace)).await.unwrap();
    let (replica, parent) = (Local::new(engine), "collections/emptied");
    define(&replica, parent).await;
    let (session, now) = (session(cluster, &keyspace).await, mutation::now());
    let regimes = "[(-9223372036854775808, 1000000, 4)]";
    let divide =
        format!("UPDATE collections SET regimes = {regimes} WHERE realm = 'all' AND name = 'emptied' IF EXISTS");
    session.query_unpaged(divide, ()).await.unwrap();
    let other = Local::new(opened::replica(settings(cluster.variables(), &keyspace)).await.unwrap());
    let kept = create(&other, parent, now - 200 * SECOND, "{}").await;
    // As a queue leaves them whose every record was taken: noted windows, ended long ago, of nothing.
    let uid = ask(&session, "SELECT collection FROM windows").await.single_row::<(Uuid,)>().unwrap().0;
    let note = session.prepare("INSERT INTO windows (collection, window, note) VALUES (?, ?, uuid())").await.unwrap();
    for number in 0..1_000 {
        session.execute_unpaged(&note, (uid, (now / SECOND - 2_000 + number) * SECOND)).await.unwrap();
    }
    let (names, slowest) = list(&other, parent, 30).await;
    assert!(slowest < ENOUGH, "{slowest:?}");
    assert_eq!(names, [kept]);
    let left = ask(&session, "SELECT window FROM windows").await;
    let left: BTreeSet<i64> = left.rows::<(i64,)>().unwrap().map(|row| row.unwrap().0).collect();
    assert_eq!(left.len(), 1, "the emptied windows are not walked again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_that_fills_its_window_gets_shorter_ones() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let cluster = Cassandra::shared().await?;
    let keyspace = cluster.keyspace();
    let engine = replica(settings(cluster.variables(), &keyspace)).await?;
    let (replica, parent) = (Local::new(engine), "collections/filled");
    define(&replica, parent).await;
    let data = format!("{{\"text\": \"{}\"}}", "x".repeat(500_000));
    // Past 64 MiB in four shards.
    for _ in 0..140 {
        create(&replica, parent, mutation::now(), &data).await;
    }
    let session = session(cluster, &keyspace).await;
    let divided = async || {
        let rows = ask(&session, "SELECT regimes FROM collections WHERE realm = 'all' AND name = 'filled'").await;
        let (regimes,) = rows.single_row::<(Vec<(i64, i64, i32)>,)>().unwrap();
        regimes.get(1).copied()
    };
    let (from, length, _) = eventually("a second regime", DIVIDED, divided).await?;
    assert!(from > mutation::now() + 60 * SECOND, "it begins when every replica knows");
    assert!(length <= 600 * SECOND, "{length}");
    Ok(())
}

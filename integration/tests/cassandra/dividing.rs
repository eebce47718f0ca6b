//! A collection whose records are divided into windows of several lengths.

use std::time::{Duration, Instant};

use integration::{Cassandra, eventually};
use skep_proto::{Code, Contract, Error, Local, mutation, v1::*};
use storage::{
    grpc::Engine,
    store::cassandra::{Cassandra as CassandraStore, Lifetime, Settings},
};
use tonic::Request;
use uuid::Uuid;

use crate::{
    opened::{self, ALONE, replica, settings},
    tables::Tables,
};

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MONTH: i64 = 30 * 86_400 * SECOND;
/// Of how many processes the notes are that make a window full of what one put there: 64 MiB of all together.
const PROCESSES: usize = 16;
/// Looked for every five seconds; on a slow machine.
const DIVIDED: Duration = Duration::from_mins(1);
/// Within which a turn is over, with room.
const TURN: Duration = Duration::from_mins(1);
/// How far ahead a regime begins.
const AHEAD: i64 = 120 * SECOND;
/// Far beyond what a page may take that finds nothing but emptied windows.
pub(crate) const ENOUGH: Duration = Duration::from_secs(5);

/// The answer, asked for again while a busy machine has none: by the same name, as a gate does.
pub(crate) async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Error>) -> T {
    loop {
        match ask().await {
            Err(error) if error.code == Code::Unavailable => {}
            answer => return answer.unwrap(),
        }
    }
}

async fn define(replica: &dyn Contract, name: &str) {
    let collection = Some(Collection { name: name.into(), ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    patiently(async || replica.update_collection(Request::new(asked.clone())).await).await;
}

/// A mutation as it would have been named at that time.
pub(crate) fn named_at(time: i64) -> Uuid {
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

/// A keyspace of its own with one collection, a replica that knows it, and the tables.
pub(crate) async fn defined(name: &str) -> (Settings, Local<Engine>, Tables) {
    let cluster = Cassandra::shared().await.unwrap();
    let settings = settings(cluster.variables(), &cluster.keyspace());
    let replica = another(&settings).await;
    define(&replica, &format!("collections/{name}")).await;
    let tables = Tables::of(&settings).await.unwrap();
    (settings, replica, tables)
}

/// A replica that has read nothing yet, as one is whose lease is over.
pub(crate) async fn another(settings: &Settings) -> Local<Engine> {
    Local::new(replica(settings.clone()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_goes_through_windows_of_every_length() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (parent, now) = ("collections/divided", mutation::now());
    let (settings, _, tables) = defined("divided").await;
    // As it would be had it been busy three minutes ago, busier two minutes ago, and less so since.
    let regimes = [
        (i64::MIN, MONTH, 4),
        (now - 180 * SECOND, 10 * SECOND, 4),
        (now - 120 * SECOND, SECOND, 1),
        (now - 30 * SECOND, 60 * SECOND, 2),
    ];
    tables.divide("divided", &regimes).await?;
    let replica = another(&settings).await;

    let mut made = Vec::new();
    for number in 0..200 {
        made.push(create(&replica, parent, now - (200 - number) * SECOND, "{}").await);
    }
    made.reverse();
    for size in [7, 30, 1000] {
        assert_eq!(list(&replica, parent, size).await.0, made, "pages of {size}");
    }
    for (number, name) in made.iter().enumerate() {
        let asked = GetRecordRequest { name: name.clone() };
        patiently(async || replica.get_record(Request::new(asked.clone())).await).await;
        if number % 3 > 0 {
            let mutation_id = mutation::new().to_string();
            let asked = DeleteRecordRequest { name: name.clone(), mutation_id, ..Default::default() };
            patiently(async || replica.delete_record(Request::new(asked.clone())).await).await;
        }
    }
    let kept: Vec<_> = made.iter().step_by(3).cloned().collect();
    assert_eq!(list(&replica, parent, 30).await.0, kept);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emptied_windows_are_no_wall() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (parent, now) = ("collections/emptied", mutation::now());
    let (settings, _, tables) = defined("emptied").await;
    tables.divide("emptied", &[(i64::MIN, SECOND, 4)]).await?;
    let replica = another(&settings).await;
    let kept = create(&replica, parent, now - 200 * SECOND, "{}").await;
    let noted = tables.windows().await?;
    let &(collection, _) = noted.first().unwrap();
    // As a queue leaves them whose every record was taken: noted windows, ended long ago, of nothing.
    tables.note(collection, (0..1_000).map(|number| (now / SECOND - 2_000 + number) * SECOND)).await?;
    let (names, slowest) = list(&replica, parent, 30).await;
    assert!(slowest < ENOUGH, "{slowest:?}");
    assert_eq!(names, [kept]);
    assert_eq!(tables.windows().await?, noted, "the emptied windows are not walked again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_that_fills_its_window_gets_shorter_ones() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (_, replica, tables) = defined("filled").await;
    let data = format!("{{\"text\": \"{}\"}}", "x".repeat(500_000));
    // Past 64 MiB in four shards.
    for _ in 0..140 {
        create(&replica, "collections/filled", mutation::now(), &data).await;
    }
    let divided = async || tables.regimes("filled").await.unwrap().get(1).copied();
    let (from, length, _) = eventually("a second regime", DIVIDED, divided).await?;
    assert!(from > mutation::now() + 60 * SECOND, "it begins when every replica knows");
    assert!(length <= 600 * SECOND, "{length}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redefinition_that_comes_late_leaves_it_divided() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (settings, _, tables) = defined("redefined").await;
    let regimes = [(i64::MIN, MONTH, 4), (1, SECOND, 4)];
    let lifetime = Lifetime::default();
    let slow = Local::new(opened::serving(CassandraStore::open_for(settings, lifetime.clone())?).await?);
    let indexes = vec!["author".to_owned()];
    let collection = Some(Collection { name: "collections/redefined".into(), indexes, ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    // It has read the definition and noted the index, and stops before it writes.
    lifetime.ends_after(3);
    let divided = async {
        lifetime.ended().await;
        tables.divide("redefined", &regimes).await.unwrap();
        lifetime.ends_after(u32::MAX);
    };
    let (redefined, ()) = tokio::join!(slow.update_collection(Request::new(asked)), divided);
    assert_eq!(redefined?.collection.unwrap().indexes, ["author"]);
    assert_eq!(tables.regimes("redefined").await?, regimes);
    Ok(())
}

/// A collection that is full, whose only writer stands before it notices, and lives that long.
async fn full(name: &str) -> anyhow::Result<(Local<Engine>, Tables, Lifetime)> {
    let (settings, _, tables) = defined(name).await;
    let lifetime = Lifetime::default();
    let slow = Local::new(opened::serving(CassandraStore::open_for(settings, lifetime.clone())?).await?);
    let data = format!("{{\"text\": \"{}\"}}", "x".repeat(500_000));
    for _ in 0..10 {
        create(&slow, &format!("collections/{name}"), mutation::now(), &data).await;
    }
    // It is about to read who writes there; then they are so many that it is full.
    lifetime.ends_after(0);
    lifetime.ended().await;
    let &(collection, window) = tables.windows().await?.first().unwrap();
    tables.note(collection, std::iter::repeat_n(window, PROCESSES)).await?;
    Ok((slow, tables, lifetime))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_division_that_comes_late_leaves_it_as_another_has_divided_it() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (_slow, tables, lifetime) = full("contended").await?;
    // It is its turn, and it stops before it writes what follows, which then loses its answer.
    lifetime.ends_after(1);
    lifetime.ended().await;
    let regimes = [(i64::MIN, MONTH, 4), (1, SECOND, 4)];
    tables.divide("contended", &regimes).await?;
    lifetime.loses_an_answer_after(0);
    lifetime.ends_after(u32::MAX);
    eventually("it was written or refused", DIVIDED, async || lifetime.has_lost().then_some(())).await?;
    assert_eq!(tables.regimes("contended").await?, regimes);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_division_whose_turn_is_over_is_reckoned_anew() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (slow, tables, lifetime) = full("stopped").await?;
    lifetime.ends_after(1);
    lifetime.ended().await;
    assert!(tables.is_being_divided("stopped").await?);
    let over = async || tables.is_being_divided("stopped").await.is_ok_and(|is| !is).then_some(());
    eventually("its turn is over", TURN, over).await?;
    let goes_on = mutation::now();
    lifetime.ends_after(u32::MAX);
    let divided = async || {
        // What nobody writes to is not looked after.
        create(&slow, "collections/stopped", mutation::now(), "{}").await;
        tables.regimes("stopped").await.ok().filter(|regimes| regimes.len() > 1)
    };
    let regimes = eventually("it is divided", DIVIDED, divided).await?;
    assert!(regimes[1].0 >= goes_on + AHEAD, "{} s ahead", (regimes[1].0 - goes_on) / SECOND);
    Ok(())
}

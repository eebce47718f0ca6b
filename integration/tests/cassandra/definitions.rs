//! Two replicas, and a collection that one of them changes or drops.

use std::time::{Duration, Instant};

use integration::eventually;
use skep_proto::{Code, Contract, Error, Local, v1::*};
use tonic::Request;

use crate::{
    late::Two,
    opened::{self, ALONE},
    tables::Tables,
};

/// Within which a change at one replica is in force at every other.
const IN_FORCE: Duration = Duration::from_secs(5);

async fn define(replica: &dyn Contract, name: &str, author: &str) {
    let collection = Some(Collection { name: name.into(), indexes: vec![author.into()], ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    replica.update_collection(Request::new(asked)).await.unwrap();
}

async fn defined(replica: &dyn Contract, name: &str) -> Result<Vec<String>, Code> {
    let answer = replica.get_collection(Request::new(GetCollectionRequest { name: name.into() })).await;
    answer.map(|answer| answer.collection.unwrap().indexes).map_err(|error| error.code)
}

async fn create(replica: &dyn Contract, parent: &str) -> Result<Record, Error> {
    let record = Some(Record { data: "{}".into(), ..Default::default() });
    let asked = CreateRecordRequest { parent: parent.into(), record, ..Default::default() };
    replica.create_record(Request::new(asked)).await.map(|answer| answer.record.unwrap())
}

async fn delete(replica: &dyn Contract, name: &str, force: bool) -> Result<(), Code> {
    let asked = DeleteCollectionRequest { name: name.into(), force };
    replica.delete_collection(Request::new(asked)).await.map(drop).map_err(|error| error.code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_at_one_replica_is_in_force_at_the_other() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (a, b) = (Local::new(opened::shared().await), Local::new(opened::shared().await));
    let name = "collections/changed";
    define(&a, name, "one").await;
    assert_eq!(defined(&b, name).await, Ok(vec!["one".to_owned()]));
    define(&a, name, "two").await;
    let changed = async || (defined(&b, name).await.unwrap() == ["two"]).then_some(());
    eventually("the other replica knows", IN_FORCE, changed).await?;
    create(&b, name).await?;
    delete(&a, name, true).await.unwrap();
    let gone =
        async || (create(&b, name).await.map_err(|error| error.code) == Err(Code::CollectionNotFound)).then_some(());
    eventually("the other replica refuses writes", IN_FORCE, gone).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_elsewhere_can_be_changed_back_at_once() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (a, b) = (Local::new(opened::shared().await), Local::new(opened::shared().await));
    let name = "collections/changed-back";
    for _ in 0..3 {
        define(&a, name, "one").await;
        assert_eq!(defined(&b, name).await, Ok(vec!["one".to_owned()]));
        define(&a, name, "two").await;
        define(&b, name, "one").await;
        assert_eq!(defined(&Local::new(opened::shared().await), name).await, Ok(vec!["one".to_owned()]));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_without_force_loses_nothing_that_is_acknowledged() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (a, b) = (Local::new(opened::shared().await), Local::new(opened::shared().await));
    for round in 0..3 {
        let name = format!("collections/dropped{round}");
        define(&a, &name, "one").await;
        // The other replica knows the collection, and learns that it is closing only when its lease is over.
        defined(&b, &name).await.unwrap();
        let begun = Instant::now();
        let late = async {
            tokio::time::sleep(Duration::from_millis(20 * (round + 1))).await;
            create(&b, &name).await
        };
        let (dropped, created) = tokio::join!(delete(&a, &name, false), late);
        match (dropped, created) {
            (Err(Code::CollectionNotEmpty), Ok(record)) => {
                let asked = GetRecordRequest { name: record.name.clone() };
                assert_eq!(a.get_record(Request::new(asked)).await?.record, Some(record));
                eventually("it is open again", IN_FORCE, async || create(&b, &name).await.ok()).await?;
            }
            (Ok(()), Err(_)) => assert!(defined(&a, &name).await.is_err()),
            other => panic!("after {:?}: {other:?}", begun.elapsed()),
        }
    }
    Ok(())
}

/// What another replica does while a drop stands still.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    DefinesAnew,
    /// Takes the mark of the drop for an abandoned one.
    Reopens,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_that_goes_on_late_leaves_what_was_defined_or_written_since() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (two, tables) = (Two::open().await, Tables::of(&opened::shared_settings().await).await?);
    let mut left = Vec::new();
    // The definition is read, and settled, each with the state of its indexes; without force the collection is looked at,
    // marked, and looked at again; the drop is noted, and for each of two indexes, and made.
    for (number, (force, statements, meanwhile, told)) in [
        (true, 7, Meanwhile::DefinesAnew, Ok(())),
        (false, 5, Meanwhile::DefinesAnew, Err(Code::CollectionNotEmpty)),
        (false, 10, Meanwhile::DefinesAnew, Ok(())),
        (false, 10, Meanwhile::Reopens, Err(Code::CollectionNotEmpty)),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("collections/late-drop-{number}");
        define(&*two.other, &name, "old").await;
        let others = async {
            if meanwhile == Meanwhile::DefinesAnew {
                delete(&*two.other, &name, true).await.unwrap();
                define(&*two.other, &name, "new").await;
            } else {
                assert!(tables.reopen(name.trim_start_matches("collections/")).await.unwrap(), "it was marked");
            }
            eventually("it can be written", IN_FORCE, async || create(&*two.other, &name).await.ok()).await.unwrap();
        };
        let dropped = two.stop(statements, async |slow| delete(&**slow, &name, force).await, others).await;
        assert_eq!(dropped, told, "{name}: {meanwhile:?}");
        left.push(name);
    }
    let looking = Local::new(opened::shared().await);
    for name in left {
        // By its first record and this one.
        create(&looking, &name).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let asked = ListRecordsRequest { parent: name.clone(), ..Default::default() };
        assert_eq!(looking.list_records(Request::new(asked)).await?.records.len(), 2, "{name}");
    }
    Ok(())
}

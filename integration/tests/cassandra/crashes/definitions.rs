//! Changes of definitions, and the clearing away of what was dropped.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use integration::{Cassandra, eventually};
use skep_proto::{Code, Contract, Error, Local, v1::*};
use storage::store::cassandra::Settings;
use tonic::Request;

use super::{ask_mortal, die};
use crate::{
    opened::{self, ALONE, replica, settings, sweep},
    tables::Tables,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    Define,
    Redefine,
    Drop,
    DropByForce,
}

/// A drop whose replica died is given up 90 s later, and known to be within 5 s more.
const ABANDONED: Duration = Duration::from_secs(90 + 5 + 10);
/// Within which get and list agree on what a dead replica has begun.
const AGREED: Duration = Duration::from_secs(10);
/// Deaths tried at the same time: all definitions share one Paxos partition, and those of a drop mostly wait.
const AT_ONCE: usize = 3;
const DROPS_AT_ONCE: usize = 12;

async fn define(replica: &dyn Contract, name: &str, index: &str) -> Result<Collection, Error> {
    let collection = Some(Collection { name: name.into(), indexes: vec![index.into()], ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    replica.update_collection(Request::new(asked)).await.map(|answer| answer.collection.unwrap())
}

/// Defines it however busy the definitions are.
async fn define_at_last(replica: &dyn Contract, name: &str, index: &str) {
    let defined = async || define(replica, name, index).await.ok();
    eventually("it is defined", ABANDONED, defined).await.unwrap();
}

async fn remove(replica: &dyn Contract, name: &str, force: bool) -> Result<(), Error> {
    replica.delete_collection(Request::new(DeleteCollectionRequest { name: name.into(), force })).await.map(drop)
}

async fn make(replica: &dyn Contract, name: &str, id: &str) -> Result<(), Error> {
    let record = Some(Record { data: "{}".into(), ..Default::default() });
    let (parent, record_id) = (name.to_owned(), id.to_owned());
    let caller = if id == "another" { "ann".to_owned() } else { String::new() };
    let asked = CreateRecordRequest { parent, record_id, record, caller, ..Default::default() };
    replica.create_record(Request::new(asked)).await.map(drop)
}

async fn listed(replica: &dyn Contract, name: &str) -> Result<usize, Error> {
    let asked = ListRecordsRequest { parent: name.into(), page_size: 1000, ..Default::default() };
    replica.list_records(Request::new(asked)).await.map(|page| page.records.len())
}

/// The index that the definition has, once get and list agree; `None` where there is no such collection.
async fn shown(replica: &dyn Contract, name: &str) -> Option<String> {
    let agree = async || {
        let got = replica.get_collection(Request::new(GetCollectionRequest { name: name.into() })).await;
        let got = got.map(|answer| answer.collection.unwrap()).map_err(|error| error.code);
        // What a dead replica has begun may be shown by one of them only, for a moment.
        (got != Err(Code::Unavailable) && found(replica, name).await? == got.clone().ok()).then_some(got)
    };
    match eventually("get and list agree", AGREED, agree).await.unwrap() {
        Ok(collection) => Some(collection.indexes[0].clone()),
        Err(code) => {
            assert_eq!(code, Code::CollectionNotFound, "{name}");
            None
        }
    }
}

/// The collection as the list shows it, if there is an answer.
async fn found(replica: &dyn Contract, name: &str) -> Option<Option<Collection>> {
    let (mut found, mut page_token) = (None, String::new());
    loop {
        let asked = ListCollectionsRequest { page_size: 1000, page_token };
        let page = replica.list_collections(Request::new(asked)).await.ok()?;
        found = found.or(page.collections.into_iter().find(|collection| collection.name == name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Some(found);
        }
    }
}

impl Ask {
    async fn ask(self, replica: &dyn Contract, name: &str) -> Result<(), Error> {
        match self {
            Self::Define | Self::Redefine => define(replica, name, "ours").await.map(drop),
            Self::Drop => remove(replica, name, false).await,
            Self::DropByForce => remove(replica, name, true).await,
        }
    }

    fn after(self) -> Option<String> {
        matches!(self, Self::Define | Self::Redefine).then(|| "ours".to_owned())
    }

    /// Asks until it has an answer that counts; what was dropped before is dropped.
    async fn ask_again(self, replica: &dyn Contract, name: &str) {
        eventually("it can be done again", ABANDONED, async || match self.ask(replica, name).await {
            Ok(()) => Some(()),
            Err(error) if error.code == Code::CollectionNotFound && self.after().is_none() => Some(()),
            Err(error) => {
                assert_eq!(error.code, Code::Unavailable, "{name}: {error}");
                None
            }
        })
        .await
        .unwrap();
    }
}

/// Whether the operation was through before the replica died.
async fn try_one((settings, tables): (&Settings, &Tables), observer: &dyn Contract, ask: Ask, statements: u32) -> bool {
    let what = format!("{ask:?}, dead after {statements}").to_lowercase();
    let name = format!("collections/{}", what.replace([',', ' '], "-"));
    if ask != Ask::Define {
        define_at_last(observer, &name, "start").await;
    }
    if ask == Ask::DropByForce {
        make(observer, &name, "old").await.unwrap();
    }
    // What the observer knows is no older than the death.
    let looking = Local::new(replica(settings.clone()).await.unwrap());
    let answer = ask_mortal(settings, statements, async |replica| ask.ask(replica, &name).await).await;
    let before = (ask != Ask::Define).then(|| "start".to_owned());
    let found = shown(&looking, &name).await;
    assert!(found == before || found == ask.after(), "{what}: {found:?}");
    if let Some(Err(error)) = &answer {
        assert_eq!(error.code, Code::Unavailable, "{what}: {error}");
    }
    if ask == Ask::DropByForce && found.is_none() {
        let dropped = tables.dropped().await.unwrap();
        assert!(dropped.contains_key(name.trim_start_matches("collections/")), "{what}: its records are forgotten");
    }
    if ask == Ask::DropByForce && found.is_some() {
        assert_eq!(listed(&looking, &name).await, Ok(1), "{what}: its records are there as long as it is");
    }
    if ask == Ask::Drop && found.is_some() {
        // Nobody repeats it: the collection can be written again, by itself.
        let written = async || make(&looking, &name, "new").await.ok();
        eventually("it is open again", ABANDONED, written).await.unwrap();
        assert_eq!(listed(&looking, &name).await, Ok(1), "{what}");
        let asked = DeleteRecordRequest { name: format!("{name}/records/new"), ..Default::default() };
        looking.delete_record(Request::new(asked)).await.unwrap();
    }
    ask.ask_again(&looking, &name).await;
    assert_eq!(shown(&looking, &name).await, ask.after(), "{what}");
    define_at_last(&looking, &name, "next").await;
    assert_eq!(listed(&looking, &name).await, Ok(0), "{what}: nothing of what was dropped");
    make(&looking, &name, "old").await.unwrap();
    assert_eq!(listed(&looking, &name).await, Ok(1), "{what}");
    matches!(answer, Some(Ok(())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_definition_is_made_whole_or_not_at_all() {
    let _guard = ALONE.read().await;
    let settings = &opened::shared_settings().await;
    let observer = &Local::new(opened::shared().await);
    let tables = &Tables::of(settings).await.unwrap();
    let operations = [Ask::Define, Ask::Redefine, Ask::Drop, Ask::DropByForce].map(async |ask| {
        let tries = stream::iter(0..).map(|statements| try_one((settings, tables), observer, ask, statements));
        // A drop that lost its replica holds its collection for long.
        let at_once = if ask == Ask::Drop { DROPS_AT_ONCE } else { AT_ONCE };
        let mut tries = std::pin::pin!(tries.buffered(at_once).enumerate());
        while let Some((statements, done)) = tries.next().await {
            if done {
                return eprintln!("{ask:?}: {statements} statements");
            }
        }
    });
    futures_util::future::join_all(operations).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_dropped_is_cleared_away_whenever_its_replica_dies() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let cluster = Cassandra::shared().await?;
    let settings = settings(cluster.variables(), &cluster.keyspace());
    let engine = replica(settings.clone()).await?;
    let (observer, tables) = (Local::new(engine.clone()), Tables::of(&settings).await?);
    for statements in 0.. {
        let name = format!("collections/cleared-{statements}");
        define(&observer, &name, "start").await?;
        for id in ["", "", "chosen", "another"] {
            make(&observer, &name, id).await?;
        }
        remove(&observer, &name, true).await?;
        let uid = tables.dropped().await?[name.trim_start_matches("collections/")];
        tables.age(uid).await?;
        let cleared = die(&settings, statements, async |engine| while sweep(&engine).await.unwrap() {}).await;
        while sweep(&engine).await? {}
        assert_eq!(tables.rows_of(uid).await?, [].into(), "dead after {statements}");
        for table in ["windows", "owned", "owners"] {
            assert_eq!(tables.count(table).await?, 0, "{table}, dead after {statements}");
        }
        assert_eq!(tables.dropped().await?, [].into(), "dead after {statements}");
        if cleared.is_some() {
            eprintln!("clearing away: {statements} statements");
            return Ok(());
        }
    }
    unreachable!("clearing away has an end")
}

//! Records of before, where something stands in their way that no store remembers, and where they are many.

use std::slice;

use prost_types::Timestamp;
use skep_proto::{Contract, v1::*};
use tonic::Request;

use crate::{
    dividing::{MONTH, defined, patiently},
    opened::ALONE,
};

const PARENT: &str = "collections/restored";

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn archived(id: &str, seconds: i64, version: i64) -> Record {
    Record {
        name: format!("{PARENT}/records/{id}"),
        data: r#"{"kind":"bee"}"#.into(),
        owner: "ann".into(),
        create_time: Some(at(seconds)),
        update_time: Some(at(seconds + version)),
        version,
        etag: format!("\"{:032x}\"", 0x7000_8000_0000_0000_0000_u128 + u128::from(version.unsigned_abs())),
    }
}

fn restored() -> Collection {
    Collection { name: PARENT.into(), ..Default::default() }
}

async fn bring(replica: &dyn Contract, records: &[Record]) -> Vec<Outcome> {
    let asked = ImportRecordsRequest { parent: PARENT.into(), records: records.to_vec(), latest: false };
    let brought = patiently(async || replica.import_records(Request::new(asked.clone())).await).await;
    brought.results.iter().map(ImportResult::outcome).collect()
}

async fn found(replica: &dyn Contract, filter: &str) -> Vec<Record> {
    let asked = ListRecordsRequest { parent: PARENT.into(), filter: filter.into(), ..Default::default() };
    patiently(async || replica.list_records(Request::new(asked.clone())).await).await.records
}

/// What hides it is remembered by Cassandra for ten days, and by the head for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_long_ago_is_shown_again() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (_, replica, tables) = defined("beside").await;
    let collection =
        Collection { create_time: Some(at(0)), update_time: Some(at(0)), indexes: vec!["kind".into()], ..restored() };
    let asked = ImportCollectionRequest { collection: Some(collection), spans: Vec::new() };
    patiently(async || replica.import_collection(Request::new(asked.clone())).await).await;

    let record = archived("a", 1_000_000, 2);
    assert_eq!(bring(&replica, slice::from_ref(&record)).await, [Outcome::Made]);
    assert_eq!(bring(&replica, &[archived("a", 1_000_000, 9)]).await, [Outcome::Replaced]);
    let asked = DeleteRecordRequest { name: record.name.clone(), ..Default::default() };
    replica.delete_record(Request::new(asked)).await.unwrap();
    // As if that were two days ago.
    tables.forget("a").await?;

    assert_eq!(bring(&replica, slice::from_ref(&record)).await, [Outcome::Made]);
    let asked = GetRecordRequest { name: record.name.clone() };
    let got = replica.get_record(Request::new(asked)).await.unwrap().record.unwrap();
    assert!(got.version > 9, "it counts on from {}", got.version);
    assert_eq!((&got.data, got.create_time, got.update_time), (&record.data, record.create_time, record.update_time));
    for filter in ["", "owner = \"ann\"", "kind = \"bee\"", "updated_at > \"1970-01-01T00:00:00Z\""] {
        assert_eq!(found(&replica, filter).await, slice::from_ref(&got), "{filter}");
    }
    assert_eq!(bring(&replica, &[record]).await, [Outcome::Kept]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_of_before_are_divided_by_when_they_were_made() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (_, replica, tables) = defined("beside").await;
    let collection = Collection { create_time: Some(at(0)), update_time: Some(at(0)), ..restored() };
    let span = |from, until, records| Span { start_time: Some(at(from)), end_time: Some(at(until)), records, bytes: 0 };
    // Few in a year, and a million in an hour.
    let (year, hour) = (31_536_000, 3600);
    let spans = vec![span(0, year, 1000), span(year, year + hour, 1_000_000), span(year + hour, 2 * year, 1000)];
    let asked = ImportCollectionRequest { collection: Some(collection), spans };
    replica.import_collection(Request::new(asked)).await.unwrap();
    let regimes = tables.regimes("restored").await?;
    let lengths: Vec<_> = regimes.iter().map(|(from, length, _)| (*from, *length)).collect();
    assert_eq!(lengths.len(), 3, "{lengths:?}");
    assert_eq!((lengths[0], lengths[2]), ((i64::MIN, MONTH), ((year + hour) * 1_000_000, MONTH)));
    // 2 KiB for each, and 64 MiB for a window.
    assert!(lengths[1].0 == year * 1_000_000 && lengths[1].1 <= 120_000_000, "{lengths:?}");
    Ok(())
}

//! Filters made at random: the same records on the embedded store, on Cassandra and by a walk.

use std::time::Duration;

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use skep_proto::{Contract, Local, v1::*};
use storage::{
    grpc::Engine,
    store::{cassandra::Pace, conformance::walk, embedded::Embedded},
};
use tonic::Request;

use super::{asked, define, every, paced};
use crate::opened::{self, ALONE};

const PACE: Pace =
    Pace { settled: Duration::from_secs(6), idle: Duration::from_secs(1), abandoned: Duration::from_secs(3), full: 64 };
const INDEXES: [&str; 3] = ["a", "b.c", "list"];
const WRITES: usize = 400;
const QUERIES: usize = 300;

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        (-3..4_i32).prop_map(|n| n.to_string()),
        prop_oneof![Just("0.5"), Just("2e0"), Just("9007199254740993"), Just("null"), Just("true"), Just("false")]
            .prop_map(str::to_owned),
        "[ab]{0,2}".prop_map(|text| format!("{text:?}")),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => scalar(),
        1 => prop::collection::vec(scalar(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
        1 => Just(r#"{"a":1}"#.to_owned()),
    ]
}

fn data() -> impl Strategy<Value = String> {
    let member = |name: &'static str| {
        prop::option::weighted(0.8, value()).prop_map(move |value| value.map(|value| format!(r#""{name}":{value}"#)))
    };
    let inner = prop::option::of(value()).prop_map(|c| c.map(|c| format!(r#""b":{{"c":{c}}}"#)));
    (member("a"), inner, member("list"), member("other")).prop_map(|(a, b, list, other)| {
        format!("{{{}}}", [a, b, list, other].into_iter().flatten().collect::<Vec<_>>().join(","))
    })
}

/// One that an index serves, or any.
fn comparison(served: bool) -> impl Strategy<Value = String> {
    let fields = if served { &["a", "b.c", "list"][..] } else { &["a", "b.c", "list", "other"][..] };
    let op = prop_oneof![Just("="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">="), Just(":")];
    let literal = prop_oneof![9 => scalar().boxed(), 1 => Just("*".to_owned()).boxed()];
    (prop::sample::select(fields), op, literal).prop_map(|(field, op, literal)| {
        let op = if literal == "*" { ":" } else { op };
        format!("{field} {op} {literal}")
    })
}

fn any_filter() -> impl Strategy<Value = String> {
    comparison(false).prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

fn served_filter() -> impl Strategy<Value = String> {
    comparison(true).prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), any_filter()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (any_filter(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} OR {b})")),
        ]
    })
}

fn order() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &["", "", "created_at", "updated_at", "updated_at desc", "a", "a desc", "b.c", "list desc"][..],
    )
}

async fn write(replica: &dyn Contract, parent: &str, id: &str, data: Option<&str>) {
    let name = format!("{parent}/records/{id}");
    match data {
        Some(data) => {
            let record = Some(Record { name, data: data.to_owned().into(), ..Default::default() });
            let asked = UpdateRecordRequest { record, allow_missing: true, ..Default::default() };
            replica.update_record(Request::new(asked)).await.map(drop).unwrap();
        }
        // It may not be there.
        None => {
            let _ = replica.delete_record(Request::new(DeleteRecordRequest { name, ..Default::default() })).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_filter_finds_the_same_on_both_stores_and_by_a_walk() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (parent, folder) = ("collections/equal", tempfile::tempdir()?);
    let cassandra = paced(&opened::shared_settings().await, PACE).await;
    let embedded = Local::new(std::sync::Arc::new(Engine::new(std::sync::Arc::new(Embedded::open(folder.path())?))));
    let stores: [&dyn Contract; 2] = [&cassandra, &embedded];
    for store in stores {
        define(store, parent, &INDEXES).await?;
    }
    let mut runner = TestRunner::new(Config::default());
    let mut draw = |strategy: &dyn Fn(&mut TestRunner) -> String| strategy(&mut runner);
    for number in 0..WRITES {
        let data = draw(&|runner| data().new_tree(runner).unwrap().current());
        let data = (number % 7 != 3).then_some(&data[..]);
        for store in stores {
            write(store, parent, &format!("r{}", number * 31 % 150), data).await;
        }
    }
    let all =
        [every(stores[0], asked(parent, "", "", 1000)).await, every(stores[1], asked(parent, "", "", 1000)).await];
    let (mut shown, mut found_any) = (0, 0);
    for _ in 0..QUERIES {
        let filter = draw(&|runner| served_filter().new_tree(runner).unwrap().current());
        let order_by = draw(&|runner| order().new_tree(runner).unwrap().current().to_owned());
        let mut data = Vec::new();
        for (store, all) in stores.into_iter().zip(&all) {
            let found = every(store, asked(parent, &filter, &order_by, 20)).await;
            assert_eq!(found, walk::chosen(all.clone(), &filter, &order_by), "{filter} by {order_by:?}");
            data.push(found.into_iter().map(|record| (record.name, record.data)).collect::<Vec<_>>());
        }
        assert_eq!(data[0], data[1], "{filter} by {order_by:?}");
        shown += data[0].len();
        found_any += usize::from(!data[0].is_empty());
    }
    eprintln!(
        "{QUERIES} queries, {found_any} of which found any, {shown} records, the same by a walk and on both stores"
    );
    assert!(found_any > QUERIES / 2);
    Ok(())
}

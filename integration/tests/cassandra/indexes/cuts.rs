//! Three replicas write while indexes are added to their collection, cut, dropped and added again.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use futures_util::future::join_all;
use integration::eventually;
use skep_proto::Contract;
use storage::store::cassandra::Pace;
use tokio_util::sync::CancellationToken;

use super::{
    CHANGED, audit, built,
    clients::{INDEXES, client},
    define, paced,
};
use crate::{dividing::defined, opened::ALONE};

/// So small that leaves are cut again and again; and longer than the lease on definitions.
const PACE: Pace =
    Pace { settled: Duration::from_secs(6), idle: Duration::from_secs(1), abandoned: Duration::from_secs(3), full: 24 };
const CLIENTS: u64 = 6;
/// Lists that find something in leaves as they are at one time and another.
const LISTS: usize = 300;
/// Leaves of an index after which it was cut often enough.
const LEAVES: usize = 4;
/// More than all records need.
const MANY: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_found_while_indexes_are_built_and_cut() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let parent = "collections/cut";
    let (settings, first, tables) = defined("cut").await;
    let replicas = [paced(&settings, PACE).await, paced(&settings, PACE).await, paced(&settings, PACE).await];
    drop(first);
    let of = |number: usize| -> &dyn Contract { &replicas[number % 3] };
    let (stop, lists) = (CancellationToken::new(), AtomicUsize::new(0));
    // Meanwhile leaves are filled, read and cleared away.
    let listed = async || {
        let before = lists.load(Relaxed);
        eventually("much is listed", CHANGED, async || (lists.load(Relaxed) > before + LISTS).then_some(())).await
    };
    let clients = (0..CLIENTS).map(|number| {
        let at = usize::try_from(number).unwrap_or_default();
        client(number, (of(at), of(at + 1)), parent, &lists, stop.clone())
    });
    let change = async {
        let ended = stop.clone().drop_guard();
        define(of(0), parent, &INDEXES).await?;
        built(of(1), parent).await?;
        let is_cut = async || {
            let leaves = tables.leaves().await.ok()?;
            leaves.iter().any(|leaves| *leaves >= LEAVES).then_some(())
        };
        eventually("an index is cut", CHANGED, is_cut).await?;
        listed().await?;
        define(of(2), parent, &INDEXES[..1]).await?;
        define(of(0), parent, &INDEXES).await?;
        built(of(1), parent).await?;
        built(of(2), parent).await?;
        listed().await?;
        drop(ended);
        anyhow::Ok(())
    };
    let (seen, changed) = tokio::join!(join_all(clients), change);
    changed?;
    let (writes, lists) = (seen.iter().map(|seen| seen.writes).sum::<usize>(), lists.into_inner());
    let wrong: Vec<_> = seen.iter().flat_map(|seen| &seen.wrong).collect();
    eprintln!("{writes} writes, {lists} lists by indexes, {} wrong; leaves {:?}", wrong.len(), tables.leaves().await?);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(tables.leaves().await?.into_iter().all(|leaves| leaves < MANY), "what is emptied is merged");
    let filters = ["", "client = 3", "n > 1", r#"tags:"a""#, r#"tags = "a" OR n = 2"#];
    let shown = audit(of(0), parent, &filters, &["", "n", "n desc", "updated_at", "updated_at desc", "tags"]).await?;
    assert!(shown > 100, "{shown}");
    Ok(())
}

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use integration::{Process, Program, Rest, eventually};
use jiff::{SignedDuration, Timestamp};

use crate::Outcome;

const CLIENTS: usize = 4;
/// A minute that has begun, a whole one, and time to see it.
const MINUTES: Duration = Duration::from_secs(150);
/// What no request may take because of a log: by far more than any takes.
const STALL: Duration = Duration::from_secs(5);

/// How many lines of the gate were lost.
async fn lost(process: &Process) -> anyhow::Result<u64> {
    let lost = process.metric("skep_log_lines_lost_total").await?;
    Ok(lost.get(r#"{service="gate",sink="file"}"#).copied().unwrap_or_default())
}

/// Asks until it is enough; how many requests were made, and how long the slowest took.
async fn ask(rest: &Rest, enough: &AtomicBool) -> anyhow::Result<(usize, Duration)> {
    let (mut requests, mut slowest) = (0, Duration::ZERO);
    while !enough.load(Ordering::Relaxed) {
        let begun = Instant::now();
        rest.get("/v1/collections/bees/records").await?.problem(404, "collection_not_found");
        (requests, slowest) = (requests + 1, slowest.max(begun.elapsed()));
    }
    Ok((requests, slowest))
}

/// The disk is full for the gate's lines of one minute: they are counted and told, nobody waits, and the next file goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_its_lines_and_nothing_else() -> Outcome {
    let mut skep = Program::skep()?.env("LOG_ROTATION", "minutely").start().await?;
    let next = Timestamp::now() + SignedDuration::from_mins(1);
    skep.logs().fill("gate", next)?;
    let (rest, enough) = (skep.http("rest")?, AtomicBool::new(false));
    let asking = futures_util::future::join_all((0..CLIENTS).map(|_| ask(&rest, &enough)));
    let watching = async {
        let files = async || (skep.logs().paths().ok()?.len() >= 2 + 3).then_some(());
        let went_on = eventually("both go on in a third file, of which one is no file", MINUTES, files).await;
        let told = async || skep.stderr().contains("log lines lost").then_some(());
        let told = eventually("it is told that lines were lost", MINUTES, told).await;
        enough.store(true, Ordering::Relaxed);
        went_on.and(told)
    };
    let (asked, watched) = tokio::join!(asking, watching);
    watched?;
    let asked = asked.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let requests: usize = asked.iter().map(|(requests, _)| requests).sum();
    let slowest = asked.iter().map(|(_, slowest)| *slowest).max().unwrap_or_default();
    assert!(slowest < STALL, "{slowest:?}");

    let lost = lost(&skep).await?;
    assert!(skep.terminate().await?.success());
    let mut numbers = skep.logs().numbers()?;
    let (gate, storage) = (numbers.remove("gate").unwrap(), numbers.remove("storage").unwrap());
    let missing = |numbers: &std::collections::BTreeSet<u64>| numbers.last().unwrap() - numbers.len() as u64;
    assert_eq!((missing(&gate), missing(&storage)), (lost, 0), "of {requests} requests");
    assert!(lost > 0 && *gate.last().unwrap() > requests as u64, "{lost} of {requests}");
    Ok(())
}

//! What is measured, and the table.

use std::{fs, net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use integration::{Process, Program};
use serde_json::Value;

use crate::{
    compare, echo,
    load::{self, Ask, Outcome, count},
};

pub(crate) const RECORDS: &str = "/v1/collections/guestbook/records";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    pub(crate) rounds: usize,
}

pub(crate) fn all(plan: Plan) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(compare(plan))
}

#[allow(clippy::print_stdout, reason = "the table is what it is for")]
async fn compare(plan: Plan) -> anyhow::Result<()> {
    let (_echo, echo) = echo::start().await?;
    let skep = Program::skep()?.arg("--example").arg("guestbook").start().await?;
    let addr = skep.door("rest")?;
    println!("{} connections, {} s a measurement, median of {}\n", plan.connections, plan.time.as_secs(), plan.rounds);
    println!("| work | requests/s | of the echo | p50 | p99 | p99.9 | CPU per request |");
    println!("|---|---|---|---|---|---|---|");

    // In turn, round by round: the machine's speed drifts.
    let mut floor = Vec::new();
    let (mut inserts, mut gets, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        floor.push(measure(plan, echo, None, |_, n| insert(n)).await?);
        inserts.push(measure(plan, addr, Some(&skep), |_, n| insert(n)).await?);
        gets.push(measure(plan, addr, Some(&skep), some_gets(addr).await?).await?);
        lists.push(measure(plan, addr, Some(&skep), |_, _| read("?page_size=30")).await?);
    }
    let kept = inserts.iter().map(|(outcome, _)| outcome.taken.len()).sum::<usize>();
    let floor = median(floor);
    row("bare axum echo", &floor, &floor);
    row("insert", &median(inserts), &floor);
    row("get", &median(gets), &floor);
    row("list of 30", &median(lists), &floor);

    let bytes = fs::metadata(skep.program().path("data").join("skep.redb"))?.len();
    println!(
        "\n{kept} records inserted; peak memory {} MiB; {} bytes on disk a record",
        skep.peak_memory()? >> 20,
        bytes / u64::try_from(kept.max(1))?
    );
    Ok(())
}

pub(crate) fn insert(n: usize) -> Ask {
    let body = format!(r#"{{"data":{{"author":"Ann","message":"The bees were kind to me today, number {n}."}}}}"#);
    Ask { method: "POST", path: RECORDS.into(), body }
}

pub(crate) fn read(what: &str) -> Ask {
    Ask { method: "GET", path: format!("{RECORDS}{what}"), body: String::new() }
}

/// Gets of up to a thousand records that are there, one after the other and from everywhere.
pub(crate) async fn some_gets(
    addr: SocketAddr,
) -> anyhow::Result<impl Fn(usize, usize) -> Ask + Clone + Send + Sync + 'static> {
    let outcome = load::run(addr, 1, Duration::from_millis(50), true, |_, _| read("?page_size=1000")).await?;
    let page: Value = serde_json::from_slice(outcome.bodies.first().context("no page")?)?;
    let records = page["records"].as_array().context("a page without records")?;
    let ids: Vec<_> = records.iter().filter_map(|record| record["id"].as_str().map(str::to_owned)).collect();
    Ok(move |connection: usize, n: usize| read(&format!("/{}", ids[(connection * 131 + n * 17) % ids.len()])))
}

/// An outcome, and the CPU seconds that the server spent on it.
type Measured = (Outcome, f64);

async fn measure(
    plan: Plan,
    addr: SocketAddr,
    process: Option<&Process>,
    next: impl Fn(usize, usize) -> Ask + Clone + Send + Sync + 'static,
) -> anyhow::Result<Measured> {
    let before = cpu(process)?;
    let outcome = load::run(addr, plan.connections, plan.time, false, next).await?;
    ensure!(outcome.failed == 0, "{} requests failed", outcome.failed);
    Ok((outcome, cpu(process)? - before))
}

fn median(mut rounds: Vec<Measured>) -> Measured {
    rounds.sort_by(|(a, _), (b, _)| a.per_second().total_cmp(&b.per_second()));
    rounds.swap_remove(rounds.len() / 2)
}

fn cpu(process: Option<&Process>) -> anyhow::Result<f64> {
    process.map_or(Ok(0.0), |process| compare::cpu(&[process.id()?]))
}

#[allow(clippy::print_stdout, reason = "the table is what it is for")]
fn row(work: &str, (median, cpu): &Measured, (bare, _): &Measured) {
    let micros = |per_mille| format!("{} µs", median.quantile(per_mille).as_micros());
    println!(
        "| {work} | {:.0} | {:.2} | {} | {} | {} | {:.0} µs |",
        median.per_second(),
        median.per_second() / bare.per_second(),
        micros(500),
        micros(990),
        micros(999),
        cpu * 1e6 / count(median.taken.len()),
    );
}

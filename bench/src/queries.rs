//! Pages that indexes serve, of a small collection beside those of a large one.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::ensure;
use integration::{Process, Program, eventually};
use serde_json::json;

use crate::{
    compare::{self, Case, Round, progress, table},
    load::{self, Ask, count},
    measure::Plan,
};

const SMALL: usize = 1_000;
/// Operations of a batch.
const BATCH: usize = 100;
/// Of each query, of those that there are.
const PAGES: usize = 8;
/// Longer than a change of leaves pauses: the minute for which both are written.
const STILL: Duration = Duration::from_secs(75);
const SETTLED: Duration = Duration::from_hours(1);
/// Each finds more than a page in the small collection.
const QUERIES: [(&str, &str); 7] = [
    ("newest", ""),
    ("author = \"a3\"", "&filter=author%20=%20%22a3%22"),
    ("author = \"a3\" AND rating >= 50", "&filter=author%20=%20%22a3%22%20AND%20rating%20%3E=%2050"),
    ("by rating desc", "&order_by=rating%20desc"),
    ("rating >= 50 by rating", "&filter=rating%20%3E=%2050&order_by=rating"),
    // Neighbours there were made at any time.
    ("by serial", "&order_by=serial"),
    ("by updated_at desc", "&order_by=updated_at%20desc"),
];

/// Of the embedded store.
pub(crate) fn run(plan: Plan, large: usize) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let skep = Program::skep()?.start().await?;
        compare(&skep, &skep, plan, large).await
    })
}

/// Fills two collections behind `gate`, and asks for pages of both.
#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) async fn compare(gate: &Process, storage: &Process, plan: Plan, large: usize) -> anyhow::Result<()> {
    let mut processes = vec![gate.id()?, storage.id()?];
    processes.dedup();
    for number in [SMALL, large] {
        fill(gate, number).await?;
    }
    settled(storage).await?;
    for (query, parameters) in QUERIES {
        let pages = [pages(gate, SMALL, parameters).await?, pages(gate, large, parameters).await?];
        let mut cases = [SMALL, large].map(|number| Case::new(format!("of {number}")));
        let mut spent = BTreeMap::<String, [f64; 2]>::new();
        for round in 0..=plan.rounds {
            progress(format_args!("{query}, round {round} of {}", plan.rounds));
            for (at, case) in cases.iter_mut().enumerate() {
                let pages = pages[at].clone();
                let path = move |connection: usize, n: usize| pages[(connection + n) % pages.len()].clone();
                let ask = move |connection, n| Ask { method: "GET", path: path(connection, n), body: String::new() };
                let asked = statements(storage).await?;
                let before = compare::cpu(&processes)?;
                let outcome = load::run(gate.door("rest")?, plan.connections, plan.time, false, ask).await?;
                ensure!(outcome.failed == 0, "{} requests failed", outcome.failed);
                if round > 0 {
                    for (name, times) in statements(storage).await? {
                        let more = times - asked.get(&name).copied().unwrap_or_default();
                        let of = count(outcome.taken.len() * plan.rounds);
                        spent.entry(name).or_default()[at] += count(usize::try_from(more)?) / of;
                    }
                    let cpu = compare::cpu(&processes)? - before;
                    case.rounds.push(Round { outcome, cpu, ..Round::default() });
                }
            }
        }
        table(&format!("{query}, {} connections", plan.connections), &cases);
        for (name, [small, large]) in spent.iter().filter(|(_, spent)| spent.iter().any(|of| *of >= 0.05)) {
            println!("{name}: {small:.1} and {large:.1} a request");
        }
    }
    Ok(())
}

/// The first pages of a query: how records lie at one place says little of another.
async fn pages(gate: &Process, number: usize, parameters: &str) -> anyhow::Result<Vec<String>> {
    let (rest, first) = (gate.http("rest")?, format!("{}?page_size=30{parameters}", records(number)));
    let mut pages = vec![first.clone()];
    while pages.len() < PAGES {
        let page = rest.get(&pages[pages.len() - 1]).await?.expect(200).json();
        // Only full ones.
        if page["records"].as_array().is_none_or(|records| records.len() < 30) {
            pages.pop();
            break;
        }
        let Some(token) = page["next_page_token"].as_str() else { break };
        pages.push(format!("{first}&page_token={token}"));
    }
    ensure!(!pages.is_empty(), "{first} has no page of 30");
    Ok(pages)
}

/// Waits until nothing is changed any more: until then leaves of indexes are cut.
async fn settled(storage: &Process) -> anyhow::Result<()> {
    let (mut before, mut since) = (0, Instant::now());
    progress("waits until the indexes are cut");
    let is_still = async || {
        let written = statements(storage).await.ok()?.remove("index_write").unwrap_or_default();
        if written > before {
            (before, since) = (written, Instant::now());
        }
        // The embedded store cuts nothing.
        (before == 0 || since.elapsed() > STILL).then_some(())
    };
    eventually("the indexes are cut", SETTLED, is_still).await
}

/// How often storage asked its store, by operation.
async fn statements(storage: &Process) -> anyhow::Result<BTreeMap<String, u64>> {
    let counts = storage.metric("skep_store_operation_duration_seconds_count").await?.into_iter();
    let name = |labels: String| labels.trim_start_matches("{operation=\"").trim_end_matches("\"}").to_owned();
    Ok(counts.map(|(labels, count)| (name(labels), count)).collect())
}

fn records(number: usize) -> String {
    format!("/v1/collections/reviews-{number}/records")
}

/// A collection of so many reviews, by ten authors.
async fn fill(gate: &Process, number: usize) -> anyhow::Result<()> {
    let everyone = json!({"list": "true", "create": "true"});
    let definition = json!({"indexes": ["author", "rating", "serial"], "rules": everyone});
    let path = format!("/v1/collections/reviews-{number}");
    gate.http("rest")?.administrator().await?.put(&path).json(definition).await?.expect(201);
    let (path, mut made) = (format!("{}:batch", records(number)), 0);
    while made < number {
        progress(format_args!("{made} of {number} records"));
        let path = path.clone();
        let batch = move |connection: usize, n: usize| {
            let operations: Vec<_> = (0..BATCH).map(|at| operation(made + (connection + n * 8) * BATCH + at)).collect();
            Ask { method: "POST", path: path.clone(), body: json!({"operations": operations}).to_string() }
        };
        let (connections, time) =
            if number <= SMALL { (1, Duration::from_millis(1)) } else { (8, Duration::from_secs(2)) };
        let outcome = load::run(gate.door("rest")?, connections, time, true, batch).await?;
        ensure!(outcome.failed == 0, "{} batches failed", outcome.failed);
        let created = outcome.bodies.iter().map(|body| String::from_utf8_lossy(body).matches("\"status\":201").count());
        made += created.sum::<usize>();
    }
    Ok(())
}

fn operation(n: usize) -> serde_json::Value {
    let data = json!({"author": format!("a{}", n % 10), "rating": n / 10 * 37 % 100, "serial": n * 7919 % 1_000_003, "text": format!("The bees were kind to me today, number {n}.")});
    json!({"create": {"data": data}})
}

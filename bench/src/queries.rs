//! Pages that indexes serve, of a small collection beside those of a large one.

use std::time::Duration;

use anyhow::{Context, ensure};
use integration::{Process, Program};
use serde_json::json;

use crate::{
    compare::{self, Case, Round, progress, table},
    load::{self, Ask},
    measure::Plan,
};

const SMALL: usize = 1_000;
/// Operations of a batch.
const BATCH: usize = 100;
const RECORDS: &str = "/v1/collections/reviews/records";
/// Each finds more than a page in the small collection.
const QUERIES: [(&str, &str); 6] = [
    ("newest", ""),
    ("author = \"a3\"", "&filter=author%20=%20%22a3%22"),
    ("author = \"a3\" AND rating >= 50", "&filter=author%20=%20%22a3%22%20AND%20rating%20%3E=%2050"),
    ("by rating desc", "&order_by=rating%20desc"),
    ("rating >= 50 by rating", "&filter=rating%20%3E=%2050&order_by=rating"),
    ("by updated_at desc", "&order_by=updated_at%20desc"),
];

pub(crate) fn run(plan: Plan, large: usize) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(compare(plan, large))
}

async fn compare(plan: Plan, large: usize) -> anyhow::Result<()> {
    let houses = [house(SMALL).await?, house(large).await?];
    for (query, parameters) in QUERIES {
        let mut cases = [SMALL, large].map(|number| Case::new(format!("of {number}")));
        for round in 0..=plan.rounds {
            progress(format_args!("{query}, round {round} of {}", plan.rounds));
            for (skep, case) in houses.iter().zip(&mut cases) {
                let ask = move |_, _| Ask {
                    method: "GET",
                    path: format!("{RECORDS}?page_size=30{parameters}"),
                    body: String::new(),
                };
                let before = compare::cpu(&[skep.id()?])?;
                let outcome = load::run(skep.door("rest")?, plan.connections, plan.time, false, ask).await?;
                ensure!(outcome.failed == 0, "{} requests failed", outcome.failed);
                if round > 0 {
                    let cpu = compare::cpu(&[skep.id()?])? - before;
                    case.rounds.push(Round { outcome, cpu, ..Round::default() });
                }
            }
        }
        table(&format!("{query}, {} connections", plan.connections), &cases);
    }
    Ok(())
}

/// A store with so many reviews, by ten authors.
async fn house(number: usize) -> anyhow::Result<Process> {
    let skep = Program::skep()?.start().await?;
    let everyone = json!({"list": "true", "create": "true"});
    let definition = json!({"indexes": ["author", "rating"], "rules": everyone});
    skep.http("rest")?.administrator().await?.put("/v1/collections/reviews").json(definition).await?.expect(201);
    let (address, mut made) = (skep.door("rest")?, 0);
    while made < number {
        progress(format_args!("{made} of {number} records"));
        let batch = move |connection: usize, n: usize| {
            let operations: Vec<_> = (0..BATCH).map(|at| operation(made + (connection + n * 8) * BATCH + at)).collect();
            Ask {
                method: "POST",
                path: format!("{RECORDS}:batch"),
                body: json!({"operations": operations}).to_string(),
            }
        };
        let (connections, time) =
            if number <= SMALL { (1, Duration::from_millis(1)) } else { (8, Duration::from_secs(2)) };
        let outcome = load::run(address, connections, time, true, batch).await?;
        ensure!(outcome.failed == 0, "{} batches failed", outcome.failed);
        let body = String::from_utf8_lossy(outcome.bodies.first().context("no batch was answered")?).into_owned();
        ensure!(body.contains("\"status\":201"), "nothing was made: {body}");
        made += outcome.taken.len() * BATCH;
    }
    Ok(skep)
}

fn operation(n: usize) -> serde_json::Value {
    let data = json!({"author": format!("a{}", n % 10), "rating": n / 10 % 100, "text": format!("The bees were kind to me today, number {n}.")});
    json!({"create": {"data": data}})
}

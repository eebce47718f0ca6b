//! Redis lost in every way, under load: nobody is signed out, no request fails.

use std::{
    io::{Write, stderr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use integration::{Redis, Rest, eventually};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Outcome,
    house::{ME, Pair, Person},
};

const CLIENTS: usize = 12;
/// How long the load goes on under one fault, which comes in its middle third.
const LOAD: Duration = Duration::from_secs(6);
const NOTES: &str = "/v1/collections/notes/records";
/// A lost Redis is waited for 100 ms; the rest is for two cores that do all of this at once.
const PROMISED: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Seen {
    requests: u64,
    failed: Vec<String>,
    slowest: Duration,
}

impl Seen {
    fn is_as_promised(&self) {
        assert!(self.failed.is_empty(), "{} failed: {:?}", self.failed.len(), &self.failed[..self.failed.len().min(3)]);
        assert!(self.requests > 100 && self.slowest < PROMISED, "{} {:?}", self.requests, self.slowest);
    }
}

/// Reads and writes at both gates in turn until told to stop.
async fn client(rests: [Rest; 2], stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Relaxed) {
        let rest = &rests[usize::from(seen.requests % 4 > 1)];
        let begun = Instant::now();
        let answer = if seen.requests.is_multiple_of(2) {
            rest.post(NOTES).json(json!({"data": {}})).await
        } else {
            rest.get(format!("{NOTES}?page_size=1")).await
        };
        seen.slowest = seen.slowest.max(begun.elapsed());
        seen.requests += 1;
        match answer {
            Ok(answer) if answer.status == 200 || answer.status == 201 => {}
            Ok(answer) => seen.failed.push(format!("{} {}", answer.status, answer.text)),
            Err(error) => seen.failed.push(format!("{error:#}")),
        }
    }
    seen
}

/// Lets every client work while `hurt` happens; tells a row of a table.
async fn under(fault: &str, clients: &[[Rest; 2]], hurt: impl AsyncFnOnce() -> Outcome) -> anyhow::Result<Seen> {
    let (stop, mut load) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for rests in clients {
        load.spawn(client(rests.clone(), stop.clone()));
    }
    let begun = Instant::now();
    tokio::time::sleep(LOAD / 3).await;
    let hurt = hurt().await;
    tokio::time::sleep(LOAD.saturating_sub(begun.elapsed())).await;
    stop.store(true, Relaxed);
    let mut all = Seen::default();
    while let Some(seen) = load.join_next().await {
        let seen = seen?;
        all.requests += seen.requests;
        all.slowest = all.slowest.max(seen.slowest);
        all.failed.extend(seen.failed);
    }
    let (requests, failed, slowest) = (all.requests, all.failed.len(), all.slowest.as_secs_f64());
    writeln!(stderr(), "| {fault} | {requests} | {failed} | {slowest:.2} s |")?;
    hurt.map(|()| all)
}

async fn clients(pair: &Pair) -> anyhow::Result<(Person, Vec<[Rest; 2]>)> {
    let admin = pair.rests()?[0].administrator().await?;
    let everyone = json!({"list": "true", "create": "auth != null"});
    admin.put("/v1/collections/notes").json(json!({"rules": everyone})).await?.expect(201);
    let ann = pair.person("ann").await?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(pair.sign_in("ann").await?);
    }
    for rest in &clients[0] {
        pair.until_shared(&ann, rest).await?;
    }
    Ok((ann, clients))
}

#[tokio::test]
async fn no_request_fails_whatever_becomes_of_redis() -> Outcome {
    let mut pair = Pair::start(&[("RATE_LIMIT", "1000000/1m"), ("SIGN_IN_LIMIT", "1000/1m")]).await?;
    let (ann, clients) = clients(&pair).await?;
    writeln!(stderr(), "| fault | requests | failed | slowest |\n|---|---|---|---|")?;
    let mut rows = vec![under("none", &clients, async || Ok(())).await?];

    let redis = &mut pair.redis[0];
    rows.push(
        under("killed, then back empty", &clients, async || {
            redis.kill().await?;
            tokio::time::sleep(LOAD / 3).await;
            redis.restart().await
        })
        .await?,
    );
    rows.push(
        under("emptied, again and again", &clients, async || {
            for _ in 0..20 {
                redis.empty().await?;
                tokio::time::sleep(LOAD / 60).await;
            }
            Ok(())
        })
        .await?,
    );
    rows.push(
        under("stopped, then let go on", &clients, async || {
            redis.pause()?;
            tokio::time::sleep(LOAD / 3).await;
            redis.resume()
        })
        .await?,
    );
    redis.save().await?;
    rows.push(
        under("killed, then back with old contents", &clients, async || {
            redis.kill().await?;
            redis.restart().await
        })
        .await?,
    );
    rows.iter().for_each(Seen::is_as_promised);
    // All of it is in Redis again, and the gates say so.
    for (gate, rest) in pair.gates.iter().zip(&clients[0]) {
        pair.until_shared(&ann, rest).await?;
        let back = eventually("the gate tells that Redis is back", Duration::from_secs(10), async || {
            (gate.metric("skep_redis_away").await.ok()?.get("") == Some(&0)).then_some(())
        });
        back.await?;
        let failures = gate.metric("skep_redis_failures_total").await?;
        assert!(failures.get("").is_some_and(|count| *count > 0), "{failures:?}");
    }
    Ok(())
}

#[tokio::test]
async fn no_request_fails_while_sentinels_put_a_replica_in_place() -> Outcome {
    let (servers, url) = Redis::sentinels().await?;
    fails_over("a master killed, by sentinels", servers, &url).await
}

#[tokio::test]
async fn no_request_fails_while_a_cluster_puts_a_replica_in_place() -> Outcome {
    let (servers, url) = Redis::cluster().await?;
    fails_over("a master killed, in a cluster", servers, &url).await
}

/// The first of the servers is killed for good: nobody is signed out, and what gates know is shared again.
async fn fails_over(fault: &str, servers: Vec<Redis>, url: &str) -> Outcome {
    let mut pair = Pair::beside(servers, url, &[("RATE_LIMIT", "1000000/1m"), ("SIGN_IN_LIMIT", "1000/1m")]).await?;
    let (ann, clients) = clients(&pair).await?;
    let master = &mut pair.redis[0];
    under(fault, &clients, async || master.kill().await).await?.is_as_promised();
    for rest in &clients[0] {
        pair.until_shared(&ann, rest).await?;
    }
    for rest in clients.iter().flatten() {
        rest.get(ME).await?.expect(200);
    }
    let [here, there] = &clients[0];
    here.delete("/v1/sessions/current").await?.expect(204);
    there.get(ME).await?.expect(401);
    Ok(())
}

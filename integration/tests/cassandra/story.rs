//! The day a guestbook outgrows its machine: from one process with a file to two gates over three nodes.

use std::{
    collections::BTreeMap,
    io::{Write, stderr},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use integration::{Cassandra, House, Process, Program, Rest, eventually};
use serde_json::{Value, json};

use crate::opened::{ALONE, CONNECTED};

const ENTRIES: &str = "/v1/collections/guestbook/records";
const CLIENTS: usize = 4;
/// For how long they write before the export, and beside it.
const FILLED: Duration = Duration::from_secs(3);
/// Far beyond what an export or an import of it takes.
const BOUND: Duration = Duration::from_mins(3);

/// An entry as its client knows it: the body and the entity tag.
type Known = BTreeMap<String, (Value, String)>;

fn tell(what: &str) -> anyhow::Result<()> {
    Ok(writeln!(stderr(), "story: {what}")?)
}

/// Makes entries and changes every third, until it is enough.
async fn fill(rest: &Rest, client: usize, enough: &AtomicBool) -> anyhow::Result<Known> {
    let mut known = Known::new();
    for number in 0.. {
        if enough.load(Ordering::Relaxed) {
            break;
        }
        let data = json!({"author": format!("client {client}"), "message": format!("message {number}")});
        let mut made = rest.post(ENTRIES).json(json!({"data": data})).await?.expect(201);
        let id = made.json()["id"].as_str().context("an id")?.to_owned();
        if number % 3 == 0 {
            let patch = json!({"message": "on second thoughts"}).to_string();
            made = rest
                .patch(format_args!("{ENTRIES}/{id}"))
                .typed("application/merge-patch+json", patch)
                .await?
                .expect(200);
        }
        known.insert(id, (made.json(), made.etag().to_owned()));
    }
    Ok(known)
}

async fn tool(storage: &Process, token: Option<&str>, args: &[&str]) -> anyhow::Result<String> {
    let tool = Program::tool("skep")?.env("SKEP_ADDR", storage.door("grpc")?.to_string());
    let tool = token.into_iter().fold(tool, |tool, token| tool.env("INTERNAL_TOKEN", token));
    let mut running = args.iter().fold(tool, |tool, arg| tool.arg(*arg)).open().await?;
    let ended = eventually("the tool has ended", BOUND, async || (!running.is_alive()).then_some(()));
    ended.await?;
    let status = running.ended().await?;
    let said = running.stderr().trim().to_owned();
    ensure!(status.success(), "skep {}: {said}", args.join(" "));
    tell(&format!("skep {}: {said}", args[0]))?;
    Ok(said)
}

/// All entries by a list, oldest first.
async fn listed(rest: &Rest) -> anyhow::Result<Vec<Value>> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let page = rest.get(format_args!("{ENTRIES}?page_size=1000&order_by=created_at&page_token={token}")).await?;
        let mut page = page.expect(200).json();
        all.append(page["records"].as_array_mut().context("records")?);
        match page["next_page_token"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => return Ok(all),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guestbook_outgrows_its_machine() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (folder, enough) = (tempfile::tempdir()?, AtomicBool::new(false));
    let file = |name: &str| folder.path().join(name).display().to_string();
    let solo = Program::skep()?.arg("--example").arg("guestbook").start().await?;
    let rest = solo.http("rest")?.administrator().await?;
    rest.post("/v1/accounts").json(json!({"name": "Ann", "password": "the-password-of-ann"})).await?.expect(201);
    tell("one process serves the guestbook")?;

    let filling = try_join_all((0..CLIENTS).map(|client| fill(&rest, client, &enough)));
    let exporting = async {
        tokio::time::sleep(FILLED).await;
        let before = listed(&rest).await?;
        let exported = tool(&solo, None, &["export", "--output", &file("while.ndjson.zst")]).await;
        enough.store(true, Ordering::Relaxed);
        exported.map(|_| before)
    };
    let (known, before) = tokio::join!(filling, exporting);
    let (known, before): (Known, _) = (known?.into_iter().flatten().collect(), before?);
    tell(&format!("{} entries were made, {} of them before the export", known.len(), before.len()))?;

    let (cluster, keyspace) = (Cassandra::shared().await?, Cassandra::shared().await?.keyspace());
    let storage = || Program::storage_on(cluster, &keyspace, House::token());
    let storages = [ready(storage()?).await?, ready(storage()?).await?];
    let doors = [storages[0].door("grpc")?, storages[1].door("grpc")?];
    let gate = || Program::gate_before(&doors, House::token());
    let gates = [ready(gate()?).await?, ready(gate()?).await?];
    tell("two gates and two storages serve over three nodes of Cassandra")?;

    let begun = Instant::now();
    tool(&storages[0], Some(House::token()), &["import", &file("while.ndjson.zst")]).await?;
    let there = gates[0].http("rest")?.administrator().await?;
    let brought = listed(&there).await?;
    let ids =
        |all: &[Value]| all.iter().map(|entry| entry["id"].to_string()).collect::<std::collections::BTreeSet<_>>();
    ensure!(ids(&brought).is_superset(&ids(&before)), "what was there before the export is in it");
    // The last look, when nobody writes any more.
    tool(&solo, None, &["export", "--output", &file("last.ndjson.zst")]).await?;
    let said = tool(&storages[1], Some(House::token()), &["import", &file("last.ndjson.zst")]).await?;
    ensure!(said.contains(" 0 skipped, after"), "{said}");
    tell(&format!("all of it took {:.1} s", begun.elapsed().as_secs_f64()))?;

    for gate in &gates {
        let rest = gate.http("rest")?.sign_in("Ann", "the-password-of-ann").await?;
        for (id, (body, etag)) in &known {
            let got = rest.get(format_args!("{ENTRIES}/{id}")).await?.expect(200);
            assert_eq!((&got.json(), got.etag()), (body, &**etag));
        }
    }
    assert_eq!(listed(&there).await?, listed(&rest).await?);
    tell(&format!("each of {} entries is the same by either gate, and the list of them", known.len()))?;
    // A client goes on with what it knows.
    let (id, (_, etag)) = known.iter().next().context("an entry")?;
    let patch = rest_patch(&there, id, etag).await?;
    ensure!(patch["data"]["message"] == "from the swarm", "{patch}");
    Ok(())
}

/// The nodes are busy with other tests, and make a schema first.
async fn ready(program: Program) -> anyhow::Result<Process> {
    let process = program.open().await?;
    eventually("it is ready", CONNECTED, async || process.is_ready().await.then_some(())).await?;
    Ok(process)
}

async fn rest_patch(rest: &Rest, id: &str, etag: &str) -> anyhow::Result<Value> {
    let patch = json!({"message": "from the swarm"}).to_string();
    let call = rest.patch(format_args!("{ENTRIES}/{id}")).header("if-match", etag);
    Ok(call.typed("application/merge-patch+json", patch).await?.expect(200).json())
}

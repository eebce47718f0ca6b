//! The lines that the replicas wrote are what the index template expects. No Logstash runs here: the files are shipped as its
//! pipeline is written to.

use std::{collections::BTreeSet, fs, os::unix::fs::MetadataExt, time::Duration};

use anyhow::{Context, ensure};
use integration::{Line, Rest, Swarm, eventually, ship};
use serde_json::{Value, json};

use crate::{Outcome, load::ENTRIES, tell};

const STREAMS: &str = "/logs-skep.*-*";
const PORT: u16 = 9200;
const FOUND_BOUND: Duration = Duration::from_secs(30);
/// Where replicas of one service write on every machine.
const VOLUME: &str = "skep_logs";
/// The user without rights that our images have.
const OURS: u32 = 65532;

/// Ships every line of every machine, and finds one request's in the gate and in storage by its id.
pub(crate) async fn are_found(swarm: &Swarm, gate: &Rest) -> Outcome {
    let request = gate.post(ENTRIES).json(json!({"data": {"author": "Ann", "message": "to be followed"}})).await?;
    let id = request.expect(201).header("x-request-id").to_owned();
    let lines = eventually("both have written of the request", FOUND_BOUND, async || {
        let lines = lines(swarm).ok()?;
        let of = |service: &str| lines.iter().any(|line| line.file.starts_with(service) && line.text.contains(&id));
        (of("gate-") && of("storage-")).then_some(lines)
    });
    let lines = lines.await?;
    let files: BTreeSet<_> = lines.iter().map(|line| &line.file).collect();
    tell(&format!("{} lines of {} files are shipped", lines.len(), files.len()))?;

    let index = Rest::new(swarm.manager().port(PORT));
    let first = ship(&index, &lines).await?;
    ensure!(first.keys().eq([&201]), "lines are refused: {first:?}");
    let again = ship(&index, &lines).await?;
    ensure!(again.keys().eq([&409]), "a line that is shipped again is there already: {again:?}");

    let wanted = json!({"query": {"term": {"http.request.id": id}}, "sort": ["event.sequence"]});
    let found = search(&index, &wanted).await?;
    let hits = found["hits"]["hits"].as_array().context("no hits")?;
    // More than one of storage, where the gate did not know the collection.
    let services: BTreeSet<_> = hits.iter().filter_map(|hit| hit["_source"]["service.name"].as_str()).collect();
    assert_eq!(services, BTreeSet::from(["gate", "storage"]), "{found}");
    let slow = json!({"size": 0, "query": {"range": {"event.duration": {"gt": 0}}},
        "aggs": {"by": {"terms": {"field": "service.node.name", "size": 100}}}});
    let buckets = search(&index, &slow).await?["aggregations"]["by"]["buckets"].as_array().map_or(0, Vec::len);
    ensure!(buckets >= 4, "the instances of gate and storage can be told apart, of which there are {buckets}");
    unparsable(&index).await
}

/// What does not parse is kept, as the pipeline leaves it.
async fn unparsable(index: &Rest) -> Outcome {
    let torn = Line { file: "gate-1.2026-01-01-00.ndjson".into(), text: "{\"torn".into() };
    ship(index, &[torn]).await?;
    let found = search(index, &json!({"query": {"term": {"tags": "unparsable"}}})).await?;
    assert_eq!(found["hits"]["total"]["value"], 1, "{found}");
    assert_eq!(found["hits"]["hits"][0]["_source"]["message"], "{\"torn");
    Ok(())
}

fn lines(swarm: &Swarm) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for machine in swarm.machines() {
        for file in fs::read_dir(machine.volume(VOLUME)).into_iter().flatten() {
            let file = file?;
            ensure!(file.metadata()?.uid() == OURS, "{} is of another user", file.path().display());
            let text = fs::read_to_string(file.path())?;
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let name = file.file_name().to_string_lossy().into_owned();
            lines.extend(whole.map(|line| Line { file: name.clone(), text: line.trim_end().to_owned() }));
        }
    }
    Ok(lines)
}

async fn search(index: &Rest, query: &Value) -> anyhow::Result<Value> {
    Ok(index.post(format_args!("{STREAMS}/_search")).json(query.clone()).await?.expect(200).json())
}

//! Lines that were really written, shipped as the pipeline does: one request's trail is found by its id, a file that is read
//! again makes no duplicates, and each panel of the dashboard shows what was done.

use std::{future::IntoFuture, time::Duration};

use anyhow::Context;
use integration::{Line, Process, Program, Rest, eventually, ship};
use serde_json::{Value, json};

use crate::{
    Outcome,
    dashboard::{Counts, panels, searches},
    files::{elasticsearch, mapped, nothing_is_malformed, search},
};

const TOKEN: &str = "an-inside-token-of-some-length";
const WRITTEN: Duration = Duration::from_secs(20);
const NOTES: &str = "/v1/collections/notes/records";

/// Requests of many kinds, until storage dies; the id of one that both saw.
async fn act(gate: &Process, storage: &mut Process) -> anyhow::Result<String> {
    let rest = gate.http("rest")?;
    let definition = json!({"rules": {"create": "true"}});
    rest.administrator().await?.put("/v1/collections/notes").json(definition).await?.expect(201);
    let made = rest.post(NOTES).json(json!({"data": {"text": "to be followed"}})).await?.expect(201);
    let id = made.header("x-request-id").to_owned();
    rest.get(NOTES).await?.problem(401, "unauthenticated");
    rest.get("/v1/nowhere").await?.problem(404, "route_not_found");
    let sign_in =
        |name: &str| rest.post("/v1/sessions").json(json!({"name": name, "password": "no password of anybody"}));
    for name in ["admin", "nobody"] {
        sign_in(name).await?.problem(401, "invalid_credentials");
    }
    let is_limited = async || (sign_in("nobody").await.ok()?.status == 429).then_some(());
    eventually("sign-ins are limited", WRITTEN, is_limited).await?;
    let seen = async || storage.logs().lines().ok()?.iter().any(|line| line["http.request.id"] == *id).then_some(());
    eventually("storage has written of it", WRITTEN, seen).await?;
    broken_call(gate, storage, &rest).await?;
    let is_left_out = async || {
        rest.post(NOTES).json(json!({"data": {}})).await.ok()?;
        let lines = gate.logs().lines().ok()?;
        lines.iter().any(|line| line["message"] == "a storage is left out").then_some(())
    };
    eventually("a storage is left out", WRITTEN, is_left_out).await?;
    Ok(id)
}

/// A storage that dies with a call: it is made a second time, and there is nobody else.
async fn broken_call(gate: &Process, storage: &mut Process, rest: &Rest) -> Outcome {
    let calls = async || Some(gate.metric("skep_backend_calls_total").await.ok()?.values().sum::<u64>());
    let before = calls().await.filter(|calls| *calls > 0).context("no calls are counted")?;
    storage.pause()?;
    let waiting = tokio::spawn(rest.post(NOTES).json(json!({"data": {}})).into_future());
    eventually("storage is asked", WRITTEN, async || (calls().await? > before).then_some(())).await?;
    storage.kill().await?;
    waiting.await??.problem(503, "unavailable");
    Ok(())
}

fn lines(processes: &[&Process]) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for process in processes {
        for (file, text) in process.logs().files()? {
            lines.extend(text.lines().map(|line| Line { file: file.clone(), text: line.to_owned() }));
        }
    }
    Ok(lines)
}

/// Whether a panel or search is to show a line: what its description says, in other words than its query.
fn shows(id: &str, line: &Value) -> bool {
    let message = line["message"].as_str().unwrap();
    let (level, status) = (line["log.level"].as_str().unwrap(), line["http.response.status_code"].as_u64());
    match id {
        "skep-requests" => matches!(message, "request" | "call"),
        "skep-errors" | "skep-faults" => matches!(level, "warn" | "error"),
        "skep-latency" | "skep-status" | "skep-slowest" => message == "request",
        "skep-balance" => message.starts_with("a storage ") || line["skep.retries"].as_u64() > Some(0),
        "skep-sign-ins" => line["http.route"] == "/v1/sessions" && matches!(status, Some(401 | 429)),
        "skep-levels" | "skep-lines" => true,
        "skep-statements" => message == "slow statement",
        "skep-trail" => line["http.request.id"].is_string(),
        other => panic!("{other} is not known"),
    }
}

fn counted(lines: &[Value], id: &str, fields: &[String]) -> Counts {
    let mut counts = Counts::new();
    for line in lines.iter().filter(|line| shows(id, line)) {
        let value = |field: &String| match &line[field.trim_end_matches(".keyword")] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        if let Some(values) = fields.iter().map(value).collect::<Option<Vec<_>>>() {
            *counts.entry(values).or_default() += 1;
        }
    }
    counts
}

/// A line as a storage on Cassandra writes it.
fn slow(of: &Line) -> anyhow::Result<Line> {
    let mut line: Value = serde_json::from_str(&of.text)?;
    for (name, value) in [
        ("message", json!("slow statement")),
        ("log.level", json!("warn")),
        ("event.sequence", json!(1_000_000)),
        ("event.duration", json!(750_000_000)),
        ("db.operation.name", json!("entry_read")),
        ("server.address", json!("10.0.0.2:9042")),
    ] {
        line[name] = value;
    }
    Ok(Line { text: line.to_string(), ..of.clone() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_is_found_and_shown() -> Outcome {
    let elasticsearch = elasticsearch().await?;
    let index = elasticsearch.rest();
    let mut storage = Program::storage(TOKEN)?.env("HOSTNAME", "storage-1").start().await?;
    let gate = Program::gate(&storage, TOKEN)?.env("HOSTNAME", "gate-1").env("RATE_LIMIT", "6000/1m");
    let mut gate = gate.start().await?;
    let id = act(&gate, &mut storage).await?;
    gate.terminate().await?;

    let mut written = lines(&[&gate, &storage])?;
    written.push(slow(written.last().unwrap())?);
    assert_eq!(ship(index, &written).await?, [(201, written.len())].into());
    assert_eq!(ship(index, &written).await?, [(409, written.len())].into(), "read again, they are there already");
    nothing_is_malformed(index).await?;

    let parsed: Vec<Value> = written.iter().map(|line| serde_json::from_str(&line.text).unwrap()).collect();
    let mapped = mapped();
    for line in &parsed {
        let unmapped: Vec<_> = line.as_object().unwrap().keys().filter(|name| !mapped.contains_key(*name)).collect();
        assert!(unmapped.is_empty(), "{unmapped:?} of {line}");
    }
    assert!(parsed.iter().any(|line| line["skep.retries"] == 1), "a call was made twice");
    for panel in panels() {
        let (counts, percentiles) = panel.ask(index).await?;
        let expected = counted(&parsed, &panel.id, &panel.groups());
        assert_eq!(counts, expected, "{}", panel.id);
        assert!(!counts.is_empty(), "{}: nothing was done that it shows", panel.id);
        let durations =
            parsed.iter().filter(|line| shows(&panel.id, line)).filter_map(|line| line["event.duration"].as_f64());
        let longest = durations.fold(0.0, f64::max);
        assert!(percentiles.iter().all(|of| *of > 0.0 && *of <= longest), "{}: {percentiles:?}", panel.id);
        let shows_latency = ["skep-latency", "skep-statements"].contains(&panel.id.as_str());
        assert_eq!(!percentiles.is_empty(), shows_latency, "{}", panel.id);
    }
    for search in searches() {
        let (total, hits) = search.ask(index).await?;
        let expected = parsed.iter().filter(|line| shows(&search.id, line)).count() as u64;
        assert_eq!(total, expected, "{}", search.id);
        let sorted: Vec<_> = hits.iter().map(|hit| order(&hit[&search.sort.0])).collect();
        let is_sorted = if search.sort.1 == "asc" { sorted.is_sorted() } else { sorted.iter().rev().is_sorted() };
        assert!(is_sorted, "{}", search.id);
    }
    trail(index, &id).await
}

/// Times compare as texts, numbers of one length too.
fn order(value: &Value) -> String {
    value.as_u64().map_or_else(|| value.as_str().unwrap_or_default().to_owned(), |number| format!("{number:020}"))
}

/// What every part did for one request, found by the id that its client was given.
async fn trail(index: &Rest, id: &str) -> Outcome {
    let question = json!({"query": {"term": {"http.request.id": id}}, "sort": ["@timestamp"]});
    let found = search(index, question).await?;
    let hits = found["hits"]["hits"].as_array().unwrap();
    let did: Vec<_> = hits.iter().map(|hit| (&hit["_source"]["service.name"], &hit["_source"]["message"])).collect();
    for part in [("gate", "request"), ("storage", "call")] {
        assert!(did.contains(&(&json!(part.0), &json!(part.1))), "{part:?} of {found}");
    }
    Ok(())
}

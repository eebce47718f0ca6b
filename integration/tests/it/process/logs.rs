use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use integration::{ADMIN_PASSWORD, House, Logs, Program, eventually};
use serde_json::{Value, json};

use crate::{
    Outcome,
    crud::{NOTES, create, define, note},
};

const WRITTEN: Duration = Duration::from_secs(5);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The lines about one request, once `count` are written.
async fn about(house: &House, request: &str, count: usize) -> anyhow::Result<Vec<Value>> {
    let found = eventually("the lines of a request", WRITTEN, async || {
        let lines: Vec<_> = house.processes().filter_map(|process| process.logs().lines().ok()).flatten().collect();
        let found: Vec<_> = lines.into_iter().filter(|line| line["http.request.id"] == request).collect();
        (found.len() >= count).then_some(found)
    });
    found.await
}

#[tokio::test]
async fn a_request_is_followed_through_gate_and_storage() -> Outcome {
    for house in [House::one().await?, House::two().await?] {
        let rest = house.rest()?;
        define(&rest, "notes").await?;
        let traceparent = format!("00-{TRACE}-b7ad6b7169203331-01");
        let call = rest.post(NOTES).header("x-request-id", "follow.me-1").header("traceparent", traceparent);
        call.json(json!({"data": {}})).await?.expect(201);
        let lines = about(&house, "follow.me-1", 3).await?;
        let told = |line: &Value| [&line["service.name"], &line["http.request.method"], &line["rpc.method"]].map(text);
        let told: BTreeSet<_> = lines.iter().map(told).collect();
        // The first to ask for records of a collection asks for its rules too.
        let calls = [["gate", "POST", ""], ["storage", "", "CreateRecord"], ["storage", "", "GetCollection"]];
        assert_eq!(told, calls.map(|call| call.map(str::to_owned)).into(), "one event per request and service");
        assert_eq!(lines.len(), 3, "one event per request and service: {lines:#?}");
        for line in &lines {
            assert_eq!(line["trace.id"], TRACE, "{line:#}");
            assert!(line["event.duration"].is_u64(), "{line:#}");
        }
        let id = rest.get(note("none")).await?.problem(404, "record_not_found").header("x-request-id").to_owned();
        assert!(!about(&house, &id, 1).await?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn a_fault_is_told_with_the_requests_id_also_where_little_is_logged() -> Outcome {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let gate = Program::gate_before(&[nobody], House::token())?.env("LOG", "warn,kit::listen=info").open().await?;
    let house = House { gate, storage: None };
    let id = house.rest()?.get(NOTES).await?.problem(503, "unavailable").header("x-request-id").to_owned();
    let lines = about(&house, &id, 1).await?;
    assert!(lines.iter().all(|line| line["log.level"] == "warn" && !line["trace.id"].is_null()), "{lines:#?}");
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn is_named_as_promised(name: &str) -> bool {
    // <service>-<instance>.<date-hour>.ndjson
    let Some((front, hour)) = name.strip_suffix(".ndjson").and_then(|name| name.rsplit_once('.')) else { return false };
    let dated = hour.len() == 13
        && hour.bytes().enumerate().all(|(n, byte)| match n {
            4 | 7 | 10 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    dated
        && front
            .split_once('-')
            .is_some_and(|(service, instance)| ["gate", "storage", "skep"].contains(&service) && !instance.is_empty())
}

fn are_numbered(lines: &[Value]) -> bool {
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in lines {
        let instance = format!("{}{}", line["service.name"], line["service.node.name"]);
        numbers.entry(instance).or_default().push(line["event.sequence"].as_u64().unwrap_or(u64::MAX));
    }
    numbers.values().all(|numbers| numbers.windows(2).all(|pair| pair[0] < pair[1]) && !numbers.contains(&u64::MAX))
}

fn are_ecs(logs: &Logs) -> Outcome {
    let files = logs.files()?;
    assert!(!files.is_empty());
    for (name, _) in &files {
        assert!(is_named_as_promised(name), "{name}");
    }
    let lines = logs.lines()?;
    for line in &lines {
        for member in [
            "@timestamp",
            "log.level",
            "message",
            "ecs.version",
            "service.name",
            "service.version",
            "service.node.name",
            "host.name",
            "log.logger",
        ] {
            assert!(line[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {line:#}");
        }
        assert!(["gate", "storage"].contains(&line["service.name"].as_str().unwrap_or_default()), "{line:#}");
        let message = line["message"].as_str().unwrap_or_default();
        assert!(!message.ends_with('.') && !message.starts_with(char::is_uppercase), "{message}");
        assert!(
            line.as_object().is_some_and(|line| line.values().all(|value| !value.is_object())),
            "flat keys: {line:#}"
        );
    }
    assert!(are_numbered(&lines), "event.sequence: {lines:#?}");
    Ok(())
}

#[tokio::test]
async fn log_files_are_ecs_by_service_and_hour() -> Outcome {
    for house in [House::one().await?, House::two().await?] {
        define(&house.rest()?, "notes").await?;
        create(&house.rest()?, json!({})).await?;
        let last = house.rest()?.get(NOTES).header("x-request-id", "the-last").await?;
        last.expect(200);
        about(&house, "the-last", 2).await?;
        for process in house.processes() {
            are_ecs(process.logs())?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_secret_is_in_no_log() -> Outcome {
    let token = "an-inside-token-of-some-length";
    let storage = Program::storage(token)?.env("LOG", "trace").start().await?;
    let gate = Program::gate(&storage, token)?.env("LOG", "trace").start().await?;
    let house = House { gate, storage: Some(storage) };
    let rest = house.rest()?;
    define(&rest, "notes").await?;
    let (bearer, cookie) = (rest.administrator().await?, rest.administrator().await?);
    let (text, key) = ("what-a-person-wrote", "a-key-of-someones");
    let call = bearer.post(NOTES).header("cookie", format!("skep_session={}", cookie.token()));
    let call = call.header("idempotency-key", format!("\"{key}\"")).header("x-request-id", "secretive");
    call.json(json!({"data": {"text": text}})).await?.expect(201);
    about(&house, "secretive", 2).await?;
    // Nor is what was tried in vain.
    let (no_token, no_password) = ("bearer-of-no-session", "no-password-of-anybody");
    let call = rest.get(NOTES).header("authorization", format!("Bearer {no_token}")).header("x-request-id", "in-vain");
    call.await?.problem(401, "unauthenticated");
    let signed_in = json!({"name": "admin", "password": no_password});
    let call = rest.post("/v1/sessions").header("x-request-id", "in-vain").json(signed_in);
    call.await?.problem(401, "invalid_credentials");
    about(&house, "in-vain", 3).await?;
    let secrets = [token, ADMIN_PASSWORD, bearer.token(), cookie.token(), text, key, no_token, no_password];
    for process in house.processes() {
        let mut texts = process.logs().files()?;
        texts.push(("stderr".into(), process.stderr()));
        for (name, text) in texts {
            for secret in secrets {
                let line = text.lines().find(|line| line.contains(secret));
                assert!(line.is_none(), "{secret} is in {name}: {line:?}");
            }
        }
    }
    Ok(())
}

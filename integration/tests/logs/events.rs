//! Every event that the code can log: documented, mapped, and accepted by Elasticsearch.

use std::collections::BTreeSet;

use integration::{Line, ship};
use serde_json::{Value, json};

use crate::{
    Outcome,
    code::{Event, events},
    files::{elasticsearch, file, mapped, nothing_is_malformed, template},
};

/// The fields that every line may have, whatever it tells.
const EVERY_LINE: [&str; 11] = [
    "@timestamp",
    "ecs.version",
    "event.sequence",
    "host.name",
    "http.request.id",
    "log.level",
    "log.logger",
    "service.name",
    "service.node.name",
    "service.version",
    "trace.id",
];

fn told() -> Vec<Event> {
    let events = events();
    assert!(events.len() > 45, "{} events are found", events.len());
    events
}

#[test]
fn every_event_and_field_is_documented() {
    let page = file("docs/LOGGING.md");
    for Event { file, message, fields, .. } in told().into_iter().filter(|event| !event.is_span) {
        assert!(page.contains(&format!("`{message}`")), "{file}: {message:?} is in no table of docs/LOGGING.md");
        let is_row = |line: &&str| line.starts_with('|') && line.contains(&format!("`{message}`"));
        let row = page.lines().find(is_row).unwrap_or_default();
        for field in fields {
            let known = row.contains(&format!("`{}`", field.name)) || EVERY_LINE.contains(&&*field.name);
            assert!(known, "{file}: the row of {message:?} does not tell {}", field.name);
        }
    }
}

#[test]
fn every_field_is_mapped_to_what_it_holds() {
    let (mapped, mut unused) = (mapped(), mapped().into_keys().collect::<BTreeSet<_>>());
    for Event { file, message, fields, .. } in told() {
        for field in fields {
            let kind = mapped
                .get(&field.name)
                .unwrap_or_else(|| panic!("{file}: {} of {message:?} is not mapped", field.name));
            assert!(
                !field.is_text || kind != "long",
                "{file}: {} of {message:?} is text, mapped to a number",
                field.name
            );
            unused.remove(&field.name);
        }
    }
    let others = ["message", "tags", "event.kind", "log.file.path", "agent.name", "agent.type"];
    let others = others.into_iter().chain(EVERY_LINE);
    for field in others.chain(["data_stream.type", "data_stream.dataset", "data_stream.namespace"]) {
        unused.remove(field);
    }
    assert!(unused.is_empty(), "mapped, and never written: {unused:?}");
}

/// A value as its field holds them.
fn value(kind: &str) -> Value {
    match kind {
        "long" => json!(5),
        "ip" => json!("10.0.0.1"),
        "date_nanos" => json!("2026-11-26T12:00:00.123456Z"),
        _ => json!("some text"),
    }
}

#[tokio::test]
async fn every_event_is_accepted_and_changes_no_mapping() -> Outcome {
    let elasticsearch = elasticsearch().await?;
    let rest = elasticsearch.rest();
    let mapped = mapped();
    let lines = told().into_iter().enumerate().map(|(number, event)| {
        let mut document = json!({"event.sequence": number, "service.name": "gate"});
        for name in EVERY_LINE.into_iter().filter(|name| !["event.sequence", "service.name"].contains(name)) {
            document[name] = value(&mapped[name]);
        }
        for field in &event.fields {
            document[&*field.name] = value(&mapped[&field.name]);
        }
        document["message"] = event.message.into();
        Line { file: "gate-a.2026-11-26-12.ndjson".into(), text: document.to_string() }
    });
    let lines: Vec<_> = lines.collect();
    assert_eq!(ship(rest, &lines).await?, [(201, lines.len())].into());
    let torn = Line { text: "{\"torn".into(), ..lines[0].clone() };
    ship(rest, &[torn]).await?;

    let wanted = &template()["template"]["mappings"]["properties"];
    for (name, index) in rest.get("/logs-skep.*/_mapping").await?.expect(200).json().as_object().unwrap() {
        let mut found = BTreeSet::new();
        leaves("", &index["mappings"]["properties"], &mut found);
        assert_eq!(
            found,
            wanted.as_object().unwrap().keys().cloned().collect(),
            "{name} has the template's fields alone"
        );
    }
    nothing_is_malformed(rest).await
}

/// The names of all fields below.
fn leaves(prefix: &str, properties: &Value, found: &mut BTreeSet<String>) {
    for (name, field) in properties.as_object().into_iter().flatten() {
        match field.get("properties") {
            Some(below) => leaves(&format!("{prefix}{name}."), below, found),
            None => drop(found.insert(format!("{prefix}{name}"))),
        }
    }
}

//! What no part can check here, because no package has it, is checked as text.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");
const LOGGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/LOGGING.md");

fn deployed(name: &str) -> String {
    fs::read_to_string(format!("{DEPLOY}/{name}")).unwrap()
}

/// The pipeline without its comments.
fn pipeline() -> String {
    let text = deployed("logstash.conf");
    text.split_inclusive('\n').filter(|line| !line.trim_start().starts_with('#')).collect()
}

/// The fields of the index template, by name.
fn mapped() -> BTreeSet<String> {
    let template: Value = serde_json::from_str(&deployed("elasticsearch/template.json")).unwrap();
    template["template"]["mappings"]["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_field_that_the_logs_promise_is_in_the_index_template() {
    let page = fs::read_to_string(LOGGING).unwrap();
    let tables = page.split("## Metrics").next().unwrap();
    let words =
        tables.lines().filter(|line| line.starts_with("| `")).flat_map(|line| line.split('`').skip(1).step_by(2));
    // Of the standard's groups; the tables also hold messages, modules and words.
    let groups =
        ["@timestamp", "message", "event.", "log.", "ecs.", "service.", "host.", "http.", "trace.", "url.", "error."];
    let fields: BTreeSet<_> = words
        .filter(|word| groups.iter().any(|group| word.starts_with(group)) && !word.contains(' '))
        // Told once a minute at most, and found without being mapped.
        .filter(|word| !matches!(*word, "log.stream" | "log.sink" | "log.origin.file.name" | "log.origin.file.line"))
        .map(str::to_owned)
        .collect();
    assert!(fields.len() > 15, "{fields:?}");
    let mapped = mapped();
    assert!(fields.is_subset(&mapped), "not mapped: {:?}", fields.difference(&mapped).collect::<Vec<_>>());
}

#[test]
fn the_pipeline_is_whole_and_says_each_thing_once() {
    let text = pipeline();
    let outside: String = text.split('"').step_by(2).collect();
    let mut depth = 0;
    for character in outside.chars() {
        depth += match character {
            '{' | '[' => 1,
            '}' | ']' => -1,
            _ => 0,
        };
        assert!(depth >= 0, "a bracket closes that was not open");
    }
    assert_eq!((depth, text.matches('"').count() % 2), (0, 0), "brackets and quotes close");
    let sections: Vec<_> = text.lines().filter(|line| line.ends_with('{') && !line.starts_with(' ')).collect();
    assert_eq!(sections, ["input {", "filter {", "output {"]);
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix("=>"));
        line.map(|value| value.trim().trim_matches('"').to_owned()).unwrap_or_default()
    };
    // A document id and a data stream that Logstash manages itself exclude each other, at its start only.
    assert_eq!((value("data_stream").as_str(), value("action").as_str()), ("false", "create"));
    assert_eq!(value("document_id"), "%{[@metadata][fingerprint]}");
    assert_eq!(value("target"), "[@metadata][fingerprint]");
    let template: Value = serde_json::from_str(&deployed("elasticsearch/template.json")).unwrap();
    let pattern = template["index_patterns"][0].as_str().unwrap();
    assert!(value("index").starts_with(pattern.trim_end_matches('*')), "{pattern}");
    assert!(template["data_stream"].is_object() && template["template"]["lifecycle"]["data_retention"].is_string());
    let stack = deployed("stack.yml");
    for kept in [value("sincedb_path"), value("path")] {
        let folder = kept.rsplit_once('/').unwrap().0;
        assert!(stack.contains(folder), "{folder} is mounted");
    }
    for named in text.split("${").skip(1).filter_map(|rest| rest.split('}').next()) {
        assert!(
            stack.contains(&format!("{named}:")) || stack.contains(&format!("export {named}=")),
            "{named} is given"
        );
    }
}

#[test]
fn what_kibana_is_given_refers_to_what_there_is() {
    let objects = deployed("kibana/objects.ndjson");
    let objects: Vec<Value> = objects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let known: BTreeSet<_> = objects.iter().map(|object| (object["type"].as_str(), object["id"].as_str())).collect();
    let mapped = mapped();
    let view = objects.iter().find(|object| object["type"] == "index-pattern").unwrap();
    assert_eq!(view["attributes"]["title"], "logs-skep-*");
    for search in objects.iter().filter(|object| object["type"] == "search") {
        for column in search["attributes"]["columns"].as_array().unwrap() {
            assert!(mapped.contains(column.as_str().unwrap()), "{column}");
        }
        let source = search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"].as_str().unwrap();
        let source: Value = serde_json::from_str(source).unwrap();
        let references = search["references"].as_array().unwrap();
        assert!(references.iter().any(|reference| reference["name"] == source["indexRefName"]), "{search}");
        for reference in references {
            assert!(known.contains(&(reference["type"].as_str(), reference["id"].as_str())), "{reference}");
        }
    }
    assert!(objects.len() > known.len() - 1 && objects.iter().any(|object| object["type"] == "search"));
}

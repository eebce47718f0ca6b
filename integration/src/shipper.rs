//! What `deploy/logstash.conf` makes of a line, for tests: no Logstash can be had as a package. That the two agree is checked by
//! `tests/logs/pipeline.rs`.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Rest;

const LINES_A_REQUEST: usize = 500;
/// Where the pipeline finds the files.
const FOLDER: &str = "/var/log/skep";

/// A line of a log file, without its end.
#[derive(Clone, Debug)]
pub struct Line {
    /// The file's name.
    pub file: String,
    /// The line.
    pub text: String,
}

impl Line {
    /// What names its document: the hexadecimal SHA-256 of the line.
    pub fn fingerprint(&self) -> String {
        let digits =
            |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]));
        Sha256::digest(&self.text).iter().flat_map(digits).collect()
    }

    /// The data stream that it goes to.
    pub fn stream(&self) -> String {
        format!("logs-{}-default", self.document()["data_stream"]["dataset"].as_str().unwrap_or_default())
    }

    /// Its document: the line's own dotted keys, and beside them what the pipeline adds.
    pub fn document(&self) -> Value {
        let line = serde_json::from_str::<Value>(&self.text).ok().filter(Value::is_object);
        let failed = line.is_none().then_some("_jsonparsefailure");
        // A line without a time gets the one at which it is read.
        let mut document = line.unwrap_or_else(|| json!({"@timestamp": "2026-01-01T00:00:00Z"}));
        let service = document["service.name"].as_str().filter(|service| ["gate", "storage"].contains(service));
        let dataset = format!("skep.{}", service.unwrap_or("unparsable"));
        if service.is_none() {
            document["message"] = self.text.clone().into();
            document["event.kind"] = "pipeline_error".into();
            document["tags"] = failed.into_iter().chain(["unparsable"]).collect();
        }
        document["log"] = json!({"file": {"path": format!("{FOLDER}/{}", self.file)}});
        document["agent"] = json!({"type": "logstash", "name": "n1"});
        document["data_stream"] = json!({"type": "logs", "dataset": dataset, "namespace": "default"});
        document
    }
}

/// Ships lines to an Elasticsearch; how many were answered with which status: 201, or 409 for one that was there already.
pub async fn ship(elasticsearch: &Rest, lines: &[Line]) -> anyhow::Result<BTreeMap<u64, usize>> {
    let mut statuses = BTreeMap::new();
    for some in lines.chunks(LINES_A_REQUEST) {
        let mut body = String::new();
        for line in some {
            let action = json!({"create": {"_index": line.stream(), "_id": line.fingerprint()}});
            body.extend([action.to_string(), "\n".into(), line.document().to_string(), "\n".into()]);
        }
        let answer = elasticsearch.post("/_bulk?refresh=true").typed("application/x-ndjson", body).await?;
        let answer = answer.expect(200).json();
        for item in answer["items"].as_array().context("no items")? {
            let status = item["create"]["status"].as_u64().context("no status")?;
            assert!(matches!(status, 201 | 409), "refused: {item}");
            *statuses.entry(status).or_insert(0) += 1;
        }
    }
    Ok(statuses)
}

//! What is deployed, and an Elasticsearch that was given it.

use std::{collections::BTreeMap, fs};

use integration::{Elasticsearch, Rest};
use serde_json::{Value, json};

use crate::Outcome;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A file of the project.
pub(crate) fn file(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap()
}

/// The index template.
pub(crate) fn template() -> Value {
    serde_json::from_str(&file("deploy/elasticsearch/template.json")).unwrap()
}

/// Its fields: name and type.
pub(crate) fn mapped() -> BTreeMap<String, String> {
    let template = template();
    let properties = template["template"]["mappings"]["properties"].as_object().unwrap();
    properties.iter().map(|(name, field)| (name.clone(), field["type"].as_str().unwrap().to_owned())).collect()
}

/// A real one, with the index template.
pub(crate) async fn elasticsearch() -> anyhow::Result<Elasticsearch> {
    let elasticsearch = Elasticsearch::start().await?;
    elasticsearch.rest().put("/_index_template/skep").json(template()).await?.expect(200);
    Ok(elasticsearch)
}

/// What it finds in all streams.
pub(crate) async fn search(elasticsearch: &Rest, question: Value) -> anyhow::Result<Value> {
    Ok(elasticsearch.post("/logs-skep.*-*/_search").json(question).await?.expect(200).json())
}

/// No line has a value that its field cannot hold.
pub(crate) async fn nothing_is_malformed(elasticsearch: &Rest) -> Outcome {
    let ignored = search(elasticsearch, json!({"query": {"exists": {"field": "_ignored"}}})).await?;
    assert_eq!(ignored["hits"]["total"]["value"], 0, "a value that its field cannot hold: {ignored}");
    Ok(())
}

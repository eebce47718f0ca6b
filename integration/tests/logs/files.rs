//! What is deployed, and what is promised of it.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

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

//! What Kibana is given: that it refers to what there is, and what its panels ask of Elasticsearch.

use std::collections::{BTreeMap, BTreeSet};

use integration::Rest;
use serde_json::{Map, Value, json};

use crate::files::{file, mapped, search};

/// Bars of so long; Kibana draws as many as there is room.
const BAR: &str = "1m";

/// What a panel counts: how many lines there are of each combination of values.
pub(crate) type Counts = BTreeMap<Vec<String>, u64>;

/// How Kibana 8.19 is told to show nanoseconds as milliseconds. `milliseconds` instead would be those beyond the last whole
/// second, and `suffix` would be a text to write after them.
const NANOSECONDS: &str =
    r#"{"id":"duration","params":{"decimals":1,"compact":true,"fromUnit":"nanoseconds","toUnit":"asMilliseconds"}}"#;

/// A visualization, as far as its question goes.
pub(crate) struct Panel {
    pub(crate) id: String,
    query: String,
    columns: Vec<Value>,
}

/// A saved search.
pub(crate) struct Search {
    pub(crate) id: String,
    query: String,
    pub(crate) sort: (String, String),
}

fn objects() -> Vec<Value> {
    file("deploy/kibana/objects.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn embedded(text: &Value) -> Value {
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

fn lucene(query: &Value) -> String {
    assert_eq!(query["language"], "lucene", "{query}");
    query["query"].as_str().unwrap().to_owned()
}

pub(crate) fn panels() -> Vec<Panel> {
    let lenses = objects().into_iter().filter(|object| object["type"] == "lens");
    let panel = |lens: Value| {
        let state = &lens["attributes"]["state"];
        let layer = &state["datasourceStates"]["formBased"]["layers"]["main"];
        let order = layer["columnOrder"].as_array().unwrap().iter();
        let columns = order.map(|column| layer["columns"][column.as_str().unwrap()].clone()).collect();
        Panel { id: lens["id"].as_str().unwrap().to_owned(), query: lucene(&state["query"]), columns }
    };
    lenses.map(panel).collect()
}

pub(crate) fn searches() -> Vec<Search> {
    let found = objects().into_iter().filter(|object| object["type"] == "search");
    let search = |object: Value| {
        let source = embedded(&object["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]);
        let sort = &object["attributes"]["sort"][0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Search { id: text(&object["id"]), query: lucene(&source["query"]), sort: (text(&sort[0]), text(&sort[1])) }
    };
    found.map(search).collect()
}

/// As Kibana asks; an empty text finds all.
fn asked(query: &str) -> Value {
    if query.is_empty() {
        return json!({"match_all": {}});
    }
    json!({"query_string": {"query": query, "analyze_wildcard": true, "time_zone": "UTC"}})
}

impl Panel {
    fn of<'p>(&'p self, operation: &'p str) -> impl DoubleEndedIterator<Item = &'p Value> {
        self.columns.iter().filter(move |column| column["operationType"] == operation)
    }

    /// The fields that it groups by.
    pub(crate) fn groups(&self) -> Vec<String> {
        self.of("terms").map(|column| column["sourceField"].as_str().unwrap().to_owned()).collect()
    }

    /// Asks as the panel does; what it counts, and all percentiles that it shows.
    pub(crate) async fn ask(&self, elasticsearch: &Rest) -> anyhow::Result<(Counts, Vec<f64>)> {
        let mut inner = Map::new();
        for (number, column) in self.of("percentile").enumerate() {
            assert_eq!(column["params"]["format"].to_string(), NANOSECONDS);
            let percents = [&column["params"]["percentile"]];
            inner.insert(
                format!("p{number}"),
                json!({"percentiles": {"field": column["sourceField"], "percents": percents}}),
            );
        }
        for column in self.of("date_histogram") {
            inner.insert(
                "time".into(),
                json!({"date_histogram": {"field": column["sourceField"], "fixed_interval": BAR}}),
            );
        }
        for column in self.of("terms").rev() {
            let terms = json!({"field": column["sourceField"], "size": column["params"]["size"]});
            inner = Map::from_iter([("terms".to_owned(), json!({"terms": terms, "aggs": inner}))]);
        }
        let question = json!({"size": 0, "query": asked(&self.query), "aggs": inner});
        let answer = search(elasticsearch, question).await?;
        let (mut counts, mut percentiles) = (Counts::new(), Vec::new());
        flatten(&answer["aggregations"], &[], &mut counts, &mut percentiles);
        Ok((counts, percentiles))
    }
}

fn flatten(aggregations: &Value, keys: &[String], counts: &mut Counts, percentiles: &mut Vec<f64>) {
    for bucket in aggregations["terms"]["buckets"].as_array().into_iter().flatten() {
        let key = bucket["key"].as_str().map_or_else(|| bucket["key"].to_string(), str::to_owned);
        let keys = [keys, &[key]].concat();
        if bucket.get("terms").is_some() {
            flatten(bucket, &keys, counts, percentiles);
            continue;
        }
        let count = bucket["doc_count"].as_u64().unwrap();
        let bars =
            bucket["time"]["buckets"].as_array().into_iter().flatten().map(|bar| bar["doc_count"].as_u64().unwrap());
        assert!(bucket.get("time").is_none() || bars.sum::<u64>() == count, "the bars hold all: {bucket}");
        for number in 0..3 {
            let values = bucket[format!("p{number}")]["values"].as_object();
            percentiles.extend(values.into_iter().flatten().filter_map(|(_, value)| value.as_f64()));
        }
        counts.insert(keys, count);
    }
}

impl Search {
    /// What it lists, the first ones.
    pub(crate) async fn ask(&self, elasticsearch: &Rest) -> anyhow::Result<(u64, Vec<Value>)> {
        let sort = Map::from_iter([(self.sort.0.clone(), json!(self.sort.1))]);
        let question = json!({"size": 500, "track_total_hits": true, "query": asked(&self.query), "sort": [sort]});
        let answer = search(elasticsearch, question).await?;
        let hits = answer["hits"]["hits"].as_array().unwrap().iter().map(|hit| hit["_source"].clone()).collect();
        Ok((answer["hits"]["total"]["value"].as_u64().unwrap(), hits))
    }
}

#[test]
fn what_kibana_is_given_refers_to_what_there_is() {
    let (objects, mapped, page) = (objects(), mapped(), file("docs/LOGGING.md"));
    let name = |value: &Value| (value["type"].as_str().unwrap().to_owned(), value["id"].as_str().unwrap().to_owned());
    let known: BTreeSet<_> = objects.iter().map(name).collect();
    assert_eq!(known.len(), objects.len(), "each stands there once");
    for object in &objects {
        for reference in object["references"].as_array().unwrap() {
            assert!(known.contains(&name(reference)), "{reference}");
        }
        let title = object["attributes"]["title"].as_str().unwrap();
        let described = object["type"] == "index-pattern" || page.contains(title);
        assert!(described, "docs/LOGGING.md does not describe {title:?}");
        fields(&object["attributes"], &mapped);
    }
    let view = objects.iter().find(|object| object["type"] == "index-pattern").unwrap();
    assert_eq!(view["attributes"]["title"], "logs-skep.*-*");

    let dashboard = objects.iter().find(|object| object["type"] == "dashboard").unwrap();
    let referred: BTreeMap<_, _> =
        dashboard["references"].as_array().unwrap().iter().map(|it| (it["name"].as_str(), it)).collect();
    let mut shown = BTreeSet::new();
    for panel in embedded(&dashboard["attributes"]["panelsJSON"]).as_array().unwrap() {
        let (index, named) = (panel["panelIndex"].as_str().unwrap(), panel["panelRefName"].as_str().unwrap());
        let reference = referred[&Some(&*format!("{index}:{named}"))];
        assert_eq!(reference["type"], panel["type"], "{panel}");
        shown.insert(name(reference));
    }
    for control in embedded(&dashboard["attributes"]["controlGroupInput"]["panelsJSON"]).as_object().unwrap().keys() {
        assert!(referred.contains_key(&Some(&*format!("controlGroup_{control}:optionsListDataView"))), "{control}");
    }
    let lenses = known.iter().filter(|(kind, _)| kind == "lens");
    assert!(lenses.clone().count() == 8 && lenses.clone().all(|lens| shown.contains(lens)), "{shown:?}");
}

/// Every field that an object names, wherever it stands in it.
fn fields(value: &Value, mapped: &BTreeMap<String, String>) {
    // `message.keyword` is a form of `message`.
    let is_known = |field: &str| {
        let is_mapped = mapped.contains_key(field) || field == "message.keyword";
        assert!(is_mapped || field == "___records___", "{field} is not mapped");
    };
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (&**name, member) {
                    ("sourceField" | "fieldName" | "timeFieldName", Value::String(field)) => is_known(field),
                    ("columns", Value::Array(columns)) => columns.iter().filter_map(Value::as_str).for_each(is_known),
                    ("sort", Value::Array(sort)) => sort.iter().filter_map(|by| by[0].as_str()).for_each(is_known),
                    ("query", Value::String(query)) => named(query).iter().for_each(|field| is_known(field)),
                    (name, Value::String(text)) if name.ends_with("JSON") => {
                        fields(&serde_json::from_str(text).unwrap(), mapped);
                    }
                    _ => fields(member, mapped),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| fields(element, mapped)),
        _ => {}
    }
}

/// The fields of a query: what stands before a colon, outside of texts.
fn named(query: &str) -> Vec<String> {
    let outside: String = query.split('"').step_by(2).collect();
    let parts: Vec<_> = outside.split(':').collect();
    let before = parts.iter().take(parts.len().saturating_sub(1));
    let field = |part: &&str| part.rsplit([' ', '(']).next().unwrap().to_owned();
    before.map(field).collect()
}

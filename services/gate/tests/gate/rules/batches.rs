//! Rules in a batch: judged for each operation, as its single call would be.

use serde_json::{Value, json};

use super::{JSON, Who, define, put, stored};
use crate::house::Routes;

const MINE: &str = "auth != null && record.owner == auth.id";

async fn batch(
    routes: &Routes,
    who: &Who,
    collection: &str,
    headers: &[(&str, &str)],
    operations: &Value,
) -> Vec<Value> {
    let path = format!("/v1/collections/{collection}/records:batch");
    let headers = [&[JSON], headers].concat();
    let answer = who.ask(routes, "POST", &path, &headers, json!({"operations": operations}).to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["results"].as_array().unwrap().clone()
}

fn statuses(results: &[Value]) -> Vec<u64> {
    results.iter().map(|result| result["status"].as_u64().unwrap()).collect()
}

/// What the five writes of the table's rows are answered in one batch: on records of Ann's, each its own.
pub(super) async fn told(routes: &Routes, who: &Who, ann: &str, collection: &str) -> Vec<u64> {
    let record = |id: &str| format!("collections/{collection}/records/{id}");
    for id in ["replaced", "patched", "deleted"] {
        put(&routes.engine, &record(id), ann, json!({"n": 7, "kept": 1})).await;
    }
    let operations = json!([
        {"create": {"data": {"n": 8}}},
        {"replace": {"id": "fresh", "data": {"n": 8}}},
        {"replace": {"id": "replaced", "data": {"n": 8}}},
        {"patch": {"id": "patched", "merge_patch": {"n": 8}}},
        {"delete": {"id": "deleted"}},
    ]);
    let results = batch(routes, who, collection, &[], &operations).await;
    let as_before = [("replaced", 2), ("patched", 3), ("deleted", 4)];
    for (id, at) in as_before {
        let stored = stored(&routes.engine, &record(id)).await;
        let is_untouched = stored.is_some_and(|record| record.version == 1);
        assert_eq!(is_untouched, results[at]["status"].as_u64().unwrap() >= 400, "{id}: {}", results[at]);
    }
    statuses(&results)
}

#[tokio::test]
async fn each_operation_is_judged_on_what_those_before_it_left() {
    let routes = Routes::new().await;
    let (ann, bob) = (Who::new(&routes, "ann", &[]).await, Who::new(&routes, "bob", &[]).await);
    let rules =
        json!({"get": MINE, "create": "auth != null", "update": format!("{MINE} && record.data.open"), "delete": MINE});
    define(&routes.engine, "steps", rules).await;
    let operations = json!([
        {"create": {"id": "a", "data": {"open": true}}},
        {"replace": {"id": "a", "data": {"open": true, "n": 1}}},
        {"patch": {"id": "a", "merge_patch": {"open": false}}},
        {"patch": {"id": "a", "merge_patch": {"open": true}}},
        {"delete": {"id": "a"}},
        {"patch": {"id": "a", "merge_patch": {}}},
        {"replace": {"id": "a", "data": {"open": true}}},
    ]);
    let results = batch(&routes, &ann, "steps", &[], &operations).await;
    assert_eq!(statuses(&results), [201, 200, 200, 403, 204, 404, 201]);
    assert_eq!(results[3]["error"]["code"], "forbidden");
    let results = batch(&routes, &bob, "steps", &[], &operations).await;
    assert_eq!(statuses(&results), [409, 404, 404, 404, 404, 404, 404], "another's record is hidden");
    let nobody = batch(&routes, &Who::nobody(), "steps", &[], &operations).await;
    assert_eq!(statuses(&nobody), [401; 7]);
}

#[tokio::test]
async fn what_was_made_is_answered_again_where_a_rule_would_refuse_it_by_now() {
    let routes = Routes::new().await;
    let (ann, bob) = (Who::new(&routes, "ann", &[]).await, Who::new(&routes, "bob", &[]).await);
    let open = format!("{MINE} && record.data.open");
    define(&routes.engine, "notes", json!({"get": MINE, "create": "auth != null", "update": open, "delete": MINE}))
        .await;
    put(&routes.engine, "collections/notes/records/a", &ann.id, json!({"open": true})).await;
    let operations = json!([{"patch": {"id": "a", "merge_patch": {"open": false}}}, {"create": {"data": {}}}]);
    let key = [("idempotency-key", "\"k\"")];
    let first = batch(&routes, &ann, "notes", &key, &operations).await;
    assert_eq!(statuses(&first), [200, 201]);
    assert_eq!(batch(&routes, &ann, "notes", &key, &operations).await, first);
    assert_eq!(statuses(&batch(&routes, &bob, "notes", &key, &operations).await), [404, 201], "a key is its caller's");
    assert_eq!(statuses(&batch(&routes, &ann, "notes", &[], &operations).await), [403, 201]);
}

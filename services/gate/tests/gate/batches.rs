//! Several writes in one request.

use std::{future::pending, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use gate::{Limits, Policy, backend::Local};
use serde_json::{Value, json};
use skep_proto::Error;
use tokio::time::timeout;

use crate::house::{Answer, Disturbed, PATIENCE, Routes};

const BATCH: &str = "/v1/collections/c/records:batch";
const RECORDS: &str = "/v1/collections/c/records";
const JSON: (&str, &str) = ("content-type", "application/json");

async fn send(routes: &Routes, operations: Value) -> Answer {
    routes.send("POST", BATCH, &json!({"operations": operations}).to_string()).await
}

async fn results(routes: &Routes, operations: Value) -> Vec<Value> {
    told(&send(routes, operations).await)
}

fn told(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"), "{answer:?}");
    answer.json()["results"].as_array().unwrap().clone()
}

/// The statuses, and the codes of faults.
fn outcomes(results: &[Value]) -> Vec<(u64, &str)> {
    results
        .iter()
        .map(|result| {
            let status = result["status"].as_u64().unwrap();
            assert_eq!(status >= 400, result["error"]["status"] == status, "{result}");
            (status, result["error"]["code"].as_str().unwrap_or_default())
        })
        .collect()
}

async fn etag(routes: &Routes, id: &str) -> String {
    routes.get(&format!("{RECORDS}/{id}")).await.header("etag").to_owned()
}

async fn count(routes: &Routes) -> usize {
    routes.get(&format!("{RECORDS}?page_size=1000")).await.json()["records"].as_array().unwrap().len()
}

#[tokio::test]
async fn each_operation_is_answered_as_its_single_call_would_be() {
    let routes = Routes::new().await;
    let operations = r#"{"operations": [
        {"create": {"data": {"n": 9007199254740993}, "id": "a", "owner": "ignored"}},
        {"create": {"data": {"x": 1, "x": 2}}},
        {"replace": {"id": "b", "data": {"é":"\u00e9"}}},
        {"patch": {"id": "c", "merge_patch": {}}},
        {"patch": {"id": "a", "json_patch": [{"op": "add", "path": "/m", "value": 1}, {"op": "remove", "path": "/none"}]}},
        {"patch": {"id": "b", "merge_patch": 7}},
        {"create": {"data": {"a": DEEP}}},
        {"create": {"data": {}}},
        {"delete": {"id": "b"}}
    ]}"#;
    let operations = operations.replace("DEEP", &format!("{}{}", "[".repeat(40), "]".repeat(40)));
    let answer = routes.ask("POST", BATCH, &[JSON, ("x-request-id", "my/request=1")], operations).await;
    let results = told(&answer);
    let expected = [
        (201, ""),
        (400, "malformed_json"),
        (201, ""),
        (404, "record_not_found"),
        (409, "patch_conflict"),
        (400, "invalid_patch"),
        (400, "invalid_body"),
        (201, ""),
        (204, ""),
    ];
    assert_eq!(outcomes(&results), expected);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.contains(r#""data":{"n": 9007199254740993},"owner":null"#), "{text}");
    assert!(text.contains(r#""data":{"é":"\u00e9"},"#), "{text}");
    assert_eq!(results[0]["record"], routes.get(&format!("{RECORDS}/a")).await.json());
    assert_eq!(results[8], json!({"status": 204}));
    let missing = json!({
        "type": "/docs/problems#record_not_found",
        "title": "There is no such record",
        "status": 404,
        "detail": "there is no record with the id c",
        "instance": BATCH,
        "code": "record_not_found",
        "request_id": "my/request=1",
    });
    assert_eq!(results[3], json!({"status": 404, "error": missing}));
    assert_eq!(results[4]["error"]["errors"][0]["pointer"], "/operations/4/patch/json_patch/1");
    assert_eq!(results[6]["error"]["errors"][0]["pointer"], "/operations/6/create/data");
    assert_eq!(count(&routes).await, 2);
}

#[tokio::test]
async fn operations_on_one_record_are_made_in_order() {
    let routes = Routes::new().await;
    let life = |id: &str| {
        [
            json!({"create": {"id": id, "data": {"n": 1}}}),
            json!({"replace": {"id": id, "data": {"n": 2}}}),
            json!({"patch": {"id": id, "merge_patch": {"m": 3}}}),
            json!({"delete": {"id": id}}),
        ]
    };
    let operations: Vec<_> = life("a").into_iter().zip(life("b")).flat_map(|(a, b)| [a, b]).collect();
    let results = results(&routes, json!(operations)).await;
    let statuses: Vec<_> = outcomes(&results).into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses, [201, 201, 200, 200, 200, 200, 204, 204]);
    assert_eq!(results[5]["record"]["data"], json!({"n": 2, "m": 3}));
    assert_eq!((&results[4]["record"]["id"], &results[4]["record"]["version"]), (&json!("a"), &json!(3)));
    assert_eq!(count(&routes).await, 0);
}

#[tokio::test]
async fn other_envelopes_are_pointed_at_and_nothing_is_made() {
    let routes = Routes::new().await;
    let good = json!({"create": {"data": {}}});
    for (operation, pointer) in [
        (json!({}), "/operations/1"),
        (json!(7), "/operations/1"),
        (json!({"upsert": {}}), "/operations/1/upsert"),
        (json!({"create": null}), "/operations/1"),
        (json!({"create": {"data": {}}, "delete": {"id": "a"}}), "/operations/1"),
        (json!({"create": []}), "/operations/1/create"),
        (json!({"create": {}}), "/operations/1/create/data"),
        (json!({"create": {"data": 7}}), "/operations/1/create/data"),
        (json!({"create": {"data": {}, "id": "a b"}}), "/operations/1/create/id"),
        (json!({"create": {"data": {}, "etag": "*"}}), "/operations/1/create/etag"),
        (json!({"replace": {"data": {}}}), "/operations/1/replace/id"),
        (json!({"replace": {"id": 7, "data": {}}}), "/operations/1/replace/id"),
        (json!({"replace": {"id": "a"}}), "/operations/1/replace/data"),
        (json!({"replace": {"id": "a", "data": {}, "etag": "bare"}}), "/operations/1/replace/etag"),
        (json!({"replace": {"id": "a", "data": {}, "etag": "\"a\", \"b\""}}), "/operations/1/replace/etag"),
        (json!({"patch": {"id": "a"}}), "/operations/1/patch"),
        (json!({"patch": {"id": "a", "merge_patch": {}, "json_patch": []}}), "/operations/1/patch"),
        (json!({"patch": {"id": "a", "merge_patch": {}, "data": {}}}), "/operations/1/patch/data"),
        (json!({"delete": {}}), "/operations/1/delete/id"),
        (json!({"delete": {"id": "a", "etag": 7}}), "/operations/1/delete/etag"),
    ] {
        let answer = send(&routes, json!([good, operation])).await;
        assert_eq!(answer.problem(), (400, "invalid_body".into()), "{operation}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{operation}");
    }
    for (body, pointer) in [
        ("{}", "/operations"),
        (r#"{"operations":{}}"#, "/operations"),
        (r#"{"operations":[]}"#, "/operations"),
        (r#"{"operations":[{"create":{"data":{}}}],"atomic":true}"#, "/atomic"),
        ("[]", ""),
    ] {
        let answer = routes.send("POST", BATCH, body).await;
        assert_eq!(answer.problem(), (400, "invalid_body".into()), "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    assert_eq!(routes.send("POST", BATCH, r#"{"operations":["#).await.problem(), (400, "malformed_json".into()));
    let one = json!({"operations": [good]}).to_string();
    assert_eq!(routes.ask("POST", BATCH, &[], one.clone()).await.problem().0, 415);
    assert_eq!(routes.ask("POST", BATCH, &[JSON, ("if-match", "*")], one.clone()).await.problem().0, 400);
    let nowhere = routes.send("POST", "/v1/collections/nowhere/records:batch", &one).await;
    assert_eq!(nowhere.problem(), (404, "collection_not_found".into()));
    assert_eq!(routes.get(BATCH).await.problem(), (405, "method_not_allowed".into()));
    assert_eq!(count(&routes).await, 0);
}

#[tokio::test]
async fn a_hundred_operations_are_taken_and_no_more() {
    let routes = Routes::new().await;
    let many = |count| (0..count).map(|n| json!({"create": {"data": {"n": n}}})).collect::<Value>();
    let refused = send(&routes, many(101)).await;
    assert_eq!(refused.problem(), (400, "invalid_body".into()));
    assert_eq!(count(&routes).await, 0);
    for (n, result) in results(&routes, many(100)).await.into_iter().enumerate() {
        assert_eq!((&result["status"], &result["record"]["data"]["n"]), (&json!(201), &json!(n)));
    }
    assert_eq!(count(&routes).await, 100);
    let large = format!(r#"{{"operations":[{}]}}"#, vec![format!("\"{}\"", "x".repeat(600_000)); 2].join(","));
    assert_eq!(routes.send("POST", BATCH, &large).await.problem(), (413, "payload_too_large".into()));
}

#[tokio::test]
async fn an_entity_tag_is_the_condition_of_its_operation() {
    let routes = Routes::new().await;
    for id in ["a", "b", "c"] {
        routes.send("PUT", &format!("{RECORDS}/{id}"), r#"{"data":{}}"#).await;
    }
    let (a, b) = (etag(&routes, "a").await, etag(&routes, "b").await);
    let operations = json!([
        {"replace": {"id": "a", "data": {"n": 1}, "etag": a}},
        {"replace": {"id": "a", "data": {"n": 2}, "etag": a}},
        {"replace": {"id": "none", "data": {}, "etag": "*"}},
        {"replace": {"id": "a", "data": {"n": 3}, "etag": "*"}},
        {"patch": {"id": "b", "merge_patch": {"n": 1}, "etag": format!("W/{b}")}},
        {"patch": {"id": "b", "merge_patch": {"n": 1}, "etag": b}},
        {"patch": {"id": "b", "merge_patch": {"n": 2}, "etag": "\"é\""}},
        {"delete": {"id": "c", "etag": b}},
        {"delete": {"id": "none", "etag": "*"}},
        {"delete": {"id": "c", "etag": "*"}},
    ]);
    let results = results(&routes, operations).await;
    let unmet = (412, "precondition_failed");
    let missing = (404, "record_not_found");
    let ok = (200, "");
    assert_eq!(outcomes(&results), [ok, unmet, unmet, ok, unmet, ok, unmet, unmet, missing, (204, "")]);
}

#[tokio::test]
async fn a_key_stands_for_the_whole_batch() {
    let routes = Routes::new().await;
    let ask = async |key: &str, operations: &Value| {
        let body = json!({"operations": operations}).to_string();
        routes.ask("POST", BATCH, &[JSON, ("idempotency-key", key)], body).await
    };
    let append = json!({"patch": {"id": "a", "json_patch": [{"op": "add", "path": "/n/-", "value": 1}]}});
    let operations = json!([
        {"create": {"data": {}}},
        {"replace": {"id": "a", "data": {"n": []}}},
        append,
        append,
        {"delete": {"id": "none"}},
    ]);
    let first = told(&ask("\"k\"", &operations).await);
    assert_eq!(outcomes(&first), [(201, ""), (201, ""), (200, ""), (200, ""), (404, "record_not_found")]);
    let again = told(&ask("\"k\"", &operations).await);
    assert_eq!(outcomes(&again), outcomes(&first));
    assert_eq!((&again[0], &again[3]), (&first[0], &first[3]));
    assert_eq!(again[1]["record"], first[3]["record"], "the record as it is now");
    let mut longer = operations.as_array().unwrap().clone();
    longer.push(json!({"create": {"data": {"late": 1}}}));
    for other in [json!(longer), json!([operations[1], operations[0]]), json!([{"create": {"data": {}}}])] {
        assert_eq!(ask("\"k\"", &other).await.problem(), (422, "key_reused".into()), "{other}");
    }
    assert_eq!(count(&routes).await, 2);
    let single = routes.ask("POST", RECORDS, &[JSON, ("idempotency-key", "\"k\"")], r#"{"data":{}}"#).await;
    assert_eq!(single.problem(), (422, "key_reused".into()));
    assert_eq!(ask("bare", &operations).await.problem(), (400, "invalid_argument".into()));
    // What is malformed does not use the key up.
    assert_eq!(ask("\"l\"", &json!([{}])).await.problem().0, 400);
    assert_eq!(outcomes(&told(&ask("\"l\"", &operations).await))[0], (201, ""));
}

#[tokio::test]
async fn a_storage_that_never_answers_is_waited_for_so_long_by_all() {
    let before = |call| -> BoxFuture<'static, Result<(), Error>> {
        if call == "create_record" { Box::pin(pending()) } else { Box::pin(async { Ok(()) }) }
    };
    let limits = Limits { call: Duration::from_millis(200), ..Limits::default() };
    let routes = Routes::over(|real| Arc::new(Disturbed { real: Local::new(real), before }), limits).await;
    // One after another they would take as long as a hundred calls may.
    let operations = (0..100).map(|_| json!({"create": {"id": "a", "data": {}}})).collect();
    let results = timeout(PATIENCE / 2, results(&routes, operations)).await.expect("an answer");
    assert!(outcomes(&results).iter().all(|outcome| *outcome == (503, "deadline_exceeded")), "{results:?}");
}

#[tokio::test]
async fn answers_hold_of_large_records_what_fits() {
    let routes = Routes::new().await;
    let data = format!(r#"{{"data":{{"text":"{}"}}}}"#, "x".repeat(1_000_000));
    for n in 0..5 {
        assert_eq!(routes.send("PUT", &format!("{RECORDS}/r{n}"), &data).await.status, 201);
    }
    let grow = || (0..5).map(|n| json!({"patch": {"id": format!("r{n}"), "merge_patch": {"a": 1}}})).collect();
    let answer = send(&routes, grow()).await;
    assert!(answer.body.len() < (3 << 20) + 5000, "{}", answer.body.len());
    let results = told(&answer);
    let shown = results.iter().filter(|result| result["record"].get("data").is_some()).count();
    assert_eq!(shown, 3);
    for (n, result) in results.iter().enumerate() {
        let record = &result["record"];
        assert_eq!((&record["id"], &record["version"]), (&json!(format!("r{n}")), &json!(2)));
    }
    // Where there is no room for such an answer, nothing is made.
    let small = Limits { bodies: 2 << 20, ..Limits::default() };
    let routes = Routes::over(|real| Arc::new(Local::new(real)), small).await;
    let refused = send(&routes, grow()).await;
    assert_eq!(refused.problem(), (503, "overloaded".into()));
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn a_batch_counts_as_one_request() {
    let policy = Policy { rate_limit: Some("3/1h".parse().unwrap()), ..Policy::default() };
    let routes = Routes::asking(policy).await;
    let body = json!({"operations": vec![json!({"create": {"data": {}}}); 10]}).to_string();
    let answer = routes.ask_from(Some([192, 0, 2, 1].into()), "POST", BATCH, &[JSON], body).await;
    assert_eq!(told(&answer).len(), 10);
    assert_eq!(answer.header("ratelimit"), "\"default\";r=2;t=1200");
}

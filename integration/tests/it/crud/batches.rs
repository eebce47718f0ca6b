use integration::Rest;
use serde_json::{Value, json};

use super::{NOTES, all, create_as, define, note};
use crate::Outcome;

on_every_house! {
    each_operation_has_its_result
    a_hundred_writes_of_one_record_follow_each_other
    ten_batches_at_once_are_applied_once
}

fn batch() -> String {
    format!("{NOTES}:batch")
}

fn statuses(results: &Value) -> Vec<u64> {
    let results = results["results"].as_array().into_iter().flatten();
    results.map(|result| result["status"].as_u64().unwrap_or_default()).collect()
}

async fn each_operation_has_its_result(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let tag = create_as(rest, "a", json!({"n": 1})).await?.etag().to_owned();
    let operations = json!({"operations": [
        {"create": {"data": {"n": 2}}},
        {"create": {"id": "a", "data": {}}},
        {"replace": {"id": "a", "data": {"n": 3}, "etag": tag}},
        {"replace": {"id": "a", "data": {"n": 4}, "etag": tag}},
        {"patch": {"id": "a", "json_patch": [{"op": "test", "path": "/n", "value": 7}]}},
        {"delete": {"id": "none"}},
    ]});
    let answer = rest.post(batch()).json(operations).await?.expect(200);
    let told = answer.json();
    assert_eq!(statuses(&told), [201, 409, 200, 412, 409, 404]);
    for result in told["results"].as_array().into_iter().flatten() {
        assert_eq!(result.get("record").is_some(), result.get("error").is_none(), "{result}");
        let problem = &result["error"];
        assert!(problem.is_null() || problem["request_id"] == answer.header("x-request-id"), "{problem}");
    }
    assert_eq!(rest.get(note("a")).await?.expect(200).json(), told["results"][2]["record"]);
    assert_eq!(all(rest, NOTES, 30).await?.len(), 2);
    let wrong = json!({"operations": [{"create": {"data": {}}}, {"delete": {}}]});
    let refused = rest.post(batch()).json(wrong).await?.problem(400, "invalid_body");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/operations/1/delete/id");
    assert_eq!(all(rest, NOTES, 30).await?.len(), 2);
    Ok(())
}

async fn a_hundred_writes_of_one_record_follow_each_other(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let append = |n: u64| json!({"patch": {"id": "a", "json_patch": [{"op": "add", "path": "/n/-", "value": n}]}});
    let first = json!({"create": {"id": "a", "data": {"n": []}}});
    let operations: Vec<_> = std::iter::once(first).chain((1..100).map(append)).collect();
    let told = rest.post(batch()).json(json!({"operations": operations})).await?.expect(200).json();
    assert_eq!(statuses(&told)[1..], [200; 99]);
    let expected: Vec<_> = (1..100).collect();
    assert_eq!(rest.get(note("a")).await?.json()["data"], json!({"n": expected}));
    Ok(())
}

async fn ten_batches_at_once_are_applied_once(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    create_as(rest, "a", json!({"n": []})).await?;
    let append = json!({"patch": {"id": "a", "json_patch": [{"op": "add", "path": "/n/-", "value": 1}]}});
    let operations = json!({"operations": [append, {"create": {"data": {}}}, append, {"delete": {"id": "none"}}]});
    let send = || rest.post(batch()).header("idempotency-key", "\"k\"").json(operations.clone());
    let answers = futures_util::future::try_join_all((0..10).map(|_| send().into_future())).await?;
    for answer in answers {
        assert_eq!(statuses(&answer.expect(200).json()), [200, 201, 200, 404]);
    }
    assert_eq!(rest.get(note("a")).await?.json()["data"], json!({"n": [1, 1]}));
    assert_eq!(all(rest, NOTES, 30).await?.len(), 2);
    let other = json!({"operations": [append]});
    rest.post(batch()).header("idempotency-key", "\"k\"").json(other).await?.problem(422, "key_reused");
    Ok(())
}

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{is_well, refused, serves, victim};
use crate::{Outcome, crud::note};

/// A patch may not take longer than this, also in a build that is not optimised and on a busy machine.
const PATCH_BOUND: Duration = Duration::from_secs(8);

fn repeated(operation: &Value, times: usize) -> String {
    Value::Array(vec![operation.clone(); times]).to_string()
}

/// Sends a patch to a record with this data; it may succeed or be refused, but soon, and others are served.
async fn survives(what: &str, data: Value, patch: String) -> Outcome {
    let (mut skep, rest) = victim().await?;
    rest.put(note("b")).json(json!({"data": data})).await?.expect(201);
    let begun = Instant::now();
    let mut bomb = tokio::spawn(rest.patch(note("b")).typed("application/json-patch+json", patch).into_future());
    let answer = loop {
        tokio::select! {
            answer = &mut bomb => break answer??,
            served = serves(&rest) => served?,
        }
    };
    let taken = begun.elapsed();
    assert!(taken < PATCH_BOUND, "{what} took {taken:?}");
    if answer.status != 200 {
        refused(what, &answer);
        assert_eq!(rest.get(note("b")).await?.json()["version"], 1);
    }
    is_well(&mut skep).await
}

#[tokio::test]
async fn copies_that_double() -> Outcome {
    let double = json!({"op": "copy", "from": "/a", "path": "/a/-"});
    survives("doubling an array", json!({"a": [1]}), repeated(&double, 64)).await?;
    let whole = json!({"op": "copy", "from": "", "path": "/a/-"});
    survives("copying the whole into itself", json!({"a": []}), repeated(&whole, 64)).await?;
    let text = "x".repeat(100_000);
    survives("doubling a long text", json!({"a": [text]}), repeated(&double, 40)).await
}

#[tokio::test]
async fn copies_that_nest() -> Outcome {
    let (mut skep, rest) = victim().await?;
    let nest = json!({"op": "copy", "from": "", "path": "/a"});
    let answer = rest.patch(note("a")).typed("application/json-patch+json", repeated(&nest, 40)).await?;
    answer.problem(400, "invalid_patch");
    is_well(&mut skep).await?;
    survives("nesting 12,000 levels", json!({"a": 1}), repeated(&nest, 12_000)).await
}

#[tokio::test]
async fn copies_that_take_time() -> Outcome {
    let (text, many) = ("x".repeat(400_000), vec![0; 150_000]);
    let copy = json!({"op": "copy", "from": "/a", "path": "/b"});
    survives("copying a long text", json!({"a": text}), repeated(&copy, 18_000)).await?;
    survives("copying many values", json!({"a": many}), repeated(&copy, 18_000)).await?;
    let push = json!({"op": "add", "path": "/a/0", "value": 1});
    survives("inserting at the front", json!({"a": many}), repeated(&push, 18_000)).await
}

#[tokio::test]
async fn tests_and_moves_that_take_time() -> Outcome {
    let many = vec![json!({"x": 1}); 40_000];
    let back = json!({"op": "move", "from": "/a/0", "path": "/a/-"});
    survives("turning an array", json!({"a": many}), repeated(&back, 18_000)).await?;
    let (there, here) =
        (json!({"op": "move", "from": "/a", "path": "/b"}), json!({"op": "move", "from": "/b", "path": "/a"}));
    let pair: Vec<_> = (0..18_000).map(|n| if n % 2 == 0 { there.clone() } else { here.clone() }).collect();
    survives("moving to and fro", json!({"a": many}), Value::Array(pair).to_string()).await?;
    let value = "x".repeat(500);
    let test = json!({"op": "test", "path": "/a", "value": value});
    survives("testing again and again", json!({"a": value}), repeated(&test, 1_800)).await
}

#[tokio::test]
async fn many_keys_that_go_one_by_one() -> Outcome {
    let object = |count: usize| Value::Object((0..count).map(|n| (format!("k{n}"), json!(1))).collect());
    let removals = (0..20_000).map(|n| json!({"op": "remove", "path": format!("/k{n}")})).collect();
    survives("removing keys from the front", object(60_000), Value::Array(removals).to_string()).await?;

    let (mut skep, rest) = victim().await?;
    rest.put(note("b")).json(json!({"data": object(60_000)})).await?.expect(201);
    let nulls = Value::Object((0..60_000).map(|n| (format!("k{n}"), Value::Null)).collect());
    let begun = Instant::now();
    let merged = rest.patch(note("b")).typed("application/merge-patch+json", nulls.to_string()).await?.expect(200);
    assert!(begun.elapsed() < PATCH_BOUND, "it took {:?}", begun.elapsed());
    assert_eq!(merged.json()["data"], json!({}));
    is_well(&mut skep).await
}

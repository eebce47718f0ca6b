use integration::{Call, Program, Rest};
use serde_json::json;

use crate::{
    Outcome,
    crud::{NOTES, all, create_as, define, note},
};

/// One write of each kind, each with its key and the status it is answered with.
fn writes(rest: &Rest) -> Vec<(Call, u16)> {
    let keyed = |call: Call, key: &str| call.header("idempotency-key", format!("\"{key}\""));
    vec![
        (keyed(rest.post(NOTES), "create").json(json!({"data": {"n": 1}})), 201),
        (keyed(rest.put(note("put")), "put").json(json!({"data": {"n": 2}})), 201),
        (
            keyed(rest.patch(note("patched")), "patch")
                .typed("application/json-patch+json", r#"[{"op":"add","path":"/list/-","value":1}]"#),
            200,
        ),
        (keyed(rest.delete(note("deleted")), "delete"), 204),
    ]
}

#[tokio::test]
async fn a_key_outlives_kill_9() -> Outcome {
    let mut skep = Program::skep()?.start().await?;
    let rest = skep.http("rest")?;
    define(&rest, "notes").await?;
    create_as(&rest, "patched", json!({"list": []})).await?;
    create_as(&rest, "deleted", json!({})).await?;
    let mut first = Vec::new();
    for (call, status) in writes(&rest) {
        first.push(call.await?.expect(status));
    }
    let before = all(&rest, NOTES, 30).await?;
    skep.restart().await?;

    let rest = skep.http("rest")?;
    for ((call, status), first) in writes(&rest).into_iter().zip(first) {
        let again = call.await?.expect(status);
        assert_eq!((again.text.as_str(), again.etag()), (first.text.as_str(), first.etag()));
    }
    assert_eq!(all(&rest, NOTES, 30).await?, before);
    rest.post(NOTES)
        .header("idempotency-key", "\"create\"")
        .json(json!({"data": {}}))
        .await?
        .problem(422, "key_reused");
    Ok(())
}

#[tokio::test]
async fn what_was_deleted_stays_deleted() -> Outcome {
    let mut skep = Program::skep()?.start().await?;
    let rest = skep.http("rest")?;
    define(&rest, "notes").await?;
    define(&rest, "gone").await?;
    let second = {
        create_as(&rest, "a", json!({})).await?;
        rest.put(note("a")).json(json!({"data": {"n": 2}})).await?.expect(200)
    };
    rest.delete(note("a")).await?.expect(204);
    rest.administrator().await?.delete("/v1/collections/gone").await?.expect(204);
    skep.restart().await?;

    let rest = skep.http("rest")?;
    rest.get("/v1/collections/gone").await?.problem(404, "collection_not_found");
    rest.get(note("a")).await?.problem(404, "record_not_found");
    let again = create_as(&rest, "a", json!({})).await?;
    assert!(again.json()["version"].as_i64() > second.json()["version"].as_i64(), "{}", again.text);
    Ok(())
}

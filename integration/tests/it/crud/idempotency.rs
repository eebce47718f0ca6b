use integration::{Call, Rest};
use serde_json::json;

use super::{NOTES, all, create_as, define, note, path_of};
use crate::Outcome;

on_every_house! {
    a_create_again_gets_the_record_as_it_is_now
    another_body_is_refused
    a_key_names_one_request_of_its_collection
    what_is_deleted_since_is_told
    ten_at_once_are_applied_once
    a_replacement_is_applied_once
    a_patch_is_applied_once
    a_deletion_is_applied_once
    a_refused_request_does_not_use_its_key_up
    a_key_has_its_form
}

const KEY: &str = r#""5f0d""#;

fn keyed(call: Call) -> Call {
    call.header("idempotency-key", KEY)
}

async fn a_create_again_gets_the_record_as_it_is_now(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let create = || keyed(rest.post(NOTES)).json(json!({"data": {"n": 1}}));
    let first = create().await?.expect(201);
    let again = create().await?.expect(201);
    assert_eq!((again.json(), again.etag()), (first.json(), first.etag()));
    assert_eq!(again.header("location"), first.header("location"));
    let changed = rest.put(path_of(&first)).json(json!({"data": {"n": 2}})).await?.expect(200);
    let now = create().await?.expect(201);
    assert_eq!((now.json(), now.etag()), (changed.json(), changed.etag()));
    assert_eq!(all(rest, NOTES, 30).await?.len(), 1);
    Ok(())
}

async fn another_body_is_refused(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    keyed(rest.post(NOTES)).json(json!({"data": {"n": 1}})).await?.expect(201);
    keyed(rest.post(NOTES)).json(json!({"data": {"n": 2}})).await?.problem(422, "key_reused");
    keyed(rest.post(NOTES)).json(json!({"data": {"n": 1}})).await?.expect(201);
    let records = all(rest, NOTES, 30).await?;
    assert!(records.len() == 1 && records[0]["data"]["n"] == 1, "{records:?}");
    Ok(())
}

async fn a_key_names_one_request_of_its_collection(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    define(rest, "others").await?;
    let body = json!({"data": {"n": 1}});
    keyed(rest.put(note("a"))).json(body.clone()).await?.expect(201);
    keyed(rest.put(note("b"))).json(body.clone()).await?.problem(422, "key_reused");
    rest.get(note("b")).await?.problem(404, "record_not_found");
    let elsewhere = "/v1/collections/others/records";
    keyed(rest.post(elsewhere)).json(body).await?.expect(201);
    assert_eq!(all(rest, elsewhere, 30).await?.len(), 1);
    Ok(())
}

async fn what_is_deleted_since_is_told(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let create = || keyed(rest.post(NOTES)).json(json!({"data": {"n": 1}}));
    let made = create().await?.expect(201);
    rest.delete(path_of(&made)).await?.expect(204);
    create().await?.problem(410, "record_deleted");
    rest.get(path_of(&made)).await?.problem(404, "record_not_found");

    let put = || rest.put(note("a")).header("idempotency-key", "\"put\"").json(json!({"data": {"n": 1}}));
    put().await?.expect(201);
    rest.delete(note("a")).await?.expect(204);
    put().await?.problem(410, "record_deleted");
    assert!(all(rest, NOTES, 30).await?.is_empty());
    Ok(())
}

async fn ten_at_once_are_applied_once(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    for round in 0..5 {
        let key = format!("\"round {round}\"");
        let body = json!({"data": {"round": round}});
        let calls = (0..10).map(|_| rest.post(NOTES).header("idempotency-key", &key).json(body.clone()).into_future());
        for answer in futures_util::future::try_join_all(calls).await? {
            assert!(answer.status == 201 || answer.status == 409, "{answer:#?}");
        }
        rest.post(NOTES).header("idempotency-key", &key).json(body).await?.expect(201);
        assert_eq!(all(rest, NOTES, 30).await?.len(), round + 1);
    }
    Ok(())
}

async fn a_replacement_is_applied_once(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let put = || keyed(rest.put(note("a"))).json(json!({"data": {"n": 1}}));
    put().await?.expect(201);
    assert_eq!(put().await?.expect(201).json()["version"], 1);
    let other = rest.put(note("a")).json(json!({"data": {"n": 2}})).await?.expect(200);
    let again = put().await?.expect(201);
    assert_eq!((again.json(), again.etag()), (other.json(), other.etag()));

    let guarded = || {
        let put = rest.put(note("a")).header("if-match", other.etag()).header("idempotency-key", "\"guarded\"");
        put.json(json!({"data": {"n": 3}}))
    };
    let third = guarded().await?.expect(200);
    assert_eq!(guarded().await?.expect(200).etag(), third.etag());
    assert_eq!(rest.get(note("a")).await?.json()["version"], 3);
    Ok(())
}

async fn a_patch_is_applied_once(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    create_as(rest, "a", json!({"list": []})).await?;
    let append = || {
        let patch = keyed(rest.patch(note("a")));
        patch.typed("application/json-patch+json", r#"[{"op":"add","path":"/list/-","value":1}]"#)
    };
    append().await?.expect(200);
    append().await?.expect(200);
    // More writes than a row remembers.
    for n in 0..20 {
        rest.patch(note("a")).typed("application/merge-patch+json", format!(r#"{{"n":{n}}}"#)).await?.expect(200);
    }
    let late = append().await?;
    assert!(late.status == 200 || late.json()["code"] == "outcome_unknown", "{late:#?}");
    assert_eq!(rest.get(note("a")).await?.json()["data"], json!({"list": [1], "n": 19}));
    Ok(())
}

async fn a_deletion_is_applied_once(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    create_as(rest, "a", json!({"n": 1})).await?;
    keyed(rest.delete(note("a"))).await?.expect(204);
    keyed(rest.delete(note("a"))).await?.expect(204);
    create_as(rest, "a", json!({"n": 2})).await?;
    keyed(rest.delete(note("a"))).await?.expect(204);
    assert_eq!(rest.get(note("a")).await?.expect(200).json()["data"], json!({"n": 2}));
    Ok(())
}

async fn a_refused_request_does_not_use_its_key_up(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    keyed(rest.post(NOTES)).json(json!({"data": 1})).await?.problem(400, "invalid_body");
    let made = keyed(rest.post(NOTES)).json(json!({"data": {"n": 1}})).await?.expect(201);
    assert_eq!(made.json()["version"], 1);
    Ok(())
}

async fn a_key_has_its_form(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let create = |key: &str| rest.post(NOTES).header("idempotency-key", key).json(json!({"data": {}}));
    for key in ["bare", "\"open", "\"\"", &format!("\"{}\"", "k".repeat(256)), "\"a\", \"b\"", "1", "\"a\"b\""] {
        create(key).await?.problem(400, "invalid_argument");
    }
    create(&format!("\"{}\"", "k".repeat(255))).await?.expect(201);
    let twice = rest.post(NOTES).header("idempotency-key", "\"a\"").header("idempotency-key", "\"b\"");
    twice.json(json!({"data": {}})).await?.problem(400, "invalid_argument");
    assert_eq!(all(rest, NOTES, 30).await?.len(), 1);
    Ok(())
}

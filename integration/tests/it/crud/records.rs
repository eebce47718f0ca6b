use integration::Rest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{NOTES, create, create_as, define, note, path_of};
use crate::Outcome;

on_every_house! {
    a_record_has_its_members
    an_id_may_be_chosen_once
    an_id_has_its_form
    data_is_kept_exactly
    every_character_is_kept
    data_has_its_bounds
    a_replacement_is_whole
    a_deleted_record_is_gone
    versions_go_on_when_an_id_is_made_again
}

async fn a_record_has_its_members(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let answer = create(rest, json!({"author": "Ann"})).await?;
    let record = answer.json();
    let members: Vec<_> = record.as_object().into_iter().flat_map(|record| record.keys()).collect();
    assert_eq!(members, ["id", "data", "owner", "created_at", "updated_at", "version"]);
    assert_eq!(
        (&record["data"], &record["owner"], &record["version"]),
        (&json!({"author": "Ann"}), &Value::Null, &1.into())
    );
    let id = record["id"].as_str().unwrap_or_default();
    assert_eq!(Uuid::parse_str(id)?.get_version_num(), 7);
    assert_eq!(answer.header("location"), note(id));
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.etag().starts_with('"') && answer.etag().ends_with('"') && answer.etag().len() > 2, "{answer:#?}");
    let created = record["created_at"].as_str().unwrap_or_default();
    assert_eq!(record["updated_at"], created);
    // RFC 3339 with microseconds: 2026-11-23T12:00:00.123456Z
    assert!(created.len() == 27 && created.ends_with('Z') && created.as_bytes()[19] == b'.', "{created}");

    let read = rest.get(path_of(&answer)).await?.expect(200);
    assert_eq!((read.json(), read.etag()), (record, answer.etag()));
    let owned = rest.post(NOTES).json(json!({"data": {}, "owner": "me", "version": 9})).await?;
    assert!(owned.status == 400 || owned.json()["owner"].is_null() && owned.json()["version"] == 1, "{owned:#?}");
    Ok(())
}

async fn an_id_may_be_chosen_once(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let id = "A-z_0.9~";
    assert_eq!(create_as(rest, id, json!({"n": 1})).await?.header("location"), note(id));
    rest.post(NOTES).json(json!({"id": id, "data": {"n": 2}})).await?.problem(409, "record_exists");
    assert_eq!(rest.get(note(id)).await?.expect(200).json()["data"], json!({"n": 1}));
    assert_eq!(rest.get(note("A%2Dz_0.9%7E")).await?.expect(200).json()["id"], id);
    rest.get(note("a-Z_0.9~")).await?.problem(404, "record_not_found");
    Ok(())
}

async fn an_id_has_its_form(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let (longest, too_long) = ("x".repeat(128), "x".repeat(129));
    create_as(rest, &longest, json!({})).await?;
    for id in ["", "a b", "a/b", "ä", "\0", "a\n", "a:b", "a%41", &too_long] {
        let answer = rest.post(NOTES).json(json!({"id": id, "data": {}})).await?;
        let code = answer.json()["code"].clone();
        assert!(code == "invalid_body" || code == "invalid_argument", "{id:?}: {answer:#?}");
        answer.problem(400, code.as_str().unwrap_or_default());
    }
    for id in ["a%20b", "a%2Fb", "%C3%A4", "%00", "a%00b", "%FF", "a:b", &too_long] {
        rest.get(note(id)).await?.problem(400, "invalid_argument");
        rest.put(note(id)).json(json!({"data": {}})).await?.problem(400, "invalid_argument");
    }
    Ok(())
}

async fn data_is_kept_exactly(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let data = r#"{"zebra":9007199254740993,"apple":{"y":18446744073709551616,"b":-9223372036854775809},"long":123456789012345678901234567890123456789,"fraction":0.1000000000000000055511151231257827,"zero":1.10,"power":1e+2,"beyond":1e+400,"deep":[[],{},[{"k":null}],true,false,""]}"#;
    let sent = format!(r#"{{"data":{data},"id":"exact"}}"#);
    let kept = |text: &str| assert!(text.contains(&format!(r#""data":{data}"#)), "{text}");
    kept(&rest.post(NOTES).typed("application/json", sent).await?.expect(201).text);
    kept(&rest.get(note("exact")).await?.expect(200).text);
    kept(&rest.get(NOTES).await?.expect(200).text);
    let same = format!(r#"{{"data":{data}}}"#);
    kept(&rest.put(note("exact")).typed("application/json", same).await?.expect(200).text);
    let spelled = r#"{"data":{"a":1E2,"b":-0.0e-0}}"#;
    let made = rest.post(NOTES).typed("application/json", spelled).await?.expect(201);
    assert!(rest.get(path_of(&made)).await?.text.contains(&spelled[1..spelled.len() - 1]), "{}", made.text);
    let untouched = rest.patch(note("exact")).typed("application/merge-patch+json", "{}").await?.expect(200);
    kept(&untouched.text);
    let untouched = rest.patch(note("exact")).typed("application/json-patch+json", "[]").await?.expect(200);
    kept(&untouched.text);
    Ok(())
}

async fn every_character_is_kept(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let characters: Vec<char> = ('\0'..=char::MAX).collect();
    for chunk in characters.chunks(100_000) {
        let text: String = chunk.iter().collect();
        let data = json!({"text": text, (text.chars().take(100).collect::<String>()): 1});
        let made = create(rest, data.clone()).await?;
        assert!(rest.get(path_of(&made)).await?.expect(200).json()["data"] == data, "from {:?}", chunk.first());
    }
    let escaped = r#"{"id":"pair","data":{"\u0000\"\\\/":"\ud83d\udc1d\u00e4\t\u2028"}}"#;
    rest.post(NOTES).typed("application/json", escaped).await?.expect(201);
    let kept = rest.get(note("pair")).await?.expect(200).json()["data"].clone();
    assert_eq!(kept, json!({"\0\"\\/": "\u{1F41D}ä\t\u{2028}"}));
    Ok(())
}

async fn data_has_its_bounds(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let nested = |levels: usize| format!(r#"{{"data":{}1{}}}"#, r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let text = |bytes: usize| json!({"data": {"a": "x".repeat(bytes - r#"{"a":""}"#.len())}});
    rest.post(NOTES).typed("application/json", nested(32)).await?.expect(201);
    rest.post(NOTES).typed("application/json", nested(33)).await?.problem(400, "invalid_body");
    rest.post(NOTES).json(text(1024 * 1024)).await?.expect(201);
    rest.post(NOTES).json(text(1024 * 1024 + 1)).await?.problem(413, "payload_too_large");
    Ok(())
}

async fn a_replacement_is_whole(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let first = rest.put(note("a")).json(json!({"data": {"a": 1, "b": 2}})).await?.expect(201);
    assert_eq!(first.header("location"), note("a"));
    let second = rest.put(note("a")).json(json!({"data": {"b": 3}})).await?.expect(200);
    let (before, after) = (first.json(), second.json());
    assert_eq!((&after["data"], &after["version"]), (&json!({"b": 3}), &2.into()));
    assert_eq!(after["created_at"], before["created_at"]);
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str(), "{before} {after}");
    let third = rest.put(note("a")).json(json!({"data": {"b": 3}})).await?.expect(200);
    assert_eq!(third.json()["version"], 3);
    assert!(first.etag() != second.etag() && second.etag() != third.etag(), "an ETag names one write");
    assert_eq!(rest.get(note("a")).await?.etag(), third.etag());
    Ok(())
}

async fn a_deleted_record_is_gone(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let path = path_of(&create(rest, json!({"n": 1})).await?);
    let deleted = rest.delete(&path).await?.expect(204);
    assert!(deleted.text.is_empty() && deleted.etag().is_empty(), "{deleted:#?}");
    rest.get(&path).await?.problem(404, "record_not_found");
    rest.delete(&path).await?.problem(404, "record_not_found");
    rest.patch(&path).typed("application/merge-patch+json", "{}").await?.problem(404, "record_not_found");
    assert_eq!(rest.get(NOTES).await?.expect(200).json()["records"], json!([]));
    Ok(())
}

async fn versions_go_on_when_an_id_is_made_again(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let first = create_as(rest, "a", json!({"n": 1})).await?;
    let second = rest.put(note("a")).json(json!({"data": {"n": 2}})).await?.expect(200);
    rest.delete(note("a")).await?.expect(204);
    let again = create_as(rest, "a", json!({"n": 3})).await?;
    assert!(again.json()["version"].as_i64() > second.json()["version"].as_i64(), "{}", again.text);
    assert!(again.etag() != first.etag() && again.etag() != second.etag());
    rest.put(note("a"))
        .header("if-match", second.etag())
        .json(json!({"data": {}}))
        .await?
        .problem(412, "precondition_failed");
    rest.delete(note("a")).await?.expect(204);
    let by_put = rest.put(note("a")).json(json!({"data": {"n": 4}})).await?.expect(201);
    assert!(by_put.json()["version"].as_i64() > again.json()["version"].as_i64(), "{}", by_put.text);
    Ok(())
}

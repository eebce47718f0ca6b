use integration::{Answer, Rest};
use serde_json::{Value, json};

use super::{create_as, define, note};
use crate::Outcome;

on_every_house! {
    a_merge_patch_follows_rfc_7396
    a_json_patch_follows_rfc_6902
    a_json_patch_applies_whole_or_not_at_all
    a_patch_that_is_none_is_refused
    a_patch_keeps_what_it_does_not_name
    a_patch_cannot_break_the_bounds
    a_patch_says_what_it_is
}

const MERGE: &str = "application/merge-patch+json";
const PATCH: &str = "application/json-patch+json";

async fn patch(rest: &Rest, id: &str, media_type: &str, body: impl Into<String>) -> anyhow::Result<Answer> {
    rest.patch(note(id)).typed(media_type, body.into()).await
}

async fn a_merge_patch_follows_rfc_7396(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    // Appendix A, as far as target and result are objects.
    let examples = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ];
    for (n, (before, change, after)) in examples.into_iter().enumerate() {
        let id = n.to_string();
        create_as(rest, &id, before).await?;
        let answer = patch(rest, &id, MERGE, change.to_string()).await?.expect(200);
        assert_eq!((&answer.json()["data"], &answer.json()["version"]), (&after, &2.into()), "{change}");
        assert_eq!(rest.get(note(&id)).await?.json()["data"], after);
    }
    Ok(())
}

async fn a_json_patch_follows_rfc_6902(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    // After appendix A; pointers are into `data`.
    let examples = [
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux"}]),
            json!({"foo": "bar", "baz": "qux"}),
        ),
        (json!({"a": [1, 3]}), json!([{"op": "add", "path": "/a/1", "value": 2}]), json!({"a": [1, 2, 3]})),
        (json!({"a": [1]}), json!([{"op": "add", "path": "/a/-", "value": [2]}]), json!({"a": [1, [2]]})),
        (json!({"a": 1, "b": 2}), json!([{"op": "remove", "path": "/a"}]), json!({"b": 2})),
        (json!({"a": [1, 2, 3]}), json!([{"op": "remove", "path": "/a/1"}]), json!({"a": [1, 3]})),
        (json!({"a": 1}), json!([{"op": "replace", "path": "/a", "value": null}]), json!({"a": null})),
        (
            json!({"a": {"x": 1}, "b": {}}),
            json!([{"op": "move", "from": "/a/x", "path": "/b/y"}]),
            json!({"a": {}, "b": {"y": 1}}),
        ),
        (json!({"a": [1, 2, 3]}), json!([{"op": "move", "from": "/a/0", "path": "/a/2"}]), json!({"a": [2, 3, 1]})),
        (json!({"a": 1}), json!([{"op": "copy", "from": "/a", "path": "/b"}]), json!({"a": 1, "b": 1})),
        (json!({"a": ["b"]}), json!([{"op": "test", "path": "/a/0", "value": "b"}]), json!({"a": ["b"]})),
        (
            json!({"~1": 10, "/": 9}),
            json!([{"op": "test", "path": "/~01", "value": 10}, {"op": "remove", "path": "/~1"}]),
            json!({"~1": 10}),
        ),
        (json!({"a": 1}), json!([{"op": "replace", "path": "", "value": {"b": 2}}]), json!({"b": 2})),
        (json!({"a": 1}), json!([{"op": "add", "path": "/b", "value": 2, "xyz": 123}]), json!({"a": 1, "b": 2})),
    ];
    for (n, (before, change, after)) in examples.into_iter().enumerate() {
        let id = n.to_string();
        create_as(rest, &id, before).await?;
        let answer = patch(rest, &id, PATCH, change.to_string()).await?.expect(200);
        assert_eq!(answer.json()["data"], after, "{change}");
        assert_eq!(rest.get(note(&id)).await?.json()["data"], after);
    }
    Ok(())
}

async fn a_json_patch_applies_whole_or_not_at_all(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let made = create_as(rest, "a", json!({"a": [1], "t": "10"})).await?;
    for last in [
        json!({"op": "test", "path": "/t", "value": 10}),
        json!({"op": "remove", "path": "/none"}),
        json!({"op": "replace", "path": "/none", "value": 1}),
        json!({"op": "add", "path": "/a/7", "value": 1}),
        json!({"op": "add", "path": "/none/b", "value": 1}),
        json!({"op": "copy", "from": "/none", "path": "/b"}),
        json!({"op": "add", "path": "/a/01", "value": 1}),
        json!({"op": "remove", "path": "/a/-"}),
    ] {
        let change = json!([{"op": "add", "path": "/b", "value": 1}, last]);
        patch(rest, "a", PATCH, change.to_string()).await?.problem(409, "patch_conflict");
        let now = rest.get(note("a")).await?.expect(200);
        assert_eq!((now.json(), now.etag()), (made.json(), made.etag()), "{last}");
    }
    Ok(())
}

async fn a_patch_that_is_none_is_refused(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let made = create_as(rest, "a", json!({"a": {"b": 1}})).await?;
    for none in [
        json!({}),
        json!("x"),
        json!([1]),
        json!([{"op": "add", "path": "/b"}]),
        json!([{"op": "add", "value": 1}]),
        json!([{"op": "increment", "path": "/a"}]),
        json!([{"op": "copy", "path": "/a"}]),
        json!([{"op": "add", "path": "b", "value": 1}]),
        json!([{"op": "add", "path": 5, "value": 1}]),
        json!([{"op": "add", "path": "/~2", "value": 1}]),
        json!([{"op": "replace", "path": "", "value": [1]}]),
        json!([{"op": "remove", "path": ""}]),
        json!([{"op": "move", "from": "/a", "path": "/a/b/c"}]),
    ] {
        let answer = patch(rest, "a", PATCH, none.to_string()).await?;
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        assert!(["invalid_patch", "patch_conflict", "invalid_body"].contains(&code.as_str()), "{none}: {answer:#?}");
        answer.clone().problem(answer.status, &code);
    }
    for none in ["1", "[]", "null", "\"x\""] {
        patch(rest, "a", MERGE, none).await?.problem(400, "invalid_patch");
    }
    for (media_type, none) in [(MERGE, ""), (MERGE, "{"), (PATCH, "[}"), (PATCH, "[{\"op\":NaN}]")] {
        patch(rest, "a", media_type, none).await?.problem(400, "malformed_json");
    }
    assert_eq!(rest.get(note("a")).await?.etag(), made.etag());
    Ok(())
}

async fn a_patch_keeps_what_it_does_not_name(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let body = r#"{"id":"a","data":{"z":9007199254740993,"y":1.10,"a":{"q":1e+400,"b":0},"m":"x"}}"#;
    rest.post(super::NOTES).typed("application/json", body).await?.expect(201);
    let merged = patch(rest, "a", MERGE, r#"{"a":{"b":12345678901234567890123},"m":null}"#).await?.expect(200);
    let data = r#""data":{"z":9007199254740993,"y":1.10,"a":{"q":1e+400,"b":12345678901234567890123}}"#;
    assert!(merged.text.contains(data), "{}", merged.text);
    let change = r#"[{"op":"remove","path":"/z"},{"op":"copy","from":"/a/b","path":"/z"}]"#;
    let patched = patch(rest, "a", PATCH, change).await?.expect(200);
    let data = r#""data":{"y":1.10,"a":{"q":1e+400,"b":12345678901234567890123},"z":12345678901234567890123}"#;
    assert!(patched.text.contains(data), "{}", patched.text);
    Ok(())
}

async fn a_patch_cannot_break_the_bounds(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let made = create_as(rest, "a", json!({"a": "x".repeat(700 * 1024), "d": {}})).await?;
    let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"a": inner}));
    let longer: Value = json!({"b": "x".repeat(700 * 1024)});
    for (media_type, change) in [
        (MERGE, longer.to_string()),
        (MERGE, nested(32).to_string()),
        (PATCH, r#"[{"op":"copy","from":"/a","path":"/b"}]"#.into()),
        (PATCH, json!([{"op": "add", "path": "/d/a", "value": nested(31)}]).to_string()),
    ] {
        let answer = patch(rest, "a", media_type, change).await?;
        assert!([400, 413].contains(&answer.status), "{answer:#?}");
        let code = if answer.status == 413 { "payload_too_large" } else { "invalid_patch" };
        answer.clone().problem(answer.status, code);
    }
    assert_eq!(rest.get(note("a")).await?.etag(), made.etag());
    Ok(())
}

async fn a_patch_says_what_it_is(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    create_as(rest, "a", json!({})).await?;
    for media_type in ["application/json", "text/plain", "application/xml; charset=utf-8"] {
        patch(rest, "a", media_type, "{}").await?.problem(415, "unsupported_media_type");
    }
    rest.call(reqwest::Method::PATCH, note("a")).await?.problem(415, "unsupported_media_type");
    patch(rest, "a", "application/merge-patch+json; charset=utf-8", "{}").await?.expect(200);
    Ok(())
}

use std::collections::BTreeMap;

use integration::Rest;
use serde_json::json;

use super::{is_well, refused, victim};
use crate::{
    Outcome,
    crud::{NOTES, note},
};

/// Bodies that are no JSON, or none that can be kept.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let levels = 40_000;
    let bytes = |text: &str| text.as_bytes().to_vec();
    vec![
        ("nothing", vec![]),
        ("an open object", bytes(r#"{"data":{}"#)),
        ("a trailing comma", bytes(r#"{"data":{},}"#)),
        ("something after the end", bytes(r#"{"data":{}} x"#)),
        ("two values", bytes(r#"{"data":{}}{"data":{}}"#)),
        ("single quotes", bytes("{'data':{}}")),
        ("a comment", bytes(r#"{"data":{}/* */}"#)),
        ("NaN", bytes(r#"{"data":{"a":NaN}}"#)),
        ("Infinity", bytes(r#"{"data":{"a":-Infinity}}"#)),
        ("a leading zero", bytes(r#"{"data":{"a":01}}"#)),
        ("a bare point", bytes(r#"{"data":{"a":1.}}"#)),
        ("hexadecimal", bytes(r#"{"data":{"a":0x10}}"#)),
        ("a line break in a string", bytes("{\"data\":{\"a\":\"\n\"}}")),
        ("an unknown escape", bytes(r#"{"data":{"a":"\x41"}}"#)),
        ("a lone high surrogate", bytes(r#"{"data":{"a":"\ud800"}}"#)),
        ("a lone low surrogate", bytes(r#"{"data":{"a":"\udc1d"}}"#)),
        ("surrogates the wrong way round", bytes(r#"{"data":{"a":"\udc1d\ud83d"}}"#)),
        ("a lone surrogate in a name", bytes(r#"{"data":{"\ud800":1}}"#)),
        ("bytes that are no UTF-8", b"{\"data\":{\"a\":\"\xff\xfe\"}}".to_vec()),
        ("a surrogate in UTF-8", b"{\"data\":{\"a\":\"\xed\xa0\x80\"}}".to_vec()),
        ("UTF-16", r#"{"data":{}}"#.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("40,000 open arrays", "[".repeat(levels).into()),
        ("40,000 open objects", r#"{"a":"#.repeat(levels).into()),
    ]
}

#[tokio::test]
async fn malformed_json_is_told() -> Outcome {
    let (mut skep, rest) = victim().await?;
    let admin = rest.administrator().await?;
    for (what, body) in malformed() {
        let json = "application/json";
        for answer in [
            rest.post(NOTES).typed(json, body.clone()).await?,
            rest.put(note("a")).typed(json, body.clone()).await?,
            admin.put("/v1/collections/notes").typed(json, body.clone()).await?,
            rest.patch(note("a")).typed("application/merge-patch+json", body.clone()).await?,
            rest.patch(note("a")).typed("application/json-patch+json", body.clone()).await?,
        ] {
            refused(what, &answer);
            assert!(
                ["malformed_json", "invalid_body", "invalid_patch"].contains(&answer.json()["code"].as_str().unwrap()),
                "{what}: {answer:#?}"
            );
        }
    }
    assert_eq!(rest.get(note("a")).await?.json()["version"], 1);
    is_well(&mut skep).await
}

#[tokio::test]
async fn nesting_without_end_is_refused() -> Outcome {
    let (mut skep, rest) = victim().await?;
    let admin = rest.administrator().await?;
    let arrays = format!("{}{}", "[".repeat(40_000), "]".repeat(40_000));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(40_000), "}".repeat(40_000));
    for deep in [&arrays, &objects] {
        for body in [deep.clone(), format!(r#"{{"data":{deep}}}"#), format!(r#"{{"data":{{"a":{deep}}}}}"#)] {
            refused("POST", &rest.post(NOTES).typed("application/json", body.clone()).await?);
            refused("PUT", &rest.put(note("a")).typed("application/json", body.clone()).await?);
            let definition = body.replacen("data", "schema", 1);
            refused("define", &admin.put("/v1/collections/notes").typed("application/json", definition).await?);
        }
        let merge = format!(r#"{{"a":{deep}}}"#);
        refused("merge", &rest.patch(note("a")).typed("application/merge-patch+json", merge).await?);
        let patch = format!(r#"[{{"op":"add","path":"/b","value":{deep}}}]"#);
        refused("patch", &rest.patch(note("a")).typed("application/json-patch+json", patch).await?);
        let pointer = json!([{"op": "add", "path": "/a".repeat(40_000), "value": 1}]).to_string();
        refused("pointer", &rest.patch(note("a")).typed("application/json-patch+json", pointer).await?);
    }
    assert_eq!(rest.get(note("a")).await?.json()["version"], 1);
    is_well(&mut skep).await
}

#[tokio::test]
async fn wrong_types_are_told() -> Outcome {
    let (mut skep, rest) = victim().await?;
    let admin = rest.administrator().await?;
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x", "/", ""]
    {
        for call in [rest.post(NOTES), rest.put(note("a")), admin.put("/v1/collections/notes")] {
            let answer = call.typed(media_type, r#"{"data":{}}"#).await?;
            answer.problem(415, "unsupported_media_type");
        }
    }
    for wrong in [
        "true",
        "1",
        "\"data\"",
        "[]",
        "[[]]",
        "null",
        r#"{"data":"{}"}"#,
        r#"{"data":{},"id":{}}"#,
        r#"{"data":{},"id":1e3}"#,
    ] {
        rest.post(NOTES).typed("application/json", wrong).await?.problem(400, "invalid_body");
    }
    is_well(&mut skep).await
}

async fn chunked(rest: &Rest, size: usize) -> anyhow::Result<integration::Answer> {
    let chunks = (0..size / 4096).map(|_| Ok::<_, std::io::Error>(vec![b' '; 4096]));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    rest.post(NOTES).typed("application/json", body).await
}

#[tokio::test]
async fn bodies_of_2_mib_are_too_large() -> Outcome {
    let (mut skep, rest) = victim().await?;
    let admin = rest.administrator().await?;
    let large = json!({"data": {"a": "x".repeat(2 * 1024 * 1024)}}).to_string();
    let spaces = format!("{}{{\"data\":{{}}}}", " ".repeat(2 * 1024 * 1024));
    for _ in 0..20 {
        for body in [&large, &spaces] {
            let json = "application/json";
            rest.post(NOTES).typed(json, body.clone()).await?.problem(413, "payload_too_large");
            rest.put(note("a")).typed(json, body.clone()).await?.problem(413, "payload_too_large");
            admin.put("/v1/collections/notes").typed(json, body.clone()).await?.problem(413, "payload_too_large");
            let merge = rest.patch(note("a")).typed("application/merge-patch+json", body.clone());
            merge.await?.problem(413, "payload_too_large");
        }
        chunked(&rest, 2 * 1024 * 1024).await?.problem(413, "payload_too_large");
    }
    is_well(&mut skep).await
}

#[tokio::test]
async fn a_large_value_is_cheap() -> Outcome {
    let (mut skep, rest) = victim().await?;
    let many = |item: &str| format!("[{}{item}]", format!("{item},").repeat(1_000_000 / (item.len() + 1)));
    for data in [
        format!(r#"{{"a":{}}}"#, "1".repeat(1_000_000)),
        format!(r#"{{"a":{}}}"#, many("[]")),
        format!(r#"{{"a":{}}}"#, many("{}")),
        format!(r#"{{"a":{}}}"#, many("1")),
        json!((0..90_000).map(|n| (format!("k{n}"), 1)).collect::<BTreeMap<_, _>>()).to_string(),
        r#"{"a":1e999999999}"#.into(),
    ] {
        let body = format!(r#"{{"data":{data}}}"#);
        let answer = rest.post(NOTES).typed("application/json", body).await?;
        assert!([201, 400, 413].contains(&answer.status), "{}", &answer.text[..answer.text.len().min(500)]);
        is_well(&mut skep).await?;
    }
    Ok(())
}

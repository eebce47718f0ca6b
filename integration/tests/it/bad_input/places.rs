use reqwest::Method;
use serde_json::json;

use super::{is_well, refused, victim};
use crate::{
    Outcome,
    crud::{NOTES, note},
    random::Random,
};

#[tokio::test]
async fn ids_that_are_none() -> Outcome {
    let (mut skep, rest) = victim().await?;
    let long = "i".repeat(200);
    let ids = [&long, "%00", "a%00", "%2e%2e%2f", "%F0%9F%90%9D", "%ff", "%", "%zz", "%0d%0aX:1", "'", "a;b", "$(id)"];
    for id in ids {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            let call = rest.call(method.clone(), note(id));
            let call = match method {
                Method::PUT => call.json(json!({"data": {}})),
                Method::PATCH => call.typed("application/merge-patch+json", "{}"),
                _ => call,
            };
            refused(&format!("{method} {id}"), &call.await?);
        }
        refused(id, &rest.get(format!("/v1/collections/{id}")).await?);
        refused(id, &rest.get(format!("/v1/collections/{id}/records")).await?);
    }
    is_well(&mut skep).await
}

#[tokio::test]
async fn paths_and_methods_that_are_none() -> Outcome {
    let (mut skep, rest) = victim().await?;
    for path in [
        "/v1/",
        "/v1//collections",
        "/V1/collections",
        "/v1/collections/notes/",
        "/.env",
        "/%2e%2e/etc/passwd",
        "/v1/collections/notes/records/",
    ] {
        refused(path, &rest.get(path).await?);
    }
    for method in ["TRACE", "CONNECTED", "PROPFIND", "get", "X"] {
        let method = Method::from_bytes(method.as_bytes())?;
        for path in ["/v1/collections", NOTES, "/v1/collections/notes/records/a", "/nowhere"] {
            refused(&format!("{method} {path}"), &rest.call(method.clone(), path).await?);
        }
    }
    is_well(&mut skep).await
}

#[tokio::test]
async fn queries_and_tokens_that_are_none() -> Outcome {
    let (mut skep, rest) = victim().await?;
    rest.post(NOTES).json(json!({"data": {}})).await?.expect(201);
    let token = rest.get(format!("{NOTES}?page_size=1")).await?.json()["next_page_token"].as_str().unwrap().to_owned();
    let mut random = Random::seeded(3);
    for n in 0..300 {
        let mut broken = token.clone().into_bytes();
        match n % 3 {
            0 => broken.truncate(random.below(token.len() - 1) + 1),
            1 => broken = random.bytes(24).iter().map(|byte| b"ABCxyz019-_"[usize::from(*byte) % 11]).collect(),
            _ => {
                let place = random.below(broken.len());
                broken[place] = if broken[place] == b'A' { b'B' } else { b'A' };
            }
        }
        let broken = String::from_utf8(broken)?;
        refused(&broken, &rest.get(format!("{NOTES}?page_token={broken}")).await?);
    }
    for query in [
        "page_size=-9",
        "page_size=1&page_size=2",
        "page_size=%ff",
        "page_size=+1",
        "page_size=0x10",
        "page_token=&page_token=",
    ] {
        refused(query, &rest.get(format!("{NOTES}?{query}")).await?);
    }
    // A number that is too large for any page is still a number, and cut.
    rest.get(format!("{NOTES}?page_size={}", "9".repeat(5000))).await?.expect(200);
    is_well(&mut skep).await
}

#[tokio::test]
async fn headers_that_are_none() -> Outcome {
    let (mut skep, rest) = victim().await?;
    let long = format!("\"{}\"", "e".repeat(20_000));
    let many = vec!["\"e\""; 5_000].join(", ");
    for (name, value) in [
        ("if-match", "\"\u{e9}"),
        ("if-match", "W/\"a"),
        ("if-match", long.as_str()),
        ("if-match", many.as_str()),
        ("if-none-match", "\"a"),
        ("idempotency-key", "a"),
        ("idempotency-key", "\"\\\""),
        ("idempotency-key", long.as_str()),
    ] {
        let answer = rest.put(note("a")).header(name, value).json(json!({"data": {}})).await?;
        refused(&format!("{name}: {}", &value[..value.len().min(20)]), &answer);
    }
    for (name, value) in
        [("traceparent", "00-zz"), ("traceparent", long.as_str()), ("x-request-id", long.as_str()), ("accept", "\"")]
    {
        rest.get(note("a")).header(name, value).await?.expect(200);
    }
    assert_eq!(rest.get(note("a")).await?.json()["version"], 1);
    is_well(&mut skep).await
}

use integration::Rest;
use reqwest::Method;
use serde_json::json;

use super::{NOTES, create_as, define, note};
use crate::Outcome;

on_every_house! {
    an_unknown_path_or_method_is_told
    an_invalid_body_is_pointed_into
    a_problem_tells_its_place
    an_answer_carries_the_id_of_its_request
    the_document_describes_what_is_served
}

async fn an_unknown_path_or_method_is_told(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    for path in ["/v1", "/v2/collections", "/v1/collections/notes/records/a/b", "/v1/collections/notes/rows", "/%FF"] {
        rest.get(path).await?.problem(404, "route_not_found");
    }
    for (method, path) in [
        (Method::DELETE, "/v1/collections"),
        (Method::PATCH, "/v1/collections/notes"),
        (Method::PUT, NOTES),
        (Method::POST, "/v1/collections/notes/records/a"),
        (Method::POST, "/openapi.json"),
        (Method::from_bytes(b"BREW")?, NOTES),
    ] {
        let answer = rest.call(method.clone(), path).await?.problem(405, "method_not_allowed");
        assert!(answer.header("allow").contains("GET"), "{method} {path}: {answer:#?}");
    }
    Ok(())
}

async fn an_invalid_body_is_pointed_into(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    for (body, pointer) in [
        (json!({"data": 5}), "/data"),
        (json!({"data": []}), "/data"),
        (json!({"data": null}), "/data"),
        (json!({}), "/data"),
        (json!({"data": {}, "id": 5}), "/id"),
        (json!([]), ""),
        (json!("data"), ""),
        (json!(null), ""),
    ] {
        let problem = rest.post(NOTES).json(body.clone()).await?.problem(400, "invalid_body").json();
        let pointers: Vec<_> =
            problem["errors"].as_array().into_iter().flatten().map(|each| &each["pointer"]).collect();
        // A member that is missing is told at its place or at the object that lacks it.
        assert!(
            pointers.iter().any(|found| *found == pointer || body == json!({}) && *found == ""),
            "{body}: {problem}"
        );
        assert!(problem["errors"][0]["detail"].is_string(), "{problem}");
    }
    Ok(())
}

async fn a_problem_tells_its_place(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    create_as(rest, "a", json!({})).await?;
    let problem = rest.get(note("b")).await?.problem(404, "record_not_found").json();
    assert_eq!(problem["instance"], note("b"));
    let other = rest.get(note("c")).await?.problem(404, "record_not_found").json();
    assert_eq!((&problem["type"], &problem["title"]), (&other["type"], &other["title"]));
    assert!(problem.get("errors").is_none_or(|errors| errors == &json!([])), "{problem}");
    let head = rest.call(Method::HEAD, note("a")).await?.expect(200);
    assert!(head.text.is_empty() && !head.etag().is_empty(), "{head:#?}");
    Ok(())
}

async fn an_answer_carries_the_id_of_its_request(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let longest = "z".repeat(128);
    for id in ["a", "0aZ-_.:/+=~", &longest] {
        for path in [NOTES, "/nowhere", "/livez", "/openapi.json"] {
            assert_eq!(rest.get(path).header("x-request-id", id).await?.header("x-request-id"), id, "{path}");
        }
    }
    let first = rest.get(NOTES).await?.header("x-request-id").to_owned();
    assert!(!first.is_empty());
    for id in ["", "a b", "a\"b", "<script>", "a,b", &"z".repeat(129)] {
        let answered = rest.get(NOTES).header("x-request-id", id).await?.expect(200).header("x-request-id").to_owned();
        assert!(!answered.is_empty() && answered != id && answered != first, "{id:?}: {answered:?}");
    }
    Ok(())
}

async fn the_document_describes_what_is_served(rest: &Rest) -> Outcome {
    let document = rest.get("/openapi.json").await?.expect(200).json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "{}", document["openapi"]);
    for (path, methods) in [
        ("/v1/collections", vec!["get"]),
        ("/v1/collections/{collection}", vec!["get", "put", "delete"]),
        ("/v1/collections/{collection}/records", vec!["get", "post"]),
        ("/v1/collections/{collection}/records/{id}", vec!["get", "put", "patch", "delete"]),
    ] {
        let shape = |path: &str| {
            path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }.to_owned()).collect::<Vec<_>>()
        };
        let paths = document["paths"].as_object().into_iter().flatten();
        let found = paths.clone().find(|(known, _)| shape(known) == shape(path)).map(|(_, operations)| operations);
        for method in methods {
            assert!(found.is_some_and(|operations| operations[method].is_object()), "{method} {path}: {document}");
        }
    }
    for path in ["/docs", "/"] {
        let page = rest.get(path).await?.expect(200);
        assert!(page.header("content-type").starts_with("text/html"), "{path}: {page:#?}");
        assert!(!page.text.contains("https://"), "{path} loads something from elsewhere");
    }
    Ok(())
}

use integration::Rest;
use serde_json::json;

use super::{NOTES, all, create, define};
use crate::Outcome;

on_every_house! {
    a_definition_is_kept_listed_replaced_and_deleted
    a_name_has_its_form
    an_unknown_collection_holds_nothing
    a_collection_that_holds_records_is_deleted_only_by_force
    a_definition_has_its_bounds
    a_schema_is_enforced_or_refused
}

async fn a_definition_is_kept_listed_replaced_and_deleted(rest: &Rest) -> Outcome {
    let rest = &rest.administrator().await?;
    let path = "/v1/collections/notes";
    let definition = json!({"indexes": ["author", "a.b"], "rules": {"list": "true", "update": "record.owner == null"}});
    let made = rest.put(path).json(definition.clone()).await?.expect(201).json();
    assert_eq!((&made["indexes"], &made["rules"]), (&definition["indexes"], &definition["rules"]), "{made}");
    assert_eq!(rest.get(path).await?.expect(200).json(), made);

    let other = rest.put(path).json(json!({"rules": {"get": "true"}})).await?.expect(200).json();
    assert_eq!(other["rules"], json!({"get": "true"}), "{other}");
    assert_eq!(rest.get(path).await?.expect(200).json(), other);

    define(rest, "another").await?;
    let list = rest.get("/v1/collections").await?.expect(200).json();
    let names: Vec<_> = list["collections"].as_array().into_iter().flatten().map(|each| &each["name"]).collect();
    assert_eq!(names, ["another", "notes"], "{list}");

    rest.delete(path).await?.expect(204);
    rest.get(path).await?.problem(404, "collection_not_found");
    rest.delete(path).await?.problem(404, "collection_not_found");
    Ok(())
}

async fn a_name_has_its_form(rest: &Rest) -> Outcome {
    let rest = &rest.administrator().await?;
    define(rest, &format!("a{}", "b".repeat(62))).await?;
    define(rest, "a-b_9").await?;
    let too_long = "a".repeat(64);
    for name in ["Notes", "9lives", "-a", "a.b", "a%20b", "%C3%A4", "a%00", "a%2Fb", &too_long] {
        let path = format!("/v1/collections/{name}");
        rest.put(&path).json(json!({})).await?.problem(400, "invalid_argument");
    }
    Ok(())
}

async fn an_unknown_collection_holds_nothing(rest: &Rest) -> Outcome {
    rest.get(NOTES).await?.problem(404, "collection_not_found");
    rest.post(NOTES).json(json!({"data": {}})).await?.problem(404, "collection_not_found");
    for path in [NOTES.to_owned() + "/1", "/v1/collections/notes".into()] {
        rest.get(path).await?.problem(404, "collection_not_found");
    }
    rest.put(format!("{NOTES}/1")).json(json!({"data": {}})).await?.problem(404, "collection_not_found");
    rest.delete(format!("{NOTES}/1")).await?.problem(404, "collection_not_found");
    Ok(())
}

async fn a_collection_that_holds_records_is_deleted_only_by_force(rest: &Rest) -> Outcome {
    let admin = rest.administrator().await?;
    define(rest, "notes").await?;
    for n in 0..50 {
        create(rest, json!({"n": n})).await?;
    }
    admin.delete("/v1/collections/notes").await?.problem(409, "collection_not_empty");
    admin.delete("/v1/collections/notes?force=maybe").await?.problem(400, "invalid_argument");
    assert_eq!(all(rest, NOTES, 1000).await?.len(), 50);
    admin.delete("/v1/collections/notes?force=true").await?.expect(204);
    rest.get(NOTES).await?.problem(404, "collection_not_found");

    define(rest, "notes").await?;
    assert!(all(rest, NOTES, 1000).await?.is_empty());
    let only = create(rest, json!({"n": "alone"})).await?;
    rest.delete(super::path_of(&only)).await?.expect(204);
    admin.delete("/v1/collections/notes").await?.expect(204);
    Ok(())
}

async fn a_definition_has_its_bounds(rest: &Rest) -> Outcome {
    let rest = &rest.administrator().await?;
    let fields = |count: usize| (0..count).map(|n| format!("f{n}")).collect::<Vec<_>>();
    let text = |length: usize| "x".repeat(length);
    rest.put("/v1/collections/wide").json(json!({"indexes": fields(20)})).await?.expect(201);
    for definition in [
        json!({"indexes": fields(21)}),
        json!({"rules": {"get": text(5 * 1024)}}),
        json!({"schema": {"description": text(65 * 1024)}}),
        json!({"indexes": "author"}),
        json!({"rules": {"get": true}}),
        json!({"rules": {"fetch": "true"}}),
        json!({"indices": ["author"]}),
        json!([]),
        json!(null),
    ] {
        let answer = rest.put("/v1/collections/notes").json(definition).await?;
        assert!([400, 422].contains(&answer.status), "{answer:#?}");
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        answer.clone().problem(answer.status, &code);
    }
    rest.get("/v1/collections/notes").await?.problem(404, "collection_not_found");
    Ok(())
}

async fn a_schema_is_enforced_or_refused(rest: &Rest) -> Outcome {
    let schema = json!({"schema": {"properties": {"n": {"type": "integer"}}}, "rules": {"create": "true"}});
    let answer = rest.administrator().await?.put("/v1/collections/notes").json(schema).await?;
    if answer.status == 201 {
        rest.post(NOTES).json(json!({"data": {"n": "no number"}})).await?.problem(422, "schema_violation");
    } else {
        answer.problem(400, "unsupported");
    }
    Ok(())
}

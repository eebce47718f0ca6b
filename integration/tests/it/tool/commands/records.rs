use std::fs;

use integration::House;
use serde_json::json;

use super::{Told, given, nobody, run, skep, tool};
use crate::{
    Outcome,
    crud::{create_as, define, note},
};

/// The etag that a command told.
fn etag(told: &Told) -> &str {
    told.err.trim().strip_prefix("etag: ").unwrap_or_default()
}

#[tokio::test]
async fn a_record_is_printed_as_rest_prints_it() -> Outcome {
    let house = House::two().await?;
    let rest = house.rest()?;
    define(&rest, "notes").await?;
    let data = "{\n  \"n\": 9007199254740993, \"e\": \"\\u00e9\"\n}";
    let put = given(&house, &format!("{data}\n\n"), &["put", "notes", "a"]).await?.exits(0);
    let read = rest.get(note("a")).await?.expect(200);
    assert!(read.text.contains(data), "{}", read.text);
    assert_eq!((put.out.trim_end(), etag(&put)), (&*read.text, read.etag()));
    let got = skep(&house, &["get", "notes", "a"]).await?.exits(0);
    assert_eq!((got.out.trim_end(), etag(&got)), (&*read.text, read.etag()));

    let file = tool(&house, &["put", "notes", "a", "a.json", "--if-match", etag(&got)])?;
    fs::write(file.path("a.json"), r#"{"n": 2}"#)?;
    let replaced = run(&file).await?.exits(0);
    assert_eq!(replaced.lines()?[0]["version"], 2);
    run(&file).await?.fails(1, "precondition_failed");
    given(&house, "{}", &["put", "notes", "b", "-", "--if-match", "*"]).await?.fails(1, "record_not_found");

    assert!(skep(&house, &["delete", "notes", "a"]).await?.exits(0).out.is_empty());
    rest.get(note("a")).await?.problem(404, "record_not_found");
    skep(&house, &["delete", "notes", "a"]).await?.fails(1, "record_not_found");
    skep(&house, &["get", "notes", "a"]).await?.fails(1, "record_not_found");
    Ok(())
}

#[tokio::test]
async fn a_list_goes_on_to_its_end_or_its_limit() -> Outcome {
    let house = House::one().await?;
    let rest = house.rest()?;
    let rules = json!({"list": "true", "get": "true", "create": "true"});
    let definition = json!({"indexes": ["n"], "rules": rules});
    rest.administrator().await?.put("/v1/collections/notes").json(definition).await?.expect(201);
    for from in (0..1100).step_by(100) {
        let make = |n: i32| json!({"create": {"id": format!("r{n:04}"), "data": {"n": n}}});
        let operations: Vec<_> = (from..from + 100).map(make).collect();
        let path = "/v1/collections/notes/records:batch";
        rest.post(path).json(json!({"operations": operations})).await?.expect(200);
    }
    let ids = async |args: &[&str]| {
        let args: Vec<_> = ["list", "notes"].iter().chain(args).copied().collect();
        let lines = skep(&house, &args).await?.exits(0).lines()?;
        anyhow::Ok(lines.iter().map(|line| line["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>())
    };
    let all = ids(&["--order-by", "n"]).await?;
    assert_eq!(all, (0..1100).map(|n| format!("r{n:04}")).collect::<Vec<_>>());
    assert_eq!(ids(&[]).await?.len(), 1100);
    assert_eq!(ids(&["--order-by", "n", "--limit", "1001"]).await?, all[..1001]);
    assert_eq!(ids(&["--order-by", "n desc", "--limit", "1"]).await?, ["r1099"]);
    assert_eq!(ids(&["--filter", "n < 2", "--order-by", "n"]).await?, all[..2]);
    assert!(ids(&["--limit", "0"]).await?.is_empty());

    // In lines, whatever the data has.
    rest.post("/v1/collections/notes/records")
        .typed("application/json", "{\"data\": {\n\"n\":\r\n-1}}")
        .await?
        .expect(201);
    let first = skep(&house, &["list", "notes", "--limit", "1"]).await?.exits(0);
    assert_eq!(first.lines()?[0]["data"], json!({"n": -1}), "{first:#?}");

    // Who reads no further than the first line is no fault.
    let piped = tool(&house, &["list", "notes"])?.below(&["sh", "-c", r#"("$0" "$@"; echo $? >&2) | head -n 1"#]);
    assert_eq!(run(&piped).await?.exits(0).err, "0\n");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_is_told() -> Outcome {
    let house = House::two().await?;
    let definition = json!({"schema": {"required": ["title"]}, "rules": {"create": "true"}});
    house.rest()?.administrator().await?.put("/v1/collections/notes").json(definition).await?.expect(201);
    create_as(&house.rest()?, "a", json!({"title": "A"})).await?;
    for (data, why) in [("{", "malformed_json"), ("[]", "invalid_body"), ("{}", "\"title\" is a required property")] {
        given(&house, data, &["put", "notes", "b"]).await?.fails(65, why);
    }
    skep(&house, &["put", "notes", "b", "none.json"]).await?.fails(1, "cannot read none.json");
    for args in [&["get", "none", "a"][..], &["list", "none"], &["delete", "none", "a"]] {
        skep(&house, args).await?.fails(1, "collection_not_found");
        run(&tool(&house, args)?.env("INTERNAL_TOKEN", "wrong")).await?.fails(1, "give INTERNAL_TOKEN_FILE");
        run(&tool(&house, args)?.env("SKEP_ADDR", nobody()?)).await?.fails(69, "does not answer");
    }
    skep(&house, &["get", "notes", "a/b"]).await?.fails(65, "invalid_argument");
    skep(&house, &["list", "notes", "--filter", "n = 1"]).await?.fails(1, "not_indexed");
    skep(&house, &["list", "notes", "--limit", "few"]).await?.fails(64, "few");
    skep(&house, &["get", "notes"]).await?.fails(64, "ID");
    Ok(())
}

use std::time::{Duration, Instant};

use skep_proto::Violation;

use super::*;

const COUNTS: &str = r#"{"required":["n"],"properties":{"n":{"type":"integer","minimum":0}}}"#;

/// Far beyond what it takes to look at the few records of a test, and until all replicas know of a schema.
const SURVEYED: Duration = Duration::from_mins(5);

/// Gives the collection a schema; empty takes it away.
async fn give(house: &House, schema: impl Into<Bytes>) -> Result<Collection, Error> {
    let collection = Some(Collection { name: house.name.clone(), schema: schema.into(), ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    Ok(house.contract.update_collection(Request::new(asked)).await?.collection.expect("a collection in the answer"))
}

fn create(key: &str, data: &str) -> CreateRecordRequest {
    CreateRecordRequest { idempotency_key: key.into(), record: body(data), ..Default::default() }
}

fn pointers(violations: &[Violation]) -> Vec<&str> {
    violations.iter().map(|violation| &*violation.pointer).collect()
}

/// What is known of the records that were there before the schema.
async fn check(house: &House) -> Option<SchemaCheck> {
    let asked = GetCollectionRequest { name: house.name.clone() };
    house.contract.get_collection(Request::new(asked)).await.unwrap().collection.unwrap().schema_check
}

/// How many were looked at, and how many of them do not fit, once all were looked at.
async fn surveyed(house: &House) -> (i64, i64) {
    let begun = Instant::now();
    loop {
        let known = check(house).await.expect("a survey");
        if known.done {
            return (known.checked, known.misfits);
        }
        assert!(begun.elapsed() < SURVEYED, "{known:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn is_asked_of_whatever_is_written(house: House) {
    assert_eq!(give(&house, COUNTS).await.unwrap().schema, COUNTS);
    let (good, bad) = (r#"{"n":1}"#, r#"{"n":-1}"#);
    let with_id = |data| CreateRecordRequest { record_id: "bee".into(), ..create("", data) };
    for asked in [create("", bad), create("k", bad), with_id(bad), create("", "{}")] {
        assert_eq!(house.ask_create(asked).await, Err(Code::SchemaViolation));
    }
    assert_eq!(house.upsert("bee", bad, "").await.unwrap_err(), Code::SchemaViolation);
    assert!(house.all(10).await.is_empty());
    for asked in [create("", good), create("l", good), with_id(good)] {
        house.ask_create(asked).await.unwrap();
    }
    let stored = house.get("bee").await.unwrap();
    assert_eq!(house.upsert("bee", bad, "").await.unwrap_err(), Code::SchemaViolation);
    let operations = |text: &'static str| PatchRecordRequest {
        patch: Some(Patch::JsonPatch(Bytes::from_static(text.as_bytes()))),
        ..Default::default()
    };
    for asked in [merge_patch(r#"{"n":null}"#), operations(r#"[{"op":"add","path":"/n","value":1.5}]"#)] {
        for validate_only in [true, false] {
            let asked = PatchRecordRequest { validate_only, ..asked.clone() };
            assert_eq!(house.ask_patch("bee", asked).await, Err(Code::SchemaViolation));
        }
    }
    assert_eq!(house.get("bee").await.unwrap(), stored);
    // What else is wrong is told first.
    assert_eq!(house.merge("bee", bad, "\"x\"").await, Err(Code::PreconditionFailed));
    assert_eq!(house.merge("ant", bad, "").await, Err(Code::RecordNotFound));
    assert_eq!(text(&house.merge("bee", r#"{"n":2,"m":{}}"#, "").await.unwrap()), r#"{"n":2,"m":{}}"#);

    let asked = CreateRecordRequest { parent: house.name.clone(), ..create("", r#"{"n":"secret"}"#) };
    let refused = house.contract.create_record(Request::new(asked)).await.unwrap_err();
    assert_eq!(pointers(&refused.violations), ["/data/n"]);
    assert!(!format!("{refused:?}").contains("secret"), "{refused:?}");
}

pub async fn is_refused_if_it_cannot_be_in_force(house: House) {
    for (schema, pointer) in [
        (r#"{"properties":{"a":{"type":"text"}}}"#, "/schema/properties/a/type"),
        (r#"{"properties":{"a":{"$ref":"https://example.com/a"}}}"#, "/schema/properties/a/$ref"),
        (r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#, "/schema/$schema"),
        (r##"{"$ref":"#"}"##, "/schema"),
        ("[]", "/schema"),
    ] {
        let refused = give(&house, schema).await.unwrap_err();
        assert_eq!(
            (refused.code, pointers(&refused.violations)),
            (Code::InvalidDefinition, vec![pointer]),
            "{schema}: {refused}"
        );
    }
    assert_eq!(give(&house, r#"{"a":1,"a":2}"#).await.unwrap_err().code, Code::MalformedJson);
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(64 << 10));
    assert_eq!(give(&house, long).await.unwrap_err().code, Code::InvalidDefinition);
    house.create(r#"{"n":-1}"#).await;
}

pub async fn changes_nothing_that_is_stored(house: House) {
    let old = house.upsert("bee", r#"{"n":-1}"#, "").await.unwrap().0;
    give(&house, COUNTS).await.unwrap();
    assert_eq!(house.get("bee").await.unwrap(), old);
    assert_eq!(house.all(10).await, [old]);
    assert_eq!(house.merge("bee", r#"{"m":1}"#, "").await, Err(Code::SchemaViolation));
    house.merge("bee", r#"{"n":1}"#, "").await.unwrap();
    give(&house, "").await.unwrap();
    house.merge("bee", r#"{"n":-1}"#, "").await.unwrap();
    give(&house, "false").await.unwrap();
    assert_eq!(house.merge("bee", r#"{"n":1}"#, "").await, Err(Code::SchemaViolation));
    house.delete("bee", "").await.unwrap();
}

pub async fn counts_the_records_that_do_not_fit(house: House) {
    for n in 0..20 {
        house.upsert(&format!("bee{n}"), &format!(r#"{{"n":{}}}"#, n - 6), "").await.unwrap();
    }
    for id in ["bee0", "bee19"] {
        house.delete(id, "").await.unwrap();
    }
    house.create("{}").await;
    assert_eq!(check(&house).await, None);
    let begun = give(&house, COUNTS).await.unwrap();
    assert!(begun.schema_check.is_some());
    assert_eq!(surveyed(&house).await, (19, 6));
    // What is written from then on fits, and was not there before.
    house.merge("bee1", r#"{"n":1}"#, "").await.unwrap();
    house.create(r#"{"n":1}"#).await;
    let collection = Some(Collection { indexes: vec!["n".into()], ..begun });
    let indexed = UpdateCollectionRequest { collection, ..Default::default() };
    let kept = house.contract.update_collection(Request::new(indexed)).await.unwrap().collection.unwrap();
    assert_eq!(kept.schema_check, check(&house).await);
    assert_eq!(surveyed(&house).await, (19, 6), "its schema is as it was");
    give(&house, r#"{"required":["m"]}"#).await.unwrap();
    assert_eq!(surveyed(&house).await, (20, 20), "another begins anew");
    give(&house, COUNTS).await.unwrap();
    assert_eq!(surveyed(&house).await, (20, 5), "and so does the first");
    give(&house, "").await.unwrap();
    assert_eq!(check(&house).await, None);

    house.delete_collection(&house.name, true).await.unwrap();
    assert_eq!(give(&house, COUNTS).await.unwrap().schema_check, None, "there were no records before");
}

pub async fn a_repetition_is_answered_whatever_the_schema_says(house: House) {
    let mutation_id = skep_proto::mutation::new().to_string();
    let attempt =
        |attempt| CreateRecordRequest { mutation_id: mutation_id.clone(), attempt, ..create("", r#"{"n":-1}"#) };
    let patch = PatchRecordRequest { idempotency_key: "p".into(), ..merge_patch(r#"{"m":1}"#) };
    let update = UpdateRecordRequest { allow_missing: true, idempotency_key: "u".into(), ..Default::default() };
    let fresh = house.ask_create(attempt(0)).await.unwrap();
    let keyed = house.ask_create(create("k", r#"{"n":-1}"#)).await.unwrap();
    let updated = house.put("bee", r#"{"n":-1}"#, "", update.clone()).await.unwrap();
    let patched = house.ask_patch(id(&keyed), patch.clone()).await.unwrap();
    give(&house, COUNTS).await.unwrap();
    assert_eq!(house.ask_create(attempt(1)).await.unwrap(), fresh);
    assert_eq!(house.ask_create(create("k", r#"{"n":-1}"#)).await.unwrap(), patched, "the record as it is now");
    assert_eq!(house.put("bee", r#"{"n":-1}"#, "", update).await.unwrap(), updated);
    assert_eq!(house.ask_patch(id(&keyed), patch.clone()).await.unwrap(), patched);
    let preview = PatchRecordRequest { validate_only: true, ..patch.clone() };
    assert_eq!(house.ask_patch(id(&keyed), preview).await.unwrap(), patched);
    house.delete(id(&keyed), "").await.unwrap();
    assert_eq!(house.ask_create(create("k", r#"{"n":-1}"#)).await, Err(Code::RecordDeleted));
    assert_eq!(house.ask_patch(id(&keyed), patch).await, Err(Code::RecordDeleted));
}

pub async fn a_refused_repetition_is_another_write(house: House) {
    give(&house, COUNTS).await.unwrap();
    assert_eq!(house.ask_create(create("k", r#"{"n":-1}"#)).await, Err(Code::SchemaViolation));
    let made = house.ask_create(create("k", r#"{"n":1}"#)).await.expect("the refusal did not use the key up");
    assert_eq!(house.ask_create(create("k", r#"{"n":-1}"#)).await, Err(Code::KeyReused));
    let patch = |key: &str| PatchRecordRequest { idempotency_key: key.into(), ..merge_patch(r#"{"n":-1}"#) };
    assert_eq!(house.ask_patch(id(&made), patch("p")).await, Err(Code::SchemaViolation));
    give(&house, "true").await.unwrap();
    house.ask_patch(id(&made), patch("p")).await.expect("what was refused is judged anew");
}

pub async fn data_that_takes_too_long_to_check_is_refused(house: House) {
    let branches = (0..8).map(|i| format!(r##"{{"properties":{{"a":{{"$ref":"#"}},"b":{{"const":{i}}}}}}}"##));
    let schema = format!(r#"{{"contains":{{"minimum":1}},"oneOf":[{}]}}"#, branches.collect::<Vec<_>>().join(","));
    give(&house, schema).await.unwrap();
    let items = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(400_000));
    let deep = format!("{}{items}{}", r#"{"a":"#.repeat(30), "}".repeat(30));
    assert_eq!(house.ask_create(create("", &deep)).await, Err(Code::SchemaViolation));
    let deep = format!("{}1{}", r#"{"a":"#.repeat(32), "}".repeat(32));
    assert_eq!(house.ask_create(create("", &deep)).await, Err(Code::SchemaViolation));
}

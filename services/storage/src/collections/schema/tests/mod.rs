mod bombs;

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Whatever is bounded ends long before, on any machine.
const STALLED: Duration = Duration::from_mins(1);

fn compiled(text: impl AsRef<[u8]>) -> Schema {
    let started = Instant::now();
    let schema = Schema::compile(text.as_ref()).unwrap_or_else(|error| panic!("{error}: {:?}", error.violations));
    assert!(started.elapsed() < STALLED);
    schema
}

/// The place of the first fault.
fn refused(text: impl AsRef<[u8]>) -> String {
    let started = Instant::now();
    let error = Schema::compile(text.as_ref()).unwrap_err();
    assert!(started.elapsed() < STALLED);
    assert_eq!(error.code, Code::InvalidDefinition);
    assert_ne!(error.violations[0].detail, "cannot be compiled");
    error.violations[0].pointer.clone()
}

/// The places of the violations; `None` if the steps did not suffice.
fn check(schema: &Schema, data: &str) -> Option<Vec<String>> {
    check_in(STEPS, schema, data)
}

fn check_in(steps: u64, schema: &Schema, data: &str) -> Option<Vec<String>> {
    let started = Instant::now();
    let verdict = schema.check(data.as_bytes(), steps);
    assert!(started.elapsed() < STALLED);
    let places = |error: Error| error.violations.into_iter().map(|at| at.pointer).collect();
    verdict.map(|verdict| verdict.map_or_else(places, |()| Vec::new()))
}

fn list(item: &str, times: usize) -> String {
    format!(r#"{{"a":[{}{item}]}}"#, format!("{item},").repeat(times - 1))
}

#[test]
fn what_cannot_be_in_force_is_pointed_at() {
    for (schema, pointer) in [
        ("3", "/schema"),
        ("null", "/schema"),
        (r#"{"type":"text"}"#, "/schema/type"),
        (r#"{"properties":{"a/b":{"minimum":"1"}}}"#, "/schema/properties/a~1b/minimum"),
        (r#"{"allOf":[{},{"required":"a"}]}"#, "/schema/allOf/1/required"),
        (r#"{"multipleOf":0}"#, "/schema/multipleOf"),
        (r#"{"$defs":{"a":{"minLength":-1}}}"#, "/schema/$defs/a/minLength"),
        (r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#, "/schema/$schema"),
        (r#"{"items":{"$schema":"https://example.com/own"}}"#, "/schema/items/$schema"),
        (r#"{"items":{"$id":"https://example.com/part"}}"#, "/schema/items/$id"),
        (r#"{"$ref":"https://example.com/other"}"#, "/schema/$ref"),
        (r#"{"$ref":"https://json-schema.org/draft/2020-12/schema"}"#, "/schema/$ref"),
        (r#"{"$ref":"file:///etc/passwd"}"#, "/schema/$ref"),
        (r#"{"not":{"$ref":"other.json#/a"}}"#, "/schema/not/$ref"),
        (r##"{"items":{"$ref":"#/$defs/none"}}"##, "/schema/items/$ref"),
        (r##"{"items":{"$ref":"#none"}}"##, "/schema/items/$ref"),
        (r#"{"items":{"$ref":""}}"#, "/schema/items/$ref"),
        (r##"{"enum":[{"type":"no"}],"items":{"$ref":"#/enum/0"}}"##, "/schema/items/$ref"),
        (r#"{"items":{"$anchor":"a"},"not":{"$anchor":"a"}}"#, "/schema/items/$anchor"),
        (r##"{"$ref":"#"}"##, "/schema"),
        (r##"{"$dynamicAnchor":"a","anyOf":[{"$dynamicRef":"#a"}]}"##, "/schema"),
        (
            r##"{"items":{"$ref":"#/$defs/a"},"$defs":{"a":{"not":{"$ref":"#/$defs/b"}},"b":{"if":{"$ref":"#/$defs/a"}}}}"##,
            "/schema/$defs/a",
        ),
        (r#"{"pattern":"("}"#, "/schema/pattern"),
        (r#"{"pattern":"(a)\\1"}"#, "/schema/pattern"),
        (r#"{"pattern":"(?<=a)b"}"#, "/schema/pattern"),
        (r#"{"pattern":"a{1000}{1000}"}"#, "/schema/pattern"),
        (r#"{"pattern":"^\\p{L}{1,99}$"}"#, "/schema/pattern"),
        (r#"{"items":{"patternProperties":{"a~(":{}}}}"#, "/schema/items/patternProperties/a~0("),
    ] {
        assert_eq!(refused(schema), pointer, "{schema}");
    }
    assert_eq!(refused(format!(r#"{{"title":"{}"}}"#, "x".repeat(MAX_BYTES))), "/schema");
    assert_eq!(refused(r#"{"items":"#.repeat(MAX_DEPTH) + "{}" + &"}".repeat(MAX_DEPTH)), "/schema");
    compiled(r#"{"items":"#.repeat(MAX_DEPTH - 1) + "{}" + &"}".repeat(MAX_DEPTH - 1));
    assert_eq!(Schema::compile(br#"{"a":1,"a":2}"#).unwrap_err().code, Code::MalformedJson);
}

#[test]
fn a_schema_is_asked_as_its_dialect_has_it() {
    let tree = r##"{"$id":"https://example.com/tree","$schema":"https://json-schema.org/draft/2020-12/schema",
        "$ref":"#node","$defs":{"node":{"$anchor":"node","required":["v"],"unevaluatedProperties":false,
        "properties":{"v":{"type":"integer"},"next":{"$ref":"#/$defs/node"},"other":{"$dynamicRef":"#node"}}}}}"##;
    let last = r#""maxContains""#;
    for (schema, good, bad, places) in [
        (tree, r#"{"v":1,"next":{"v":2}}"#, r#"{"v":1,"next":{"v":2,"other":{"w":1}}}"#, vec!["/data/next/other"; 2]),
        (
            r##"{"definitions":{"a b":{"type":"null"}},"items":{"$ref":"#/definitions/a%20b"}}"##,
            "[null]",
            "[1]",
            vec!["/data/0"],
        ),
        (
            r#"{"properties":{"a/b":{"type":"string","format":"email"}}}"#,
            r#"{"a/b":"x"}"#,
            r#"{"a/b":1}"#,
            vec!["/data/a~1b"],
        ),
        (r#"{"items":{"type":"integer"}}"#, "[1.0,1e3,-0]", "[1.5]", vec!["/data/0"]),
        (r#"{"items":{"maximum":9007199254740992}}"#, "[9007199254740992]", "[9007199254740993]", vec!["/data/0"]),
        (
            r#"{"items":{"const":18446744073709551617}}"#,
            "[18446744073709551617.0]",
            "[18446744073709551618]",
            vec!["/data/0"],
        ),
        (r#"{"items":{"multipleOf":0.01}}"#, "[19.99,1e300]", "[19.999]", vec!["/data/0"]),
        (r#"{"items":{"minimum":1e400}}"#, "[1e401,1e99999]", "[1e399]", vec!["/data/0"]),
        (r#"{"contains":{"const":1},"maxContains":2}"#, "[1,1]", "[1,1,1]", vec!["/data"]),
        (
            r#"{"patternProperties":{"^\\p{L}+$":{}},"additionalProperties":false}"#,
            r#"{"ä":1}"#,
            r#"{"1":1}"#,
            vec!["/data"],
        ),
        (r#"{"pattern":"^\\d+$"}"#, r#""12""#, r#""٣""#, vec!["/data"]),
        (r#"{"propertyNames":{"maxLength":2}}"#, r#"{"éé":1}"#, r#"{"aaa":1}"#, vec!["/data"]),
        ("false", last, last, vec!["/data"]),
    ] {
        let schema_text = schema;
        let schema = compiled(schema);
        if good != bad {
            assert_eq!(check(&schema, good), Some(vec![]), "{schema_text} {good}");
        }
        assert_eq!(check(&schema, bad).unwrap(), places, "{schema_text} {bad}");
    }
}

#[test]
fn violations_are_few_and_repeat_no_values() {
    let schema = compiled(r#"{"additionalProperties":{"items":{"type":"string","maxLength":3}}}"#);
    assert_eq!(check(&schema, &list("1", 5000)).unwrap().len(), TOLD);
    for schema in [
        r#"{"items":{"items":{"type":"null","maxLength":1,"minProperties":2,"const":1,"enum":[2],"pattern":"x","not":{}}}}"#,
        r#"{"items":{"items":false,"contains":{"type":"null"},"anyOf":[{"type":"null"},false]},"unevaluatedItems":false}"#,
        r#"{"items":{"prefixItems":[true],"unevaluatedItems":false,"oneOf":[true,{},{"not":true}]}}"#,
        r#"{"items":{"uniqueItems":true,"maxItems":1,"if":true,"then":false}}"#,
    ] {
        let data = br#"[["secret",{"a":"secret"},"secret"]]"#;
        let error = compiled(schema).check(data, STEPS).unwrap().unwrap_err();
        assert!(error.violations.len() > 1, "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let schema = compiled(format!(r#"{{"items":{{"pattern":"^{}"}}}}"#, "(a|b)".repeat(10)));
    assert_eq!(check(&schema, &format!("[{}1]", r#""c","#.repeat(90_000))).unwrap().len(), 1);
    let schema = compiled(r#"{"additionalProperties":{"items":{"type":"string"}}}"#);
    // The places of all would take gigabytes.
    let long = list("1", 200_000).replace("\"a\"", &format!("\"{}\"", "a".repeat(500_000)));
    assert_eq!(check(&schema, &long).unwrap().len(), 1);
}

fn json() -> impl Strategy<Value = Value> {
    let number = prop_oneof!["-?(0|[1-9][0-9]{0,20})", "-?[0-9]\\.[0-9]{1,3}", "[1-9]e-?[0-9]{1,3}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(|text| serde_json::from_str(&text).unwrap()),
        "[ab1]{0,3}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("[abc]", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        prop::sample::select(vec!["string", "number", "integer", "object", "array", "null"])
            .prop_map(|kind| json!({"type": kind})),
        json().prop_map(|value| json!({"const": value})),
        prop::collection::vec(json(), 1..4).prop_map(|values| json!({"enum": values})),
        (0..4, 0..9)
            .prop_map(|(low, high)| json!({"minimum": low, "maxLength": high, "maxItems": high, "minProperties": low})),
        "[ab1]{1,2}|\\^[ab]\\+\\$|\\\\d".prop_map(|pattern| json!({"pattern": pattern})),
        Just(json!({"uniqueItems": true, "required": ["a"]})),
        Just(json!({"$ref": "#/$defs/r"})),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let one = (
            prop::sample::select(vec![
                "not",
                "items",
                "contains",
                "additionalProperties",
                "propertyNames",
                "unevaluatedProperties",
                "unevaluatedItems",
            ]),
            inner.clone(),
        );
        let list = (
            prop::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]),
            prop::collection::vec(inner.clone(), 1..4),
        );
        let named = (prop::sample::select(vec!["properties", "patternProperties", "dependentSchemas"]), "[abc]", inner);
        (one, list, named).prop_map(|((k1, v1), (k2, v2), (k3, name, v3))| json!({k1: v1, k2: v2, k3: {name: v3}}))
    })
}

proptest! {
    #[test]
    fn agrees_with_the_library_alone(schema in schema(), target in schema(), data in json()) {
        let whole = json!({"anyOf": [schema], "$defs": {"r": {"items": target}}});
        let (text, data_text) = (whole.to_string(), data.to_string());
        if let Ok(ours) = Schema::compile(text.as_bytes()) {
            let theirs = jsonschema::draft202012::new(&whole).unwrap();
            prop_assert_eq!(check(&ours, &data_text).unwrap().is_empty(), theirs.is_valid(&data), "{} {}", text, data_text);
        }
    }

    #[test]
    fn is_compiled_or_refused(members in prop::collection::vec((prop::sample::select(vec!["$ref", "$id", "$anchor", "$schema", "$defs", "items", "enum", "pattern", "maximum", "minLength", "dependencies", "$vocabulary"]), json()), 0..4)) {
        let text = Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()).to_string();
        if let Err(error) = Schema::compile(text.as_bytes()) {
            prop_assert!(error.violations.iter().all(|at| at.detail != "cannot be compiled"), "{}", text);
        }
    }
}

#[test]
fn data_that_takes_too_many_steps_does_not_fit() {
    let schema = compiled(r#"{"properties":{"a":{"items":{"type":"integer"}}}}"#);
    let fits = |data: &str, steps| schema.fits(data.as_bytes(), steps);
    assert!(fits(&list("1", 100), STEPS) && !fits(&list("1.5", 100), STEPS));
    assert!(!fits(&list("1", 100), 50) && fits(&list("1", 5), 50));
}

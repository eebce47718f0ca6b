use proptest::prelude::*;
use query::{Fields, Own};
use serde_json::{Map, Value};

use crate::naive::{names, objects, spelled, written};

fn projected(fields: &str, data: &str) -> Option<String> {
    let projected = Fields::parse(fields).unwrap().project(data.as_bytes())?.into_owned();
    Some(String::from_utf8(projected).unwrap())
}

#[test]
fn chosen_fields_are_as_they_were_written() {
    let data = r#" {"b" : 1.50E+2, "a": {"x":[1, {"y": 2}],"z" : {} , "y":"é\u00e9"}, "owner": null, "c d": true} "#;
    for (fields, kept) in [
        ("a", r#"{"a":{"x":[1, {"y": 2}],"z" : {} , "y":"é\u00e9"}}"#),
        ("a.y,b", r#"{"b":1.50E+2,"a":{"y":"é\u00e9"}}"#),
        ("b, a.y , b", r#"{"b":1.50E+2,"a":{"y":"é\u00e9"}}"#),
        ("a.x,a.x.y", r#"{"a":{"x":[1, {"y": 2}]}}"#),
        ("a.z.q,a.z,a.x.y,a.z,a.z.p", r#"{"a":{"z":{}}}"#),
        ("a.x.y", r#"{"a":{}}"#),
        ("a.z.q", r#"{"a":{"z":{}}}"#),
        ("b.x,nothing,a.nothing.x", r#"{"a":{}}"#),
        ("nothing", "{}"),
        ("data.owner", r#"{"owner":null}"#),
        ("data.\"c d\",id", r#"{"c d":true}"#),
        ("data", data),
        ("id,a.y,data", data),
    ] {
        assert_eq!(projected(fields, data).as_deref(), Some(kept), "{fields}");
    }
    assert_eq!(projected("id,owner", data), None);
    assert_eq!(projected("a", r#"{"\u0061":1}"#).as_deref(), Some(r#"{"\u0061":1}"#));
}

#[test]
fn own_fields_are_chosen_by_name() {
    let fields = Fields::parse("owner , data.id,created_at").unwrap();
    assert_eq!(Own::ALL.map(|own| fields.shows(own)), [false, true, true, false, false]);
}

/// What `paths` keep of `value`.
fn kept(value: &Value, paths: &[&[&str]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    let mut members = Map::new();
    for (name, member) in value.as_object()? {
        let inside: Vec<_> = paths.iter().filter(|path| path[0] == name).map(|path| &path[1..]).collect();
        if let Some(kept) = (!inside.is_empty()).then(|| kept(member, &inside)).flatten() {
            members.insert(name.clone(), kept);
        }
    }
    Some(members.into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_chosen_is_kept(data in objects(), paths in prop::collection::vec(names(), 1..6), form: u8) {
        let fields = Fields::parse(&paths.iter().map(|path| written(path)).collect::<Vec<_>>().join(",")).unwrap();
        let text = spelled(&data, form);
        let projected: Value = serde_json::from_slice(&fields.project(&text).unwrap()).unwrap();
        let paths: Vec<_> = paths.iter().map(|path| &path[..]).collect();
        let kept = kept(&data, &paths).unwrap();
        // Also in the same order.
        prop_assert_eq!(projected.to_string(), kept.to_string());
    }
}

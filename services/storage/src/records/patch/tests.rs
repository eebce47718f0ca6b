use proptest::prelude::*;

use super::{
    measure::{same, text_length},
    *,
};

fn json(data: &str, patch: &str) -> std::result::Result<String, Code> {
    Patch::Json(Bytes::copy_from_slice(patch.as_bytes()))
        .read()
        .and_then(|patch| patch.apply(data.as_bytes()))
        .map_err(|e| e.code)
        .map(text)
}

fn merge(data: &str, patch: &str) -> std::result::Result<String, Code> {
    Patch::Merge(Bytes::copy_from_slice(patch.as_bytes()))
        .read()
        .and_then(|patch| patch.apply(data.as_bytes()))
        .map_err(|e| e.code)
        .map(text)
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8(bytes.as_ref().to_vec()).expect("UTF-8")
}

#[test]
fn merges_by_the_examples_of_the_rfc() {
    for (data, patch, result) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b","b":"c","c":1}"#, r#"{"a":null}"#, r#"{"b":"c","c":1}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"e":null}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"e":null,"a":{"bb":{}}}"#),
        (r#"{"n":9007199254740993,"f":1.10}"#, r#"{"z":1e400}"#, r#"{"n":9007199254740993,"f":1.10,"z":1e+400}"#),
    ] {
        assert_eq!(merge(data, patch).as_deref(), Ok(result));
    }
    assert_eq!(merge("{}", "[1]"), Err(Code::InvalidPatch));
    assert_eq!(merge("{}", "{"), Err(Code::MalformedJson));
}

#[test]
fn patches_by_the_examples_of_the_rfc() {
    for (data, patch, result) in [
        (
            r#"{"foo":["bar","baz"]}"#,
            r#"[{"op":"add","path":"/foo/1","value":"qux"}]"#,
            r#"{"foo":["bar","qux","baz"]}"#,
        ),
        (r#"{"a":1,"b":2,"c":3}"#, r#"[{"op":"remove","path":"/a"}]"#, r#"{"b":2,"c":3}"#),
        (r#"{"a":{"b":1},"c":{}}"#, r#"[{"op":"move","from":"/a/b","path":"/c/d"}]"#, r#"{"a":{},"c":{"d":1}}"#),
        (
            r#"{"a/b":1,"m~n":2}"#,
            r#"[{"op":"replace","path":"/a~1b","value":null},{"op":"test","path":"/m~0n","value":2.0}]"#,
            r#"{"a/b":null,"m~n":2}"#,
        ),
        (r#"{"a":[1]}"#, r#"[{"op":"copy","from":"/a","path":"/a/-"}]"#, r#"{"a":[1,[1]]}"#),
        (r#"{"a":1}"#, r#"[{"op":"add","path":"","value":{"b":[]}}]"#, r#"{"b":[]}"#),
    ] {
        assert_eq!(json(data, patch).as_deref(), Ok(result), "{patch}");
    }
    for (patch, code) in [
        (r#"[{"op":"test","path":"/a","value":9007199254740992}]"#, Code::PatchConflict),
        (r#"[{"op":"remove","path":"/b"}]"#, Code::PatchConflict),
        (r#"[{"op":"add","path":"/l/01","value":1}]"#, Code::PatchConflict),
        (r#"[{"op":"add","path":"/l/2","value":1}]"#, Code::PatchConflict),
        (r#"[{"op":"move","from":"/l","path":"/l/0"}]"#, Code::PatchConflict),
        (r#"[{"op":"add","path":"/x"}]"#, Code::InvalidPatch),
        (r#"[{"op":"add","path":"x","value":1}]"#, Code::InvalidPatch),
        (r#"[{"op":"frob","path":"/x"}]"#, Code::InvalidPatch),
        (r#"{"op":"add"}"#, Code::InvalidPatch),
        (r#"[{"op":"remove","path":""}]"#, Code::InvalidPatch),
    ] {
        assert_eq!(json(r#"{"a":9007199254740993,"l":[0]}"#, patch), Err(code), "{patch}");
    }
}

#[test]
fn numbers_are_equal_by_value() {
    let equal = |a: &str, b: &str| same(&serde_json::from_str(a).unwrap(), &serde_json::from_str(b).unwrap());
    for (a, b) in
        [("1", "1.0"), ("-0", "0.0"), ("100", "1e2"), ("0.5E-1", "5e-2"), ("1e400", "10e399"), ("-1.50", "-1.5")]
    {
        assert!(equal(a, b) && equal(b, a), "{a} {b}");
    }
    let (large, larger) = (format!("1{}", "0".repeat(40)), format!("1{}1", "0".repeat(39)));
    for (a, b) in [("1", "-1"), ("1", "10"), ("9007199254740993", "9007199254740992.0"), (&large, &larger)] {
        assert!(!equal(a, b) && !equal(b, a), "{a} {b}");
    }
}

#[test]
fn copies_cannot_outgrow_the_bounds() {
    let doubling = r#"{"op":"copy","from":"/a","path":"/a/-"},"#.repeat(40);
    let bomb = format!("[{}]", doubling.trim_end_matches(','));
    assert!(matches!(json(r#"{"a":["xxxxxxxxxx"]}"#, &bomb), Err(Code::InvalidPatch | Code::PayloadTooLarge)));
    let wide = r#"{"op":"copy","from":"/a","path":"/b/-"},"#.repeat(9000);
    let bomb = format!("[{}]", wide.trim_end_matches(','));
    let data = format!(r#"{{"a":"{}","b":[]}}"#, "x".repeat(100_000));
    assert_eq!(json(&data, &bomb), Err(Code::PayloadTooLarge));
    let to_and_fro = r#"{"op":"copy","from":"/a","path":"/c"},{"op":"remove","path":"/c"},"#.repeat(5000);
    let bomb = format!("[{}]", to_and_fro.trim_end_matches(','));
    assert_eq!(json(&data, &bomb), Err(Code::InvalidPatch));
    let long_numbers = r#"{"op":"test","path":"/n","value":1e1000000},"#.repeat(20_000);
    let bomb = format!("[{}]", long_numbers.trim_end_matches(','));
    assert_eq!(json(&format!(r#"{{"n":1{}}}"#, "0".repeat(1_000_000)), &bomb), Err(Code::InvalidPatch));
    let at_the_front = r#"{"op":"add","path":"/a/0","value":0},"#.repeat(10_000);
    let bomb = format!("[{}]", at_the_front.trim_end_matches(','));
    let data = format!(r#"{{"a":[{}0]}}"#, "0,".repeat(400_000));
    assert_eq!(json(&data, &bomb), Err(Code::InvalidPatch));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), "[a~/é\"]{0,3}".prop_map(Value::from)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[ab~/]{0,2}", inner), 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_merge_makes_what_its_patch_says(data in value(), patch in value()) {
        let merged = merged(data, patch.clone());
        prop_assert_eq!(super::merged(merged.clone(), patch.clone()), merged.clone());
        for (name, change) in patch.as_object().into_iter().flatten().filter(|(_, change)| !change.is_object()) {
            prop_assert_eq!(merged.get(name), Some(change).filter(|change| !change.is_null()));
        }
        prop_assert!(patch.is_object() || merged == patch);
    }

    #[test]
    fn the_length_is_never_underestimated(value in value()) {
        prop_assert!(text_length(&value) >= value.to_string().len());
    }

    #[test]
    fn no_patch_panics(data in value(), op in "add|remove|replace|move|copy|test", path in "(/(a|b|0|1|-|~0|~1|~)){0,3}", from in "(/(a|b|0|1|-)){0,3}", patch in value()) {
        let patch = serde_json::json!([{"op": op, "path": path, "from": from, "value": patch}]);
        let _ = json(&serde_json::json!({"a": data}).to_string(), &patch.to_string());
    }
}

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn code(text: &str) -> Option<Code> {
    check(text.as_bytes()).err().map(|error| error.code)
}

#[test]
fn keeps_what_is_exact_and_refuses_the_rest() {
    for kept in ["{}", " {\"a\" : [ ] , \"b\":{\"a\":-0.5e+7}} ", r#"{"a":1e999,"b":"\ud83d\ude00\u0000"}"#] {
        assert_eq!(code(kept), None, "{kept}");
    }
    for malformed in [
        "",
        "{",
        "{]",
        "[}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        "{a:1}",
        r#"{"a":01}"#,
        r#"{"a":NaN}"#,
        r#"{"a":1.}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12g4"}"#,
        r#"{"a":"\u"#,
        "{\"a\":\"\n\"}",
        r#"{"a":1,"\u0061":2}"#,
        "{} {}",
        r#"{"$serde_json::private::Number":"1"}"#,
        r#"{"\u"#,
        r#"{"a":"\ud800"#,
    ] {
        assert_eq!(code(malformed), Some(Code::MalformedJson), "{malformed}");
    }
    assert_eq!(code("[]"), Some(Code::InvalidBody));
    let many: Vec<_> = (0..40).map(|i| format!("\"k{}\":0", i % 39)).collect();
    assert_eq!(code(&format!("{{{}}}", many.join(","))), Some(Code::MalformedJson));
}

#[test]
fn bounds_depth_and_size() {
    let nested = |depth: usize| format!("{}{}", "{\"a\":".repeat(depth - 1) + "{}", "}".repeat(depth - 1));
    assert_eq!(code(&nested(MAX_DEPTH)), None);
    assert_eq!(code(&nested(MAX_DEPTH + 1)), Some(Code::InvalidBody));
    assert_eq!(code(&format!("{{\"a\":{}", "[".repeat(40_000))), Some(Code::InvalidBody));
    let sized = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_eq!(code(&sized(MAX_BYTES)), None);
    assert_eq!(code(&sized(MAX_BYTES + 1)), Some(Code::PayloadTooLarge));
}

proptest! {
    #[test]
    fn agrees_with_the_json_library(text in r#"\{("a"|"b\\u0061"|"\\ud83d"|1|-0\.5e3|true|nul|\[|\]|\{|\}|:|,| |\\|é){0,12}\}"#) {
        let parsed = serde_json::from_str::<Value>(&text);
        let repeated = code(&text).is_some() && parsed.as_ref().is_ok_and(|value| value.to_string().len() < text.replace(' ', "").len());
        prop_assert!(code(&text).is_none() == parsed.is_ok() || repeated, "{} {:?}", text, parsed);
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = check(&bytes);
    }
}

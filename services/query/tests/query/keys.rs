use proptest::prelude::*;
use query::{Class, Key, MAX_KEPT};
use serde_json::Value;

use crate::naive::{compare, numbers, values};

fn key(value: &Value) -> Key {
    Key::of(value.to_string().as_bytes())
}

/// Two keys agree with their values, and neither begins the other.
fn agree(one: &Value, other: &Value) -> Result<(), TestCaseError> {
    let (one_key, other_key) = (key(one), key(other));
    prop_assert_eq!(one_key.cmp(&other_key), compare(one, other), "{} {}", one, other);
    prop_assert!(one_key == other_key || !other_key.as_bytes().starts_with(one_key.as_bytes()));
    let (one, other) = (one_key.clone().truncated().0, other_key.clone().truncated().0);
    let kept = one.cmp(&other);
    prop_assert!(kept == one_key.cmp(&other_key) || kept.is_eq(), "{:?} {:?}", one_key, other_key);
    prop_assert!(one == other || !other.as_bytes().starts_with(one.as_bytes()));
    Ok(())
}

#[test]
fn equal_numbers_are_equal_keys() {
    for group in [
        &["0", "-0", "0.0", "-0.00e9", "0e99999999999999999999"][..],
        &["1", "1.0", "10e-1", "0.01E+2", "1000000000000000000000e-21", "1e000000000000000000000"],
        &["-12.5", "-1250e-2", "-0.125e2"],
        &["1e500", "10e499", "0.1E+501"],
        &["1e99999999999999999999", "10e99999999999999999998", "0.1e9223372036854775807"],
        &["1e-99999999999999999999", "0.001e-9223372036854775808"],
    ] {
        for number in group {
            assert_eq!(Key::number(number), Key::number(group[0]), "{number}");
        }
    }
}

#[test]
fn keys_rise() {
    let rising = [
        "null",
        "false",
        "true",
        "-2e99999999999999999999",
        "-1e99999999999999999999",
        "-1e1000000000000",
        "-1e121",
        "-1e120",
        "-1e119",
        "-9007199254740993",
        "-9007199254740992",
        "-123",
        "-12.01",
        "-12",
        "-1",
        "-0.1",
        "-1e-200",
        "-1e-99999999999999999999",
        "0",
        "1e-99999999999999999999",
        "1e-1000000000000",
        "1e-130",
        "1e-129",
        "1e-128",
        "1e-122",
        "1e-121",
        "1e-120",
        "0.1",
        "0.11",
        "1",
        "1.00000000000000000000000000000000001",
        "9",
        "10",
        "9007199254740992",
        "9007199254740993",
        "18446744073709551616",
        "1e119",
        "1e120",
        "1e121",
        "1e126",
        "1e127",
        "1e128",
        "1e1000000000000",
        "1e99999999999999999999",
        "2e99999999999999999999",
        r#""""#,
        r#""\u0000""#,
        r#""\u0000\u0000""#,
        r#""\u0000\u0001""#,
        r#""\u0000a""#,
        r#""\u0001""#,
        r#""a""#,
        r#""a\u0000""#,
        r#""a\u0000\uffff""#,
        r#""a\u0001""#,
        r#""aa""#,
        r#""é""#,
        r#""\ud83d\udc1d""#,
        "[]",
        "{}",
    ]
    .map(|json| (json, Key::of(json.as_bytes())));
    for pair in rising.windows(2) {
        assert!(pair[0].1 < pair[1].1, "{} {}", pair[0].0, pair[1].0);
    }
    assert!(Key::from(Class::Absent) < rising[0].1 && Key::of(b"") == Class::Absent.into());
    assert_eq!(Key::of(b"[1, 2]"), Class::Array.into());
    assert_eq!(Key::of(b"{\"a\": 1}").class(), Class::Object);
    let scalar = |json: &str| !matches!(json, "[]" | "{}");
    assert!(rising.iter().all(|(json, key)| key.is_scalar() == scalar(json)));
}

#[test]
fn an_index_keeps_a_kilobyte() {
    for (kept, cut) in [
        (Key::text(&"a".repeat(MAX_KEPT)), Key::text(&("a".repeat(MAX_KEPT) + "\0"))),
        (Key::text(&"\0".repeat(MAX_KEPT)), Key::text(&"\0".repeat(MAX_KEPT + 1))),
        (Key::number(&"1".repeat(MAX_KEPT)), Key::number(&("1".repeat(MAX_KEPT) + ".1"))),
        (
            Key::number(&("-".to_owned() + &"1".repeat(MAX_KEPT))),
            Key::number(&("-".to_owned() + &"1".repeat(MAX_KEPT) + ".1")),
        ),
        (Key::number(&("0.".to_owned() + &"1".repeat(MAX_KEPT))), Key::number(&("0.".to_owned() + &"1".repeat(9999)))),
    ] {
        assert_eq!(kept.clone().truncated(), (kept.clone(), false));
        assert_eq!(cut.truncated(), (kept, true));
    }
    let within_a_character = Key::text(&("a".to_owned() + &"é".repeat(MAX_KEPT))).truncated();
    assert!(within_a_character.1 && within_a_character.0.as_bytes().len() == 1 + MAX_KEPT + 2);
    for key in [Key::number("0"), Key::text(""), Class::Null.into(), Class::Object.into(), Class::Absent.into()] {
        assert_eq!(key.clone().truncated(), (key, false));
    }
}

/// A text or a number of about [`MAX_KEPT`], of few different parts.
fn long() -> impl Strategy<Value = Value> {
    let tail = prop::collection::vec(prop::sample::select(&["a", "b", "\0", "é", "\u{1}"][..]), 0..8);
    let texts =
        (MAX_KEPT - 6..MAX_KEPT + 2, tail).prop_map(|(head, tail)| Value::from("a".repeat(head) + &tail.concat()));
    let numbers = ("-?1", MAX_KEPT - 4..MAX_KEPT + 2, "0{0,3}", "[1-9]{0,4}", "(e[1-9])?");
    let numbers = numbers.prop_map(|(first, zeros, more, end, exponent)| {
        serde_json::from_str(&format!("{first}.{}{more}{end}{exponent}", "0".repeat(zeros))).unwrap()
    });
    prop_oneof![texts, numbers]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn keys_are_in_the_order_of_values(one in values(), other in values()) {
        agree(&one, &other)?;
    }

    #[test]
    fn keys_are_in_the_order_of_numbers(one in numbers(), other in numbers()) {
        agree(&one, &other)?;
    }

    #[test]
    fn truncated_keys_are_in_order(one in long(), other in long()) {
        agree(&one, &other)?;
        let whole = key(&one);
        let (kept, cut) = whole.clone().truncated();
        prop_assert_eq!(cut, kept != whole);
        prop_assert_eq!(kept.clone().truncated(), (kept, false));
    }
}

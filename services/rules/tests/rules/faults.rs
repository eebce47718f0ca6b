//! What is no rule, and where.

use proptest::prelude::*;
use rules::{MAX_BYTES, Rule};

#[test]
fn a_fault_points_into_the_rule() {
    for (rule, line, column, part) in [
        ("", 1, 1, ""),
        ("auth.id ==", 1, 11, ""),
        ("true &&\n  foo == 1", 2, 3, "no variable \"foo\""),
        ("'ü' == now", 1, 8, "no variable \"now\""),
        ("record.owner == user.id", 1, 17, "no variable \"user\""),
        ("[1].all(x, true) && x == 1", 1, 21, "no variable \"x\""),
        ("[1].all(x, [x].all(y, y == z))", 1, 28, "no variable \"z\""),
        ("[1].all(record, true)", 1, 8, "cannot be called \"record\""),
        ("data.text.matches('a')", 1, 18, "no method \"matches\""),
        ("exec('a')", 1, 5, "no function \"exec\""),
        ("size(data, 1) > 0", 1, 5, "another number of arguments"),
        ("data.?x == 1", 1, 5, "unsupported"),
        ("cel.bind(x, 1, x == 1)", 1, 9, "no method \"bind\""),
        ("Account{id: 1} == 1", 1, 8, "no meaning"),
        (".data == 1", 1, 2, "no variable \".data\""),
        ("google.protobuf.Timestamp == 1", 1, 1, "no variable \"google\""),
        ("a = 1", 1, 3, ""),
        ("'a", 1, 1, ""),
        ("let x = 1; true", 1, 5, ""),
        ("has(data)", 1, 5, "has()"),
    ] {
        let fault = Rule::compile(rule).expect_err(rule);
        assert!(fault.message.contains(part) && !fault.message.is_empty(), "{rule}: {fault}");
        assert_eq!((fault.line, fault.column), (line, column), "{rule}: {fault}");
    }
}

#[test]
fn a_rule_is_bounded() {
    let long = format!("true // {}", "x".repeat(MAX_BYTES));
    assert!(Rule::compile(&long[..MAX_BYTES]).is_ok());
    let deep = |open: &str, close: &str, levels: usize| format!("{}true{}", open.repeat(levels), close.repeat(levels));
    let chain = |text: &str| text.repeat(MAX_BYTES / text.len());
    for rule in [
        &long,
        &deep("(", ")", 2000),
        &deep("[", "]", 2000),
        &deep("!(", ")", 1300),
        &deep("{1:", "}", 1000),
        &deep("dyn(", ")", 800),
        &deep("true ? true : ", "", 290),
        &deep("[1].all(x, ", ")", 300),
        &format!("data{}", ".a".repeat(2000)),
        &format!("data{}", "[0]".repeat(1300)),
        &format!("data{}", ".size()".repeat(500)),
        &format!("1{}", "+1".repeat(2000)),
        &format!("1{}", "==1".repeat(1300)),
        &chain("("),
        &chain("["),
        &chain("'"),
        &chain("data."),
        &chain("1 ? "),
        &chain("?:"),
        &chain("{"),
        &chain("\u{0}"),
        &chain("\u{1f41d}"),
        &chain("`"),
    ] {
        assert!(Rule::compile(rule).is_err(), "{rule:.30}");
    }
    // What cancels out, and what the parser balances, is not deep.
    assert!(Rule::compile(&deep("!", "", 4000)).is_ok());
    for connective in ["||", "&&"] {
        assert!(Rule::compile(&format!("true{}", format!("{connective}true").repeat(600))).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_compiled_or_refused(rule in ".{0,200}") {
        let _ = Rule::compile(&rule);
    }

    #[test]
    fn any_text_of_such_words_is_compiled_or_refused_and_judged(words in prop::collection::vec(prop::sample::select(&[
        "auth", "record", "data", ".", "id", "owner", "==", "!=", "&&", "||", "!", "(", ")", "[", "]", "{", "}", ",", ":",
        "?", "1", "-1", "1u", "0.5", "9223372036854775807", "'a'", "b'a'", "null", "true", "+", "-", "*", "/", "%", "<",
        "in", "has(", "size(", "int(", "string(", "timestamp(", "duration('1s')", ".all(x,", ".map(x,", ".exists(x,", "x",
        ".size()", ".getHours(", "r'\\'", "\"\"\"", "//", "\n", "type(", "@result", "`x`",
    ][..]), 0..24)) {
        let rule = words.concat();
        if let Ok(rule) = Rule::compile(&rule) {
            rule.judge(&rules::Subject::default());
            rule.judge(&rules::Subject { data: Some(br#"{"id": [1, "a", {"x": 0.5}], "owner": {"id": 1e400}}"#), ..rules::Subject::default() });
        }
    }
}

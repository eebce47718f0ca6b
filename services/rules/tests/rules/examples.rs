//! The rules that people are given to copy.

use serde_json::Value;

use crate::{compile, judged};

#[test]
fn every_example_is_a_rule() {
    let page = include_str!("../../../../docs/API.md");
    let guestbook: Value =
        serde_json::from_str(include_str!("../../../../examples/guestbook/collection.json")).unwrap();
    let blocks = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let examples: Vec<Value> = blocks.map(|block| serde_json::from_str(block).unwrap_or_default()).collect();
    let verbs = ["list", "get", "create", "update", "delete"];
    let rules = examples.iter().chain([&guestbook["rules"]]).flat_map(|rules| verbs.map(|verb| &rules[verb]));
    let rules: Vec<_> = rules.filter_map(Value::as_str).map(compile).collect();
    assert!(rules.len() > 20, "{}", rules.len());
}

#[test]
fn a_vote_is_all_that_is_added() {
    let rule = "auth != null && data.votes == record.data.votes + 1 && size(data) == size(record.data) \
        && data.all(name, name == 'votes' || data[name] == record.data[name])";
    assert!(include_str!("../../../../docs/API.md").contains(rule));
    assert!(judged(rule, "bob", r#"{"votes": 1, "a": 2}"#, r#"{"a": 2, "votes": 2}"#));
    for data in [
        r#"{"votes": 1, "a": 2}"#,
        r#"{"votes": 3, "a": 2}"#,
        r#"{"votes": "2", "a": 2}"#,
        r#"{"votes": 2}"#,
        r#"{"votes": 2, "a": 3}"#,
        r#"{"votes": 2, "b": 2}"#,
        r#"{"votes": 2, "a": 2, "b": 2}"#,
    ] {
        assert!(!judged(rule, "bob", r#"{"votes": 1, "a": 2}"#, data), "{data}");
    }
}

//! What admits, and what refuses.

use rules::Subject;

use crate::{compile, judged};

const DATA: &str = r#"{"n": 9007199254740993, "big": 18446744073709551615, "huge": 18446744073709551616, "real": 0.5,
    "e": 1e2, "far": 1e400, "text": "Grüße", "none": null, "yes": true, "tags": ["a", "b"], "of": {"x": {"y": 1}}}"#;

#[test]
fn rules_are_over_who_asks_what_is_stored_and_what_it_is_to_become() {
    for rule in [
        "true",
        "auth != null",
        "auth.id == 'ann' && auth.name == \"Ann\"",
        "'editor' in auth.roles",
        "auth.roles.exists(role, role == 'editor')",
        "record.owner == auth.id",
        "record.id == 'r' && record.version == 2",
        "record.created_at > timestamp('2025-12-31T23:59:59Z') && record.created_at.getFullYear() == 2026",
        "record.updated_at - record.created_at == duration('1h')",
        "data == record.data",
        "data.n == record.data.n && data.far == record.data.far && data.huge == record.data.huge",
        "has(data.text) && !has(data.missing)",
        "has(record.owner) && has(record.data.of.x)",
        "data.of.x.y == 1 && data['of']['x']['y'] == 1",
        "data.none == null && data.yes",
        "size(data.text) == 5 && data.text.startsWith('Gr') && data.text.contains('ü') && data.text.endsWith('e')",
        "size(data.tags) == 2 && data.tags[0] == 'a' && data.tags.all(tag, tag in ['a', 'b'])",
        "data.tags.map(tag, tag + '!') == ['a!', 'b!'] && data.tags.filter(tag, tag == 'a').size() == 1",
        "data.tags.exists_one(tag, tag == 'b')",
        "type(data.n) == int && type(data.text) == string && type(data.tags) == list && type(data.of) == map",
        "data.n == 9007199254740993 && data.n != 9007199254740992",
        "data.big == 18446744073709551615u && data.big > data.n",
        "data.real == 0.5 && data.real < 1 && data.e == 100",
        "data.missing == 1 || true",
        "!(data.yes && false) ? true : false",
        // A comment
        "true // so it is",
    ] {
        assert!(judged(rule, "ann", DATA, DATA), "{rule}");
    }
}

#[test]
fn what_fails_or_is_no_boolean_refuses() {
    for rule in [
        "false",
        "record.owner == 'bob'",
        "data.missing == 1",
        "data.missing == 1 && true",
        "data.none.x == 1",
        "data.text.x == 1",
        "data.tags[2] == 'c'",
        "data.tags[-1] == 'c'",
        "data.n + 9223372036854775807 > 0",
        "1 / 0 == 1",
        "data.huge > 1",
        "data.huge == data.far",
        "data.huge + 1 > 0",
        "-data.far < 0",
        "data.text < 1",
        "timestamp(data.text) > record.created_at",
        "int(data.text) == 1",
        "auth.missing == null",
        "1",
        "'true'",
        "null",
        "data",
        "record.data",
        "[true]",
        "data.tags.all(tag, tag)",
        "data.text.all(c, true)",
    ] {
        assert!(!judged(rule, "ann", DATA, DATA), "{rule}");
    }
}

#[test]
fn what_is_absent_is_null() {
    for rule in ["auth == null", "record == null", "data == null", "auth == null && record == null && data == null"] {
        assert!(compile(rule).judge(&Subject::default()), "{rule}");
    }
    for rule in ["record.owner == auth.id", "auth.id == null", "has(auth.id)", "data.x == 1", "record.data == null"] {
        assert!(!compile(rule).judge(&Subject::default()), "{rule}");
    }
    assert!(judged("record.owner == null", "", "{}", "{}"));
    assert!(!judged("record.owner == auth.id", "", "{}", "{}"));
}

#[test]
fn data_that_cannot_be_read_refuses_and_is_not_read_without_need() {
    for data in ["", "{", r#"{"a": "\ud800"}"#, &format!("{}{}", "[".repeat(500), "]".repeat(500))] {
        assert!(!judged("data != null", "ann", "{}", data), "{data:.20}");
        assert!(!judged("record.data != null", "ann", data, "{}"), "{data:.20}");
        assert!(judged("record.owner == auth.id && has(record.version)", "ann", data, data), "{data:.20}");
    }
}

#[test]
fn a_rule_tells_what_it_looks_at() {
    for (rule, auth, record, data) in [
        ("true", false, false, false),
        ("auth != null", true, false, false),
        ("record.owner == auth.id", true, true, false),
        ("has(record.data.x)", false, true, false),
        ("size(data) < 3 || [1].exists(x, data.y == x)", false, false, true),
    ] {
        let compiled = compile(rule);
        assert_eq!(
            (compiled.uses_auth(), compiled.uses_record(), compiled.uses_data()),
            (auth, record, data),
            "{rule}"
        );
    }
}

#[test]
fn a_conjunct_makes_a_rule_the_owners() {
    for rule in [
        "record.owner == auth.id",
        "auth.id == record.owner",
        "auth != null && record.owner == auth.id",
        "(record.owner == auth.id && record.data.x == 1) && record.version < 9 && true",
    ] {
        assert!(compile(rule).owner_only(), "{rule}");
    }
    for rule in [
        "true",
        "record.owner == auth.id || true",
        "!(record.owner == auth.id)",
        "record.owner != auth.id",
        "record.owner == auth.name",
        "record.id == auth.id",
        "has(record.owner) == has(auth.id)",
        "auth != null ? record.owner == auth.id : true",
        "[1].all(x, record.owner == auth.id)",
    ] {
        assert!(!compile(rule).owner_only(), "{rule}");
    }
}

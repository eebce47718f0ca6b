use proptest::prelude::*;
use query::{Expr, Filter, Subject};

use crate::{
    naive::{objects, spelled, trees},
    parse, record,
};

const BOOK: &str = r#" { "title" : "Bees", "rating": 4.50, "tags": ["a", 1, null, [2], {"b": 3}, "é"], "sold": null, "new": true,
    "author": {"name": "Ann", "full name": "Ann Example", "": 1}, "owner": "bob", "AND": 1, "data": {"x": "\u0061\n"},
    "big": 9007199254740993, "when": "2026-01-01T00:00:00Z", "none": {}, "empty": [], "a.b": 7, "d": [[1]] }"#;

#[test]
fn a_filter_says_what_it_seems_to() {
    for filter in [
        r#"title = "Bees""#,
        "title = 'Bees'",
        r"title='\u0042ees'",
        r#"(title = "Bees")"#,
        "rating >= 4.5 AND rating <= 45e-1 AND rating = 4.5 AND NOT rating < 4.5 AND NOT rating > 4.50",
        "big = 9007199254740993 AND big != 9007199254740992 AND big > 9007199254740992.9999",
        // Kinds have an order; what is absent, an array or an object compares with nothing.
        "title > 5 AND rating > true AND new > false AND new < 0 AND sold < false AND rating < ''",
        "NOT tags = 'a' AND NOT tags != 'a' AND NOT tags > null AND NOT author < 'x' AND NOT author != null",
        "NOT nothing = 1 AND NOT nothing != 1 AND NOT nothing = null AND NOT nothing < 1 AND NOT nothing:null",
        "sold = null AND sold != 1 AND sold <= null AND sold:*",
        // Has.
        "tags:'a' AND tags:1.0 AND tags:null AND tags:'é' AND NOT tags:2 AND NOT tags:'b' AND NOT tags:true",
        "author:'name' AND author:'' AND NOT author:'Ann' AND NOT author:1 AND NOT author.name:'name'",
        "title:'Bees' AND rating:4.5 AND NOT title:'Bee'",
        "tags:* AND author:* AND none:* AND empty:* AND author.name:* AND NOT nothing:* AND NOT author.nothing:*",
        "NOT none:'x' AND NOT empty:null AND NOT d:1",
        // Paths go through objects alone.
        "author.name = 'Ann' AND data.author.name = 'Ann' AND NOT tags.b:* AND NOT tags.0:* AND NOT title.x:*",
        r#"author."full name" = "Ann Example" AND data."author"."name" = 'Ann' AND author."" = 1"#,
        r#""title" = "Bees" AND data."a.b" = 7 AND NOT a.b:*"#,
        "data.owner = 'bob' AND data.AND = 1 AND data.data.x = 'a\\n' AND \"data\".x = 'a\\n' AND NOT owner.x:*",
        r#""owner" = "bob" AND owner = "ann""#,
        "when >= '2026' AND when < '2027'",
        // Own fields.
        "id = 'r1' AND owner != 'bob' AND owner:'ann' AND owner != null AND version = 2.0 AND version:* AND owner > 'a'",
        "created_at > '2026-01-01T00:00:00Z' AND created_at = '2026-01-01T00:00:00.000001Z'",
        "created_at = '2026-01-01T01:30:00.000001+01:30' AND created_at:'2025-12-31t19:00:00.000001999-05:00'",
        "updated_at = '2026-01-01T01:00:00.000001-00:00' AND updated_at < '2026-01-01T01:00:00.000002z'",
        "created_at > '0000-01-01T00:00:00Z' AND created_at < '9999-12-30T00:00:00Z' AND created_at:*",
        // Structure.
        "NOT id = 'x' AND id = 'r1'",
        "NOT (id = 'x' AND id = 'r1')",
        "NOT NOT NOT id = 'x'",
        "id = 'x' OR id = 'y' OR (id = 'r1' AND version = 2)",
        "(id='r1'OR id='x')AND(NOT(id='x'))AND id='r1'",
        "\n\tid\n=\n'r1'\u{a0}",
        "NOT (id = 'r1' AND (id = 'x' OR NOT id = 'r1'))",
    ] {
        assert!(parse(filter).matches(&record(BOOK.as_bytes())), "{filter}");
        assert!(!parse(&format!("NOT ({filter})")).matches(&record(BOOK.as_bytes())), "{filter}");
    }
}

#[test]
fn nobody_is_null() {
    let nobodys = Subject { owner: None, ..record(b"{}") };
    for filter in ["owner = null", "owner:null", "owner != 'ann'", "owner < 'a'", "owner:*", "NOT owner = 'null'"] {
        assert!(parse(filter).matches(&nobodys), "{filter}");
    }
}

#[test]
fn what_is_printed_is_canonical() {
    for (filter, printed) in [
        ("a=1", "a = 1"),
        (" ( ( data.a:* ) ) ", "a:*"),
        ("a='\"' AND b = '\\''", r#"a = "\"" AND b = "'""#),
        ("a=1.0 AND (b=2e5 AND(c= -0))", "a = 1.0 AND b = 2e5 AND c = -0"),
        ("(a:1 OR b:1) OR NOT (c:1 OR (d:1 AND e:1))", "a:1 OR b:1 OR NOT (c:1 OR (d:1 AND e:1))"),
        ("NOT(NOT(a=null))", "NOT NOT a = null"),
        ("data.id = 1 AND \"owner\" = 2 AND id = 'x'", "data.id = 1 AND data.owner = 2 AND id = \"x\""),
        ("data.AND = 1 AND NOT.x = 1 AND \"x y\".z = 1", "data.AND = 1 AND NOT.x = 1 AND data.\"x y\".z = 1"),
        ("created_at < '2026-01-01t02:00:00.1000009+02:00'", "created_at < \"2026-01-01T00:00:00.1Z\""),
    ] {
        let filter = parse(filter);
        assert_eq!(filter.to_string(), printed);
        assert_eq!(parse(printed), filter);
    }
    let filter = parse("b = 1 AND (a = 2 OR b > 3 OR id = 'x')");
    let paths: Vec<_> = filter.paths().iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["id", "a", "b"]);
}

#[test]
fn a_part_is_a_filter() {
    let Expr::And(parts) = parse("x.y = 1 AND z:'a' AND owner = null").expr().clone() else { panic!() };
    let holds = |part: Expr| Filter::from(part).matches(&record(br#"{"z": ["a"], "x": {"y": 1}}"#));
    assert_eq!(parts.into_iter().map(holds).collect::<Vec<_>>(), [true, true, false]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_filter_holds_as_the_naive_one(tree in trees(), data in objects(), form: u8) {
        let filter = parse(&tree.text());
        prop_assert_eq!(filter.matches(&record(&spelled(&data, form))), tree.holds(&data), "{} {}", filter, data);
        let printed = parse(&filter.to_string());
        prop_assert_eq!(&printed, &filter);
        prop_assert_eq!(printed.to_string(), filter.to_string());
        prop_assert_eq!(printed.paths(), filter.paths());
    }
}

use query::{Fields, Filter, MAX_COMPARISONS, MAX_DEPTH, MAX_FILTER_BYTES, Order};

#[test]
fn a_fault_points_into_the_filter() {
    for (filter, at, part) in [
        ("", 1, "leave it out"),
        (" \n", 1, "leave it out"),
        ("a", 2, "operator"),
        ("a =", 4, "value"),
        ("a = )", 5, "value"),
        ("a == 1", 4, "value"),
        ("= 1", 1, "field's name"),
        ("'a' = 1", 1, "field's name"),
        ("é = Ann", 5, "text wants quotes: \"Ann\""),
        ("a = 2026-01-01", 5, "no number"),
        ("a = 01", 5, "no number"),
        ("a = 1.", 5, "no number"),
        ("a = -", 5, "no number"),
        ("a = +1", 5, "quotes"),
        ("a = .5", 5, "quotes"),
        ("a = NaN", 5, "quotes"),
        ("a = 1AND b = 1", 5, "no number"),
        ("a = nullx", 5, "quotes"),
        ("a = True", 5, "quotes"),
        ("a = 1e309", 5, "range"),
        ("a = -1e999999999999999999999", 5, "range"),
        ("a = 1e-400", 5, "range"),
        ("a = *", 5, "only after :"),
        ("a != *", 6, "only after :"),
        ("a:", 3, "value"),
        ("a:b", 3, "quotes"),
        ("a = \"b", 5, "not closed"),
        ("a = 'b\\'", 5, "not closed"),
        ("a = \"\\'\"", 5, "escape"),
        ("a = '\\x'", 5, "escape"),
        ("a = '\\ud800'", 5, "surrogate"),
        ("a = '\n'", 5, "control"),
        ("a = 'é' AND b = 1 OR c = 1", 19, "parentheses"),
        ("(a = 1 OR b = 1 AND c = 1)", 17, "parentheses"),
        ("NOT a = 1 OR b = 1 AND c = 1", 20, "parentheses"),
        ("a = 1 b = 1", 7, "AND or OR is wanted"),
        ("(a = 1 b = 1)", 8, "AND or OR or ) is wanted"),
        ("a = 1 and b = 1", 7, "capitals"),
        ("a = 1 NOT b = 1", 7, "AND or OR"),
        ("a = 1, b = 1", 6, "AND or OR"),
        ("a = 1)", 6, "closes none"),
        ("(a = 1", 7, "closing parenthesis is missing"),
        ("()", 2, "field's name"),
        ("NOT", 4, "field's name"),
        ("a = 1 AND", 10, "field's name"),
        ("AND = 1", 1, "data.AND"),
        ("a = 1 AND OR b = 1", 11, "data.OR"),
        ("NOT = 1", 5, "field's name"),
        ("a b = 1", 3, "operator"),
        ("a$b = 1", 2, "operator"),
        ("a. = 1", 3, "field's name"),
        ("a..b = 1", 3, "field's name"),
        (".a = 1", 1, "field's name"),
        ("a.\"b = 1", 3, "not closed"),
        ("x = 1 AND data = 1", 11, "data alone"),
        ("id = 1", 6, "id is compared with text in quotes"),
        ("id = null", 6, "text in quotes"),
        ("owner = true", 9, "text in quotes or null"),
        ("version = '1'", 11, "a number"),
        ("version = null", 11, "a number"),
        ("created_at = 1767225600", 14, "in quotes"),
        ("created_at = null", 14, "in quotes"),
        ("created_at > '2026'", 14, "RFC 3339"),
        ("updated_at:'2026-01-01 00:00:00Z'", 12, "RFC 3339"),
        ("created_at > '2026-01-01T00:00:00'", 14, "RFC 3339"),
        ("created_at > '2026-01-01T00:00Z'", 14, "RFC 3339"),
        ("created_at > '20260101T000000Z'", 14, "RFC 3339"),
        ("created_at > '2026-02-30T00:00:00Z'", 14, "RFC 3339"),
        ("created_at > '2026-01-01T00:00:00.Z'", 14, "RFC 3339"),
        ("created_at > '2026-01-01T00:00:00+01'", 14, "RFC 3339"),
        ("created_at > '2026-01-01T00:00:00Z[UTC]'", 14, "RFC 3339"),
        ("created_at > '0000-01-01T00:00:00+01:00'", 14, "RFC 3339"),
        ("created_at > '-000001-01-01T00:00:00Z'", 14, "RFC 3339"),
    ] {
        let fault = Filter::parse(filter).expect_err(filter);
        assert!(fault.what.contains(part), "{filter}: {fault}");
        assert_eq!(fault.at, at, "{filter}: {fault}");
        assert!(fault.to_string().starts_with(&format!("at character {at}: ")));
    }
}

#[test]
fn a_filter_is_bounded() {
    let nested =
        |open: &str, close: &str, levels: usize| format!("{}é = 1{}", open.repeat(levels), close.repeat(levels));
    for (open, close) in [("(", ")"), ("NOT ", ""), ("NOT (", ")"), (" ( ", " ) ")] {
        let levels = MAX_DEPTH / open.split_whitespace().count();
        assert!(Filter::parse(&nested(open, close, levels)).is_ok());
        let fault = Filter::parse(&nested(open, close, levels + 1)).unwrap_err();
        let first = open.len() - open.trim_start().len();
        assert_eq!(fault.at, open.len() * levels + first + 1, "{open}: {fault}");
    }
    assert_eq!(Filter::parse(&"(".repeat(5000)).unwrap_err().at, MAX_DEPTH + 1);
    assert_eq!(Filter::parse(&"NOT(".repeat(2000)).unwrap_err().at, MAX_DEPTH / 2 * 4 + 1);

    let chain = |count: usize| vec!["a=1"; count].join(" OR ");
    assert!(Filter::parse(&chain(MAX_COMPARISONS)).is_ok());
    assert_eq!(Filter::parse(&chain(MAX_COMPARISONS + 1)).unwrap_err().at, MAX_COMPARISONS * 7 + 1);

    let text = |bytes: usize| format!("a = '{}'", "é".repeat((bytes - 6) / 2));
    assert!(Filter::parse(&text(MAX_FILTER_BYTES)).is_ok());
    let fault = Filter::parse(&text(MAX_FILTER_BYTES + 2)).unwrap_err();
    assert_eq!(fault.at, 5 + (MAX_FILTER_BYTES - 6) / 2 + 1, "{fault}");
}

#[test]
fn an_order_is_one_field_and_a_direction() {
    for (text, printed) in [
        ("created_at desc", "created_at desc"),
        ("a.b", "a.b"),
        (" data.id\tasc ", "data.id"),
        ("\"x y\" desc", "data.\"x y\" desc"),
        ("desc desc", "desc desc"),
    ] {
        let order = Order::parse(text).unwrap();
        assert_eq!(order.to_string(), printed);
        assert_eq!(Order::parse(printed), Ok(order));
    }
    for (text, at) in [
        ("", 1),
        ("a down", 3),
        ("a DESC", 3),
        ("a, b", 2),
        ("é desc, b", 3),
        ("a desc asc", 3),
        ("data", 1),
        ("-a b", 4),
        ("a.", 3),
        ("a$", 2),
    ] {
        assert_eq!(Order::parse(text).unwrap_err().at, at, "{text}");
    }
}

#[test]
fn a_choice_of_fields_is_bounded() {
    for (text, at) in
        [("", 1), (",", 1), ("a,", 3), ("a,,b", 3), ("a b", 3), ("é, b$", 5), ("a;b", 2), ("*", 1), ("a.*", 3)]
    {
        assert_eq!(Fields::parse(text).unwrap_err().at, at, "{text}");
    }
    assert!(Fields::parse(&vec!["a"; 100].join(",")).is_ok());
    assert_eq!(Fields::parse(&vec!["a"; 101].join(",")).unwrap_err().at, 201);
}

//! What judging costs at most.

use std::{
    thread,
    time::{Duration, Instant},
};

use rules::Rule;

use crate::judged;

/// Far more than the worst takes, far less than without a bound.
const PATIENCE: Duration = Duration::from_secs(5);

fn list(element: &str, bytes: usize) -> String {
    let elements = vec![element; bytes / (element.len() + 1)].join(",");
    format!(r#"{{"l":[{elements}],"s":"{}"}}"#, "x".repeat(bytes / 2))
}

#[test]
fn the_worst_rules_over_the_largest_data_end_soon() {
    let numbers = list("1", 500_000);
    let lists = list("[[1,1,1,1],[1,1,1,1],{\"a\":{}}]", 500_000);
    let texts = list(&format!("\"{}\"", "x".repeat(1000)), 500_000);
    let terms = |term: &str, between: &str, count: usize| vec![term; count].join(between);
    let rules = [
        "data.l.all(a, data.l.all(b, data.l.all(c, data.l.all(d, a == b && c == d))))".to_owned(),
        "data.l.map(a, data.l.map(b, data.l)) == data.l".into(),
        "data.l.all(a, a in data.l)".into(),
        "data.l.all(a, !(9 in data.l))".into(),
        "data.l.all(a, data.s == data.s + 'y')".into(),
        "data.l.exists(a, data.s.contains('xxxxxxxxxxy'))".into(),
        "data.l.all(a, size(data.s) > 0)".into(),
        "data.l.all(a, string(bytes(data.s)) == data.s)".into(),
        "data.l.exists(a, data.l + 1 == 1)".into(),
        "data.l.exists(a, int(data.s) == 1)".into(),
        "data.l.exists(a, timestamp(data.s) == timestamp(data.s))".into(),
        "data.l.map(a, data).size() > 0".into(),
        "data.l.map(a, [data, data]) == data.l.map(a, [data, data])".into(),
        "data.l.filter(a, data.l.exists_one(b, a == b)).size() == 1".into(),
        format!("{} == 'x'", terms("data.s", "+", 20)),
        format!("{} == 1", terms("data.l", "+", 20)),
        format!("data.l.all(a, {})", terms("data.s == data.s", "&&", 150)),
        format!("data.l.all(a, {})", terms("a==a", "&&", 500)),
        format!("data.l.all(a, {})", terms("true", "&&", 500)),
        format!("[{}].all(a, [{}].all(b, true))", terms("1", ",", 900), terms("1", ",", 900)),
        format!("['xxxxxxxx']{}.size() == 1", ".map(a,a+a+a+a+a+a+a+a)".repeat(10)),
        format!("[[1]]{}.size() == 1", ".map(a,[a,a,a,a,a,a,a,a])".repeat(10)),
        format!("[[1]]{0} == [[1]]{0}", ".map(a,[a,a])".repeat(10)),
        format!("[1]{}.size() == 1", ".map(a,{1:a,2:a,3:a})".repeat(10)),
        // What is exhausted inside a disjunction that is true without it refuses all the same.
        "data.l.exists(a, data.l.all(b, data.l.all(c, b == c))) || true".into(),
    ];
    for (rule, data) in rules.iter().flat_map(|rule| [(rule, &numbers), (rule, &lists), (rule, &texts)]) {
        let begun = Instant::now();
        let verdict = judged(rule, "ann", data, data);
        let took = begun.elapsed();
        eprintln!("{took:>12.1?} {verdict:5} {rule:.70}");
        assert!(took < PATIENCE, "{took:?}: {rule:.80}");
    }
    assert!(!judged(&rules[rules.len() - 1], "ann", &numbers, &numbers));
}

/// Where rules are judged, half of a stack of two megabytes may be taken already.
#[test]
fn the_deepest_rules_leave_room_on_the_stack() {
    let deepest = |deeper: &dyn Fn(usize) -> String| {
        let levels = (1..500).rev().find(|levels| Rule::compile(&deeper(*levels)).is_ok()).unwrap();
        deeper(levels)
    };
    let rules = [
        deepest(&|levels| format!("[1]{}.size() == 1", ".map(a,[a])".repeat(levels))),
        deepest(&|levels| format!("{}true{}", "[1].all(a, ".repeat(levels), ")".repeat(levels))),
        deepest(&|levels| format!("{}1{} == 1", "dyn(".repeat(levels), ")".repeat(levels))),
        deepest(&|levels| format!("size({}1{}) == 1", "{1: ".repeat(levels), "}".repeat(levels))),
        deepest(&|levels| format!("{}true{}", "auth == null ? false : (".repeat(levels), ")".repeat(levels))),
        deepest(&|levels| format!("1{} > 1", " + 1".repeat(levels))),
    ];
    for rule in rules {
        let judge = move || assert!(judged(&rule, "ann", "{}", "{}"), "{rule}");
        thread::Builder::new().stack_size(1 << 20).spawn(judge).unwrap().join().unwrap();
    }
}

#[test]
fn what_is_usual_is_within_the_budget() {
    let many = format!(r#"{{"tags":["x"{}],"text":"{}"}}"#, r#","tag""#.repeat(10_000), "x".repeat(1 << 19));
    for rule in [
        "data.tags.all(tag, tag.size() < 32)",
        "data.tags.exists(tag, tag == 'x') && size(data.tags) > 10000",
        "data.text == record.data.text && size(data.text) > 100000",
        "data == record.data",
        "data.tags.filter(tag, !(tag in ['tag'])).size() == 1",
    ] {
        assert!(judged(rule, "ann", &many, &many), "{rule}");
    }
}

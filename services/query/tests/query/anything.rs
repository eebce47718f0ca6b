//! Texts that nobody means.

use proptest::{prelude::*, sample::Index};
use query::{Fields, Filter, Key, Order, keys};

use crate::{
    naive::{objects, spelled, trees},
    path, record,
};

const WORDS: [&str; 44] = [
    "a",
    "b.c",
    "data",
    ".",
    "id",
    "owner",
    "created_at",
    "version",
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    ":",
    "*",
    "AND",
    "OR",
    "NOT",
    "(",
    ")",
    " ",
    " ",
    " ",
    "\n",
    "1",
    "-1",
    "0.5",
    "1e400",
    "9007199254740993",
    "\"a\"",
    "'a'",
    "\"",
    "'",
    "\\",
    "\\u0061",
    "null",
    "true",
    "é",
    "\u{0}",
    ",",
    "desc",
    "\"2026-01-01T00:00:00Z\"",
    "data.\"x y\"",
];

fn read(text: &str, data: &[u8]) -> Result<(), TestCaseError> {
    let filter = Filter::parse(text);
    if let Ok(filter) = &filter {
        filter.matches(&record(data));
        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()));
    }
    let fields = Fields::parse(text).map(|fields| fields.project(data).map(drop));
    let faults = [filter.err(), fields.err(), Order::parse(text).err()];
    for fault in faults.iter().flatten() {
        prop_assert!((1..=text.chars().count() + 1).contains(&fault.at) && !fault.what.is_empty(), "{}", fault);
        prop_assert!(fault.what.len() < 250, "{}", fault);
    }
    Ok(())
}

/// `text` with some of its characters taken out or replaced.
fn mutated(text: &str, changes: &[(Index, &'static str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (at, word)| {
        let at = at.index(text.chars().count() + 1);
        text.chars().take(at).chain(word.chars()).chain(text.chars().skip(at + 1)).collect()
    })
}

fn changes() -> impl Strategy<Value = Vec<(Index, &'static str)>> {
    prop::collection::vec((any::<Index>(), prop_oneof![Just(""), prop::sample::select(&WORDS[..])]), 0..4)
}

fn search(cases: u32) -> Result<(), TestCaseError> {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(cases));
    let run =
        runner.run(&(trees(), changes(), objects(), changes(), any::<u8>()), |(tree, changes, data, harm, form)| {
            let data = String::from_utf8(spelled(&data, form)).unwrap();
            let data = mutated(&data, &harm).into_bytes();
            keys(&data, &[path("a"), path("a.b"), path("data.owner"), path("id")]);
            drop(Key::of(&data).truncated());
            read(&mutated(&tree.text(), &changes), &data)
        });
    run.map_err(|error| TestCaseError::fail(error.to_string()))
}

#[test]
fn almost_filters_are_read_or_refused() -> Result<(), TestCaseError> {
    search(2000)
}

#[test]
#[ignore = "runs for minutes: the search of the test above, a thousand times as long"]
fn almost_filters_are_read_or_refused_for_long() -> Result<(), TestCaseError> {
    search(2_000_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,300}", data in prop::collection::vec(any::<u8>(), 0..60)) {
        read(&text, &data)?;
    }

    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..24)) {
        read(&words.concat(), br#"{"a": [1, "a", {"x": 0.5}], "b": {"c": 1e400}}"#)?;
    }

    #[test]
    fn any_bytes_of_data_are_read(data in "[\\[\\]{}\",:\\\\a1 ]{0,60}") {
        read("a:'a' AND NOT (b.c:1 AND a.a.a = 1)", data.as_bytes())?;
        read("a,b.c,a.a.a", data.as_bytes())?;
        keys(data.as_bytes(), &[path("a"), path("a.a")]);
    }
}

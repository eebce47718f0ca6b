//! The list of metrics: what is counted is documented, what is documented is counted, and alerts ask for nothing else.

use std::collections::BTreeSet;

use crate::{code::words, files::file};

/// The names in a text that begin as ours do.
fn named(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(|c| !is_name(c)).filter(|word| word.starts_with("skep_")).map(str::to_owned).collect()
}

#[test]
fn metrics_are_listed_and_alerts_ask_for_what_there_is() {
    let page = file("docs/LOGGING.md");
    let listed = named(page.split("## Metrics").nth(1).unwrap());
    // A cookie and a user of Cassandra are called so too.
    let is_other = |name: &str| ["skep_session", "skep_admin"].contains(&name) || name.ends_with('_');
    let counted: BTreeSet<_> = words("skep_").into_iter().filter(|name| !is_other(name)).collect();
    assert_eq!(counted, listed);
    assert!(listed.len() > 20, "{listed:?}");
    let asked = named(&file("deploy/prometheus/rules.yml"));
    let asked: BTreeSet<_> = asked.iter().map(|name| name.trim_end_matches("_bucket").to_owned()).collect();
    assert!(asked.is_subset(&listed), "not counted: {:?}", asked.difference(&listed).collect::<Vec<_>>());
}

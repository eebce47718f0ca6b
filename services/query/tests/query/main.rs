//! The language of lists as its users write it, and as nobody should; and what it means, by the slowest way to say it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod anything;
mod faults;
mod fields;
mod index;
mod keys;
mod naive;
mod paths;
mod truth;

use query::{Filter, Path, Subject};

fn parse(filter: &str) -> Filter {
    Filter::parse(filter).unwrap_or_else(|fault| panic!("{filter:.200}: {fault}"))
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|fault| panic!("{text:.200}: {fault}"))
}

/// A record of Ann's, of 2026-01-01T00:00:00.000001Z, changed an hour later, at its second version.
fn record(data: &[u8]) -> Subject<'_> {
    let created_at = 1_767_225_600_000_001;
    Subject { id: "r1", owner: Some("ann"), created_at, updated_at: created_at + 3_600_000_000, version: 2, data }
}

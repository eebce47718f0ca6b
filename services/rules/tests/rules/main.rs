//! Rules as their authors write them, and as nobody should.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bounds;
mod examples;
mod faults;
mod truth;

use prost_types::Timestamp;
use rules::{Account, Rule, Subject};
use skep_proto::v1::Record;

/// Ann, who has a role, asks about a record of `owner` with such data, which is to become `data`.
fn judged(rule: &str, owner: &str, stored: &str, data: &str) -> bool {
    let record = Record {
        name: "collections/c/records/r".into(),
        data: stored.as_bytes().to_vec().into(),
        owner: owner.into(),
        create_time: Some(Timestamp { seconds: 1_767_225_600, nanos: 1000 }),
        update_time: Some(Timestamp { seconds: 1_767_229_200, nanos: 1000 }),
        version: 2,
        ..Record::default()
    };
    let roles = ["editor".to_owned()];
    let auth = Some(Account { id: "ann", name: "Ann", roles: &roles });
    compile(rule).judge(&Subject { auth, record: Some(&record), data: Some(data.as_bytes()) })
}

fn compile(rule: &str) -> Rule {
    Rule::compile(rule).unwrap_or_else(|fault| panic!("{rule:.200}: {fault}"))
}

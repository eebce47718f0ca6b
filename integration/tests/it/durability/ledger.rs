use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

/// What a writer knows of a record; null stands for no record.
#[derive(Default)]
pub(super) struct State {
    /// The data that was last acknowledged.
    pub(super) acknowledged: Value,
    /// What a write puts there that was sent and not answered.
    pub(super) pending: Option<Value>,
}

impl State {
    /// The write in flight was acknowledged.
    pub(super) fn settle(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.acknowledged = pending;
        }
    }
}

/// A comparison of what was acknowledged with what is there.
pub(super) struct Audit {
    listed: BTreeMap<String, Value>,
    accounted: BTreeSet<String>,
    in_flight: usize,
    applied: usize,
    lost: usize,
    doubled: usize,
    pub(super) faults: Vec<String>,
}

impl Audit {
    pub(super) const HEADER: &str =
        "round  acknowledged  records  in flight  of them applied  lost  doubled  ready again";

    pub(super) fn new(records: Vec<Value>) -> Self {
        let listed = records.into_iter().map(|record| (text(&record["id"]), record)).collect();
        let (accounted, faults) = (BTreeSet::new(), Vec::new());
        Self { listed, accounted, in_flight: 0, applied: 0, lost: 0, doubled: 0, faults }
    }

    /// Judges one record by what its read gave, and takes that over.
    pub(super) fn judge(&mut self, id: &str, state: &mut State, read: Value) {
        self.accounted.insert(id.to_owned());
        let listed = self.listed.get(id).map(|record| record["data"].clone()).unwrap_or_default();
        if listed != read {
            self.faults.push(format!("{id}: listed as {listed}, read as {read}"));
        }
        let pending = state.pending.take();
        self.in_flight += usize::from(pending.is_some());
        if pending.as_ref() == Some(&read) {
            self.applied += 1;
        } else if state.acknowledged != read {
            self.lost += 1;
            self.faults.push(format!("{id}: acknowledged {}, in flight {pending:?}, is {read}", state.acknowledged));
        }
        state.acknowledged = read;
    }

    /// The record of a create that was not answered, if it was applied.
    pub(super) fn born(&mut self, marker: &str) -> Option<Value> {
        self.in_flight += 1;
        let born: Vec<_> = self.listed.values().filter(|record| record["data"]["marker"] == marker).cloned().collect();
        self.applied += usize::from(!born.is_empty());
        self.accounted.extend(born.iter().map(|record| text(&record["id"])));
        self.once(marker, born.len());
        born.into_iter().next()
    }

    /// Judges a create that was sent again with its key.
    pub(super) fn expect(&mut self, marker: &str, before: Option<&Value>, answer: &Value) {
        self.accounted.insert(text(&answer["id"]));
        if before.is_some_and(|record| record != answer) {
            self.doubled += 1;
            self.faults.push(format!("{marker}: sent again, {before:?} became {answer}"));
        }
    }

    /// Looks at everything once more, after all has been sent again.
    pub(super) fn finish(&mut self, records: Vec<Value>) {
        let mut markers: BTreeMap<String, usize> = BTreeMap::new();
        for record in &records {
            *markers.entry(text(&record["data"]["marker"])).or_default() += 1;
            if !self.accounted.contains(&text(&record["id"])) {
                self.doubled += 1;
                self.faults.push(format!("nobody knows {record}"));
            }
        }
        for (marker, count) in markers {
            self.once(&marker, count);
        }
        self.listed = records.into_iter().map(|record| (text(&record["id"]), record)).collect();
    }

    fn once(&mut self, marker: &str, count: usize) {
        if count > 1 {
            self.doubled += 1;
            self.faults.push(format!("{marker} is there {count} times"));
        }
    }

    pub(super) fn row(&self, round: usize, acknowledged: usize, ready: Duration) -> String {
        let Self { in_flight, applied, lost, doubled, .. } = self;
        let (records, ready) = (self.listed.len(), format!("{} ms", ready.as_millis()));
        format!(
            "{round:>5}  {acknowledged:>12}  {records:>7}  {in_flight:>9}  {applied:>15}  {lost:>4}  {doubled:>7}  {ready:>11}\n"
        )
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

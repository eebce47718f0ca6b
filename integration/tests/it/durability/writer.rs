use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use anyhow::bail;
use integration::{Answer, Call, Rest};
use serde_json::{Value, json};

use super::ledger::{Audit, State};
use crate::{
    Outcome,
    crud::{NOTES, note},
    random::Random,
};

/// How many ids of its own choice a writer uses again and again.
const IDS: usize = 6;

/// A create that was sent and not answered.
struct Unborn {
    marker: String,
    key: Option<String>,
}

/// A client that writes to records of its own, and remembers what it was told.
pub(super) struct Writer {
    number: usize,
    count: usize,
    random: Random,
    states: BTreeMap<String, State>,
    unborn: Option<Unborn>,
}

impl Writer {
    pub(super) fn new(number: usize) -> Self {
        let random = Random::seeded(number as u64 + 1);
        Self { number, count: 0, random, states: BTreeMap::new(), unborn: None }
    }

    /// Writes until the connection breaks.
    pub(super) async fn run(mut self, rest: Rest, acknowledged: Arc<AtomicUsize>) -> anyhow::Result<Self> {
        while self.write(&rest).await? {
            acknowledged.fetch_add(1, Relaxed);
        }
        Ok(self)
    }

    async fn write(&mut self, rest: &Rest) -> anyhow::Result<bool> {
        self.count += 1;
        match self.random.below(4) {
            0 => self.create(rest, false).await,
            1 => self.create(rest, true).await,
            2 => {
                let id = self.any_id();
                self.replace(rest, id).await
            }
            _ => {
                let id = self.any_id();
                let exists = self.states.get(&id).is_some_and(|state| !state.acknowledged.is_null());
                if exists { self.delete(rest, id).await } else { self.replace(rest, id).await }
            }
        }
    }

    fn marker(&self) -> String {
        format!("{}-{}", self.number, self.count)
    }

    fn any_id(&mut self) -> String {
        let chosen = self.random.below(IDS * 2);
        let made = self.states.keys().nth(self.random.below(self.states.len().max(1)));
        made.filter(|_| chosen >= IDS).cloned().unwrap_or_else(|| format!("w{}-{}", self.number, chosen % IDS))
    }

    async fn create(&mut self, rest: &Rest, keyed: bool) -> anyhow::Result<bool> {
        let marker = self.marker();
        let unborn = Unborn { key: keyed.then(|| format!("\"key of {marker}\"")), marker };
        let call = create_call(rest, &unborn);
        self.unborn = Some(unborn);
        let Some(answer) = answered(call, 201).await? else { return Ok(false) };
        self.unborn = None;
        self.adopt(&answer.json());
        Ok(true)
    }

    fn adopt(&mut self, record: &Value) {
        let id = record["id"].as_str().unwrap_or_default().to_owned();
        self.states.insert(id, State { acknowledged: record["data"].clone(), pending: None });
    }

    async fn replace(&mut self, rest: &Rest, id: String) -> anyhow::Result<bool> {
        let data = json!({"marker": self.marker()});
        let state = self.states.entry(id.clone()).or_default();
        let status = if state.acknowledged.is_null() { 201 } else { 200 };
        state.pending = Some(data.clone());
        let call = rest.put(note(&id)).json(json!({"data": data}));
        Ok(answered(call, status).await?.map(|_| state.settle()).is_some())
    }

    async fn delete(&mut self, rest: &Rest, id: String) -> anyhow::Result<bool> {
        let state = self.states.entry(id.clone()).or_default();
        state.pending = Some(Value::Null);
        Ok(answered(rest.delete(note(&id)), 204).await?.map(|_| state.settle()).is_some())
    }

    /// Compares what it was told with what is there, and takes over what was in flight.
    pub(super) async fn settle(&mut self, rest: &Rest, audit: &mut Audit) -> Outcome {
        for (id, state) in &mut self.states {
            let read = rest.get(note(id)).await?;
            audit.judge(id, state, if read.status == 200 { read.json()["data"].clone() } else { Value::Null });
        }
        let Some(unborn) = self.unborn.take() else { return Ok(()) };
        let before = audit.born(&unborn.marker);
        if unborn.key.is_some() {
            // Sent again with its key, it is there once, whether it was applied before or not.
            let answer = create_call(rest, &unborn).await?.expect(201).json();
            audit.expect(&unborn.marker, before.as_ref(), &answer);
            self.adopt(&answer);
        } else if let Some(record) = before {
            self.adopt(&record);
        }
        Ok(())
    }
}

fn create_call(rest: &Rest, unborn: &Unborn) -> Call {
    let call = rest.post(NOTES);
    let call = unborn.key.iter().fold(call, |call, key| call.header("idempotency-key", key));
    call.json(json!({"data": {"marker": unborn.marker}}))
}

/// The answer, or nothing when the connection broke; another status than this is an error.
async fn answered(call: Call, status: u16) -> anyhow::Result<Option<Answer>> {
    match call.await {
        Ok(answer) if answer.status == status => Ok(Some(answer)),
        Ok(answer) => bail!("instead of {status}: {answer:#?}"),
        Err(_) => Ok(None),
    }
}

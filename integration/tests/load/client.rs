use std::{
    cell::Cell,
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use skep_proto::Code;

use super::{
    COUNT, Load,
    door::{Door, Seen, Told, Wanted, Write},
};

const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// One client: asks another replica with each request, so that what one acknowledged is looked for at another.
pub(super) struct Client<'l, D> {
    load: &'l Load<'l, D>,
    number: usize,
    turn: Cell<usize>,
}

impl<'l, D: Door> Client<'l, D> {
    pub(super) fn new(load: &'l Load<'_, D>, number: usize) -> Self {
        Self { load, number, turn: Cell::new(number) }
    }

    fn goes_on(&self) -> bool {
        !self.load.stop.load(SeqCst)
    }

    /// Asks one replica after the other until the answer is known, as a gate does: the same write, by the same name.
    pub(super) async fn ask<T>(&self, ask: impl AsyncFn(&D, i32) -> Told<T>) -> Told<T> {
        let (load, begun) = (self.load, Instant::now());
        let mut attempt = 0;
        let answer = loop {
            let turn = self.turn.replace(self.turn.get() + 1);
            load.requests.fetch_add(1, SeqCst);
            match ask(&load.doors[turn % load.doors.len()], attempt).await {
                Err(Code::Unavailable | Code::Overloaded | Code::DeadlineExceeded)
                    if begun.elapsed() < load.patience =>
                {
                    attempt += 1;
                    load.repeated.fetch_add(1, SeqCst);
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
                answer => break answer,
            }
        };
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap();
        load.slowest_micros.fetch_max(took, SeqCst);
        answer
    }

    async fn get(&self, id: &str) -> Told<Seen> {
        self.ask(async |door, _| door.get(&self.load.collection, id).await).await
    }

    async fn replace(&self, wanted: Wanted<'_>) -> Told<Seen> {
        let write = Write::new(false);
        self.ask(async |door, attempt| door.replace(&self.load.collection, wanted, Write { attempt, ..write }).await)
            .await
    }

    /// Counts one record up, in a race with others.
    pub(super) async fn count(&self) {
        let load = self.load;
        while self.goes_on() {
            tokio::time::sleep(load.pace).await;
            let begun = Instant::now();
            let read = match self.get(COUNT).await {
                Ok(read) => read,
                Err(code) => {
                    load.fail("get the count", code);
                    continue;
                }
            };
            load.see(read.n, false, begun, true);
            let begun = Instant::now();
            match self.replace(Wanted { id: COUNT, of: COUNT, n: read.n + 1, etag: &read.etag }).await {
                Ok(_) => {
                    load.increments.fetch_add(1, SeqCst);
                    load.see(read.n + 1, true, begun, true);
                }
                Err(Code::PreconditionFailed) => {}
                Err(code) => {
                    load.unknown_increments.fetch_add(1, SeqCst);
                    load.see(read.n + 1, true, begun, false);
                    load.fail("count", code);
                }
            }
        }
    }

    /// Makes records, replaces some, deletes some, makes some of those again.
    pub(super) async fn make(&self) {
        for number in 0_u64.. {
            if !self.goes_on() {
                return;
            }
            let of = format!("{}-{number}", self.number);
            if let Err(code) = self.live(&of, number).await {
                self.load.unknown.lock().unwrap().insert(of.clone());
                self.load.fail(&of, code);
            }
        }
    }

    /// One record's life; an error leaves it unknown.
    async fn live(&self, of: &str, number: u64) -> Told<()> {
        let (load, collection) = (self.load, &self.load.collection);
        let (chosen, keyed) = (number % 3 == 1, number % 3 == 2);
        let (write, wanted) = (Write::new(keyed), Wanted { id: if chosen { of } else { "" }, of, n: number, etag: "" });
        let create = async |door: &D, attempt| door.create(collection, wanted, Write { attempt, ..write }).await;
        let mut made = self.ask(create).await?;
        let know = |id: &str, version| {
            load.known.lock().unwrap().insert(id.to_owned(), version);
        };
        know(&made.id, Some(made.version));
        self.look(&made, Some(made.version)).await?;
        let (deleted, written) = match number % 4 {
            0 => (true, false),
            1 => (false, true),
            2 => (true, true),
            _ => (false, false),
        };
        if deleted {
            let write = Write::new(false);
            let delete = async |door: &D, attempt| door.delete(collection, &made.id, Write { attempt, ..write }).await;
            self.ask(delete).await?;
            know(&made.id, None);
            self.look(&made, None).await?;
        }
        if written {
            made = self.replace(Wanted { id: &made.id, of, n: number, etag: "" }).await?;
            know(&made.id, Some(made.version));
            self.look(&made, Some(made.version)).await?;
        }
        Ok(())
    }

    /// Looks elsewhere for what was just acknowledged: by a get, and by a list down to where it must be.
    async fn look(&self, seen: &Seen, expected: Option<i64>) -> Told<()> {
        let got = match self.get(&seen.id).await {
            Ok(got) => Some(got.version),
            Err(Code::RecordNotFound) => None,
            Err(code) => return Err(code),
        };
        let (mut listed, mut token) = (None, String::new());
        loop {
            let page = async |door: &D, _| door.page(&self.load.collection, &token).await;
            let (records, next) = self.ask(page).await?;
            listed = listed.or(records.iter().find(|record| record.id == seen.id).map(|record| record.version));
            let passed = records.last().is_some_and(|last| last.created < seen.created);
            if listed.is_some() || passed || next.is_empty() {
                break;
            }
            token = next;
        }
        if (got, listed) != (expected, expected) {
            let what = format!("{}: got {got:?}, listed {listed:?}, not {expected:?}", seen.id);
            self.load.stale.lock().unwrap().push(what);
        }
        Ok(())
    }
}

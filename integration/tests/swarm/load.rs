//! A load from outside that remembers what it was told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context;
use integration::{Answer, Call, Rest, Stack, Swarm};
use serde_json::json;
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

pub(crate) const ENTRIES: &str = "/v1/collections/guestbook/records";
const CLIENTS: usize = 4;
/// Between two requests of a client: enough to see what fails, too little to be what hurts.
const PACE: Duration = Duration::from_millis(50);
/// How long a machine that accepted no connection is passed over.
const PASSED_OVER: Duration = Duration::from_secs(1);
const QUIET_BOUND: Duration = Duration::from_secs(30);

/// For how long a request is sent again.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long an answer is waited for: who is connected to a machine without power hears nothing any more.
const ANSWER: Duration = Duration::from_secs(5);

/// Clients that write and read, each through whichever machine takes its connection, as a balancer before the swarm
/// would do. They follow the contract: a request that nobody answers, or that is a 503, is sent again, a write with the same
/// key. One that is not answered well by then has failed.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Mutex<Vec<JoinHandle<anyhow::Result<()>>>>,
}

struct Shared {
    machines: Vec<Rest>,
    passed_over: Vec<Mutex<Option<Instant>>>,
    stop: AtomicBool,
    requests: AtomicU64,
    again: AtomicU64,
    failed: AtomicU64,
    slowest_millis: AtomicU64,
    acknowledged: Mutex<BTreeSet<String>>,
    faults: Mutex<BTreeMap<String, u64>>,
}

/// What was seen between two looks.
pub(crate) struct Seen {
    pub(crate) requests: u64,
    /// How often one of them was sent again.
    pub(crate) again: u64,
    pub(crate) failed: u64,
    pub(crate) slowest: Duration,
    pub(crate) lost: usize,
    /// The failures by what was told, and how often.
    pub(crate) faults: BTreeMap<String, u64>,
}

impl Load {
    pub(crate) fn start(swarm: &Swarm, stack: &Stack<'_>) -> anyhow::Result<Self> {
        let machines =
            swarm.machines().iter().map(|machine| stack.gate(machine)).collect::<anyhow::Result<Vec<_>>>()?;
        let shared = Arc::new(Shared {
            passed_over: machines.iter().map(|_| Mutex::default()).collect(),
            machines,
            stop: AtomicBool::default(),
            requests: AtomicU64::default(),
            again: AtomicU64::default(),
            failed: AtomicU64::default(),
            slowest_millis: AtomicU64::default(),
            acknowledged: Mutex::default(),
            faults: Mutex::default(),
        });
        let clients = (0..CLIENTS).map(|client| tokio::spawn(Arc::clone(&shared).run(client))).collect();
        Ok(Self { shared, clients: Mutex::new(clients) })
    }

    /// What happened since the last look; every entry that was acknowledged so far is looked for.
    pub(crate) async fn look(&self) -> anyhow::Result<Seen> {
        let shared = &self.shared;
        let acknowledged = shared.acknowledged.lock().unwrap().clone();
        let lost = shared.lost(&acknowledged).await?;
        Ok(Seen {
            requests: shared.requests.swap(0, Relaxed),
            again: shared.again.swap(0, Relaxed),
            failed: shared.failed.swap(0, Relaxed),
            slowest: Duration::from_millis(shared.slowest_millis.swap(0, Relaxed)),
            lost,
            faults: std::mem::take(&mut shared.faults.lock().unwrap()),
        })
    }

    /// Lets a span of time pass, and nothing else happen.
    pub(crate) async fn passes(&self, time: Duration) -> anyhow::Result<()> {
        tokio::time::sleep(time).await;
        Ok(())
    }

    /// Nothing is asked any more; what was acknowledged can still be looked for.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        self.shared.stop.store(true, Relaxed);
        let clients = std::mem::take(&mut *self.clients.lock().unwrap());
        for client in clients {
            client.await??;
        }
        Ok(())
    }
}

impl Shared {
    async fn run(self: Arc<Self>, client: usize) -> anyhow::Result<()> {
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last: Option<String> = None;
        let mut turn = client;
        while !self.stop.load(Relaxed) {
            ticks.tick().await;
            turn += 1;
            let sent = Instant::now();
            let (answer, wanted) = if let Some(id) = last.take() {
                (self.ask(turn, |rest| rest.get(format_args!("{ENTRIES}/{id}"))).await, 200)
            } else {
                let entry = json!({"data": {"author": format!("client {client}"), "turn": turn}});
                let key = format!("\"{client}-{turn}\"");
                let write = |rest: &Rest| rest.post(ENTRIES).header("idempotency-key", &key).json(entry.clone());
                (self.ask(turn, write).await, 201)
            };
            self.requests.fetch_add(1, Relaxed);
            self.slowest_millis.fetch_max(sent.elapsed().as_millis().try_into()?, Relaxed);
            match answer {
                Ok(answer) if answer.status == wanted => {
                    if wanted == 201 {
                        let id = answer.json()["id"].as_str().context("an id")?.to_owned();
                        self.acknowledged.lock().unwrap().insert(id.clone());
                        last = Some(id);
                    }
                }
                Ok(answer) => self.failed(wanted, &format!("{} {}", answer.status, answer.json()["detail"])),
                Err(error) => self.failed(wanted, &format!("{error:#}")),
            }
        }
        Ok(())
    }

    fn failed(&self, wanted: u16, why: &str) {
        self.failed.fetch_add(1, Relaxed);
        self.noted(format!("instead of {wanted}: {why}"));
    }

    fn noted(&self, fault: String) {
        *self.faults.lock().unwrap().entry(fault).or_default() += 1;
    }

    /// Sends a request until it is answered.
    async fn ask(&self, mut turn: usize, call: impl Fn(&Rest) -> Call) -> anyhow::Result<Answer> {
        let end = Instant::now() + PATIENCE;
        loop {
            let asked = timeout(ANSWER, self.ask_once(turn, &call)).await;
            let why = match asked.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {ANSWER:?}"))) {
                Ok(answer) if answer.status == 503 && Instant::now() < end => {
                    format!("503 {}", answer.json()["detail"])
                }
                Err(error) if Instant::now() < end => format!("{error:#}"),
                answered => return answered,
            };
            self.again.fetch_add(1, Relaxed);
            self.noted(format!("sent again: {why}"));
            turn += 1;
            tokio::time::sleep(PACE).await;
        }
    }

    /// Sends it to the first machine in turn that takes the connection.
    async fn ask_once(&self, turn: usize, call: &impl Fn(&Rest) -> Call) -> anyhow::Result<Answer> {
        let end = Instant::now() + PASSED_OVER;
        loop {
            for place in (0..self.machines.len()).map(|step| (turn + step) % self.machines.len()) {
                if self.passed_over[place].lock().unwrap().is_some_and(|until| Instant::now() < until) {
                    continue;
                }
                match call(&self.machines[place]).await {
                    Err(error) if is_refused(&error) => {
                        *self.passed_over[place].lock().unwrap() = Some(Instant::now() + PASSED_OVER);
                    }
                    answer => return answer,
                }
            }
            anyhow::ensure!(Instant::now() < end, "no machine takes a connection");
            tokio::time::sleep(PACE).await;
        }
    }

    /// How many of these entries are not there. None may be there twice.
    async fn lost(&self, acknowledged: &BTreeSet<String>) -> anyhow::Result<usize> {
        let end = Instant::now() + QUIET_BOUND;
        let (mut there, mut written) = (BTreeSet::new(), BTreeSet::new());
        let mut token = String::new();
        loop {
            let page = self.ask(0, |rest| rest.get(format_args!("{ENTRIES}?page_size=1000{token}"))).await;
            let page = match page {
                Ok(page) if page.status == 200 => page.json(),
                other => {
                    anyhow::ensure!(Instant::now() < end, "the list: {other:?}");
                    continue;
                }
            };
            let ids = page["records"].as_array().context("no records")?;
            for record in ids {
                there.insert(record["id"].as_str().context("no id")?.to_owned());
                let entry = record["data"].to_string();
                anyhow::ensure!(!written.contains(&entry), "written twice: {entry}");
                written.insert(entry);
            }
            let Some(next) = page["next_page_token"].as_str() else { break };
            token = format!("&page_token={next}");
        }
        Ok(acknowledged.difference(&there).count())
    }
}

/// Whether there was no connection, so that nothing was sent.
fn is_refused(error: &anyhow::Error) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
}

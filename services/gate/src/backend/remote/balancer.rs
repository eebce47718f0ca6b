//! The addresses there are, and which of them a call goes to.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use kit::Mutual;
use metrics::{counter, gauge};
use skep_proto::{Code, Error};
use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Instant, sleep, timeout_at},
};
use tower::retry::budget::TpsBudget;
use tracing::info;

use super::{
    endpoint::{Endpoint, Lease, Standing},
    keep::keep,
    resolve::Names,
};

/// How often addresses are resolved.
const EVERY: Duration = Duration::from_secs(1);
/// How long a call waits for an address that is connected, and how many do.
const PATIENCE: Duration = Duration::from_secs(2);
const WAITING: usize = 1024;

/// Who answers calls.
pub(super) struct Balancer {
    endpoints: RwLock<Vec<Arc<Endpoint>>>,
    /// By what connections are made, if not in the clear.
    pub(super) tls: Option<Arc<Mutual>>,
    /// Told when an address begins to answer.
    pub(super) up: Notify,
    waiting: AtomicUsize,
    /// Of second attempts.
    pub(super) budget: TpsBudget,
}

/// Why no address was found at once.
enum Nobody {
    /// All have as many calls in flight as they may.
    Saturated,
    /// None is connected.
    Away,
}

impl Balancer {
    pub(super) fn new(tls: Option<Arc<Mutual>>) -> Arc<Self> {
        Arc::new(Self {
            endpoints: RwLock::default(),
            tls,
            up: Notify::new(),
            waiting: AtomicUsize::new(0),
            budget: TpsBudget::default(),
        })
    }

    /// A way to storage, to another address than `avoid` if there is any; waits for one to come up, not past `until`.
    ///
    /// # Errors
    ///
    /// `overloaded`, `unavailable`
    pub(super) async fn pick(&self, avoid: u64, until: Instant) -> Result<Lease, Error> {
        match self.find(avoid) {
            Ok(lease) => return Ok(lease),
            Err(Nobody::Saturated) => return Err(shed()),
            Err(Nobody::Away) => {}
        }
        if self.waiting.fetch_add(1, Relaxed) >= WAITING {
            self.waiting.fetch_sub(1, Relaxed);
            return Err(shed());
        }
        let _waits = Waits(&self.waiting);
        let until = until.min(Instant::now() + PATIENCE);
        loop {
            let mut up = std::pin::pin!(self.up.notified());
            up.as_mut().enable();
            match self.find(avoid) {
                Ok(lease) => return Ok(lease),
                Err(Nobody::Saturated) => return Err(shed()),
                Err(Nobody::Away) => timeout_at(until, up).await.map_err(|_| away())?,
            }
        }
    }

    /// A way to another address than `avoid`, if one serves and has room.
    pub(super) fn other(&self, avoid: u64) -> Option<Lease> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        choose(&endpoints, |endpoint| {
            endpoint.standing() == Standing::In && endpoint.has_room() && endpoint.id != avoid
        })
    }

    /// Those that serve before those that are left out, those before the one to avoid.
    fn find(&self, avoid: u64) -> Result<Lease, Nobody> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        for (standing, avoided) in [(Standing::In, false), (Standing::Out, false), (Standing::Out, true)] {
            let may = |endpoint: &Endpoint| {
                endpoint.standing() >= standing && endpoint.has_room() && (avoided || endpoint.id != avoid)
            };
            if let Some(lease) = choose(&endpoints, may) {
                return Ok(lease);
            }
        }
        let saturated = endpoints.iter().any(|endpoint| endpoint.standing() > Standing::Away && !endpoint.has_room());
        Err(if saturated { Nobody::Saturated } else { Nobody::Away })
    }
}

/// The better one of two that are drawn from those that may be asked.
fn choose(endpoints: &[Arc<Endpoint>], may: impl Fn(&Endpoint) -> bool) -> Option<Lease> {
    let count = endpoints.iter().filter(|endpoint| may(endpoint)).count();
    let draw = |number: usize| endpoints.iter().filter(|endpoint| may(endpoint)).nth(number);
    let first = (count > 0).then(|| rand::random_range(0..count))?;
    let best = if count == 1 {
        draw(first)
    } else {
        let second = (first + rand::random_range(1..count)) % count;
        draw(first).zip(draw(second)).map(|(one, other)| if one.is_better(other) { one } else { other })
    };
    // Whom a connection was lost to since, the others stand in for.
    best.and_then(Endpoint::lease)
        .or_else(|| endpoints.iter().filter(|endpoint| may(endpoint)).find_map(Endpoint::lease))
}

struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn shed() -> Error {
    counter!("skep_backend_shed_total").increment(1);
    Error::new(Code::Overloaded, "storage has as much to do as it can; ask again")
}

pub(super) fn away() -> Error {
    Error::new(Code::Unavailable, "storage cannot be reached; ask again")
}

/// Resolves `names` for ever, and keeps what addresses they have.
pub(super) async fn follow(balancer: Arc<Balancer>, mut names: Names) {
    let mut kept: BTreeMap<SocketAddr, (Arc<Endpoint>, Kept)> = BTreeMap::new();
    loop {
        let addresses = names.addresses().await;
        let before = kept.len();
        kept.retain(|address, _| {
            let stays = addresses.contains_key(address);
            if !stays {
                info!(server.address = %address, "a storage is gone");
            }
            stays
        });
        let gone = before != kept.len();
        let new: Vec<_> = addresses.into_iter().filter(|(address, _)| !kept.contains_key(address)).collect();
        if gone || !new.is_empty() {
            for (address, host) in new {
                let endpoint = Arc::new(Endpoint::new(address, host));
                let keeping = tokio::spawn(keep(endpoint.clone(), balancer.clone())).abort_handle();
                kept.insert(address, (endpoint, Kept(keeping)));
            }
            let endpoints = kept.values().map(|(endpoint, _)| endpoint.clone()).collect();
            *balancer.endpoints.write().unwrap_or_else(PoisonError::into_inner) = endpoints;
        }
        publish(kept.values().map(|(endpoint, _)| &**endpoint));
        sleep(EVERY).await;
    }
}

/// A task that ends with its address.
struct Kept(AbortHandle);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn publish<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) {
    let (mut standings, mut in_flight) = ([0_u32; 3], 0);
    for endpoint in endpoints {
        standings[endpoint.standing() as usize] += 1;
        in_flight += endpoint.in_flight();
    }
    for (standing, count) in ["away", "left_out", "serving"].into_iter().zip(standings) {
        gauge!("skep_backend_endpoints", "standing" => standing).set(count);
    }
    gauge!("skep_backend_calls_in_flight").set(u32::try_from(in_flight).unwrap_or(u32::MAX));
}

//! What is known of one address.

use std::{
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{
            AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use bytes::Bytes;
use http::{
    Method, Request, Uri, Version,
    uri::{self, Authority, PathAndQuery, Scheme},
};
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use metrics::{Counter, counter};
use tokio::{sync::Notify, time::Instant};
use tracing::{info, warn};

/// Calls in flight at one address.
pub(super) const ROOM: usize = 512;
/// So many calls in a row that broke or were overtaken leave an address out.
const BROKEN: u32 = 5;
/// Who answers slower than another by this factor, and slower than that, loses against it.
const SLOWER: u64 = 3;
const QUICK: u64 = 20_000;
/// A new answer counts one part in so many.
const WEIGHT: u64 = 8;
/// Slowness is half forgotten in so many microseconds without an answer, so that it is tried again.
const FORGOTTEN: u64 = 2_000_000;

/// A connection that takes calls.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// Whether calls go to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Standing {
    /// There is no connection.
    Away,
    /// It is left out, and asked only if all are.
    Out,
    /// It serves.
    In,
}

/// An address of storage.
pub(super) struct Endpoint {
    pub(super) address: SocketAddr,
    /// The name that it has, or an address.
    pub(super) host: String,
    authority: Authority,
    /// Never 0.
    pub(super) id: u64,
    /// Told when calls break.
    pub(super) suspicion: Notify,
    born: Instant,
    sender: RwLock<Option<Sender>>,
    standing: AtomicU8,
    in_flight: AtomicUsize,
    broken: AtomicU32,
    /// How fast it answers, in microseconds, and when it last did, in microseconds since `born`.
    latency: AtomicU64,
    answered_at: AtomicU64,
    calls: Counter,
}

impl Endpoint {
    pub(super) fn new(address: SocketAddr, host: String) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let text = address.to_string();
        Self {
            address,
            host,
            authority: text.parse().expect("an address is an authority"),
            id: IDS.fetch_add(1, Relaxed),
            suspicion: Notify::new(),
            born: Instant::now(),
            sender: RwLock::default(),
            standing: AtomicU8::new(Standing::Away as u8),
            in_flight: AtomicUsize::new(0),
            broken: AtomicU32::new(0),
            latency: AtomicU64::new(0),
            answered_at: AtomicU64::new(0),
            calls: counter!("skep_backend_calls_total", "endpoint" => text),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match self.standing.load(Acquire) {
            2 => Standing::In,
            1 => Standing::Out,
            _ => Standing::Away,
        }
    }

    /// Changes its standing; tells of it where calls begin or end to go there. `why` is for people.
    pub(super) fn stand(&self, standing: Standing, why: &str) {
        let before = self.standing.swap(standing as u8, AcqRel);
        let (was, is) = (before == Standing::In as u8, standing == Standing::In);
        if was && !is {
            counter!("skep_backend_ejections_total").increment(1);
            warn!(server.address = %self.address, error.message = why, "a storage is left out");
        } else if is && !was {
            counter!("skep_backend_returns_total").increment(1);
            self.broken.store(0, Relaxed);
            info!(server.address = %self.address, "a storage takes part");
        }
    }

    /// A request to it, still without headers.
    pub(super) fn request(&self, path: &PathAndQuery, message: Bytes) -> Request<Full<Bytes>> {
        let mut uri = uri::Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = Some(path.clone());
        let mut request = Request::new(Full::new(message));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = Uri::from_parts(uri).expect("has all parts");
        request
    }

    /// Takes a new connection, or none.
    pub(super) fn connected(&self, sender: Option<Sender>) {
        *self.sender.write().unwrap_or_else(PoisonError::into_inner) = sender;
    }

    /// Whether one more call may be in flight there.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight.load(Relaxed) < ROOM
    }

    /// Whether it is the better of two.
    pub(super) fn is_better(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.latency(), other.latency());
        if mine > SLOWER * theirs.max(QUICK) || theirs > SLOWER * mine.max(QUICK) {
            return mine < theirs;
        }
        self.in_flight.load(Relaxed) <= other.in_flight.load(Relaxed)
    }

    fn latency(&self) -> u64 {
        let (latency, silent) = (self.latency.load(Relaxed), self.age().saturating_sub(self.answered_at.load(Relaxed)));
        latency >> (silent / FORGOTTEN).min(63)
    }

    /// In microseconds.
    fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A connection to make one call by; `None` if there is none that takes it.
    pub(super) fn lease(self: &Arc<Self>) -> Option<Lease> {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner).clone();
        let sender = sender.filter(|sender| !sender.is_closed())?;
        self.in_flight.fetch_add(1, Relaxed);
        self.calls.increment(1);
        Some(Lease { endpoint: self.clone(), sender, begun: Instant::now(), ended: None })
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// How long it takes to answer, from a sample.
    fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let latency = self.latency();
        let next = if latency == 0 { took } else { latency - latency / WEIGHT + took / WEIGHT };
        self.latency.store(next, Relaxed);
        self.answered_at.store(self.age(), Relaxed);
    }

    fn broke(&self) {
        if self.broken.fetch_add(1, Relaxed) + 1 == BROKEN && self.standing() == Standing::In {
            self.stand(Standing::Out, "its calls break");
            self.suspicion.notify_one();
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Answered,
    Broken,
    /// It says nothing of the address.
    Unsent,
}

/// One call in flight.
pub(super) struct Lease {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) sender: Sender,
    begun: Instant,
    ended: Option<End>,
}

impl Lease {
    pub(super) fn end(mut self, end: End) {
        self.ended = Some(end);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (endpoint, took) = (&self.endpoint, self.begun.elapsed());
        endpoint.in_flight.fetch_sub(1, Release);
        match self.ended {
            Some(End::Answered) => {
                endpoint.note(took);
                if endpoint.broken.load(Relaxed) != 0 {
                    endpoint.broken.store(0, Relaxed);
                }
            }
            Some(End::Broken) => endpoint.broke(),
            // Overtaken by its second attempt, or given up by its client, who says nothing of the address.
            None if took >= super::call::OVERTAKEN => {
                endpoint.note(took);
                endpoint.broke();
            }
            Some(End::Unsent) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint::new(([127, 0, 0, 1], 1).into(), String::new())
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_much_slower_loses_until_that_is_forgotten() {
        let (quick, slow) = (endpoint(), endpoint());
        quick.note(Duration::from_millis(2));
        slow.note(Duration::from_millis(50));
        assert!(slow.is_better(&quick) && quick.is_better(&slow), "noise: calls in flight decide");
        for _ in 0..20 {
            slow.note(Duration::from_secs(2));
        }
        assert!(quick.is_better(&slow) && !slow.is_better(&quick));
        quick.in_flight.store(100, Relaxed);
        assert!(quick.is_better(&slow), "whatever it has in flight");
        tokio::time::advance(Duration::from_secs(14)).await;
        assert!(slow.is_better(&quick), "it is tried again");
    }

    #[test]
    fn calls_that_break_in_a_row_leave_it_out() {
        let endpoint = Arc::new(endpoint());
        endpoint.stand(Standing::In, "");
        for _ in 1..BROKEN {
            endpoint.broke();
        }
        assert_eq!(endpoint.standing(), Standing::In);
        endpoint.broke();
        assert_eq!(endpoint.standing(), Standing::Out);
        endpoint.stand(Standing::In, "");
        endpoint.broke();
        assert_eq!(endpoint.standing(), Standing::In, "counted anew");
    }
}

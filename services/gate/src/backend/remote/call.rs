//! One call: its attempts, and the time that they have.

use std::{
    pin::pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderName, HeaderValue, Response, uri::PathAndQuery};
use http_body_util::Collected;
use metrics::counter;
use skep_proto::{Code, Error};
use tokio::time::{Instant, timeout, timeout_at};
use tonic::Status;
use tower::retry::budget::Budget as _;
use tracing::debug;

use super::{
    Trail,
    balancer::{Balancer, away},
    connection::{Fault, exchange},
    endpoint::{End, Lease},
};

/// After so long without an answer a call is asked elsewhere too.
pub(super) const OVERTAKEN: Duration = Duration::from_secs(1);
/// So many addresses may turn out to be closed before one takes an attempt.
const CLOSED: usize = 8;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// How often a call was made before (gRPC, proposal A6).
const PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");

/// The one method that is not the same when it is made twice.
const ONCE: &str = "/skep.v1.CollectionService/DeleteCollection";

pub(super) type Answer = Response<Collected<Bytes>>;

/// A call to be made.
pub(super) struct Call<'a> {
    pub(super) path: PathAndQuery,
    pub(super) headers: HeaderMap,
    pub(super) message: Bytes,
    pub(super) deadline: Instant,
    pub(super) trail: Option<&'a Trail>,
}

/// An attempt that may be followed by another.
enum Failed {
    /// Storage refused, or its store did.
    Refused(Answer),
    Broken,
    /// Nobody took it.
    Nobody(Error),
}

impl Failed {
    fn why(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Broken => "broken",
            Self::Nobody(_) => "nobody",
        }
    }

    fn tell(self) -> Result<Answer, Status> {
        match self {
            Self::Refused(answer) => Ok(answer),
            Self::Broken => Err(away().into()),
            Self::Nobody(error) => Err(error.into()),
        }
    }
}

impl Balancer {
    /// Makes a call, with a second attempt if need be.
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Answer, Status> {
        self.budget.deposit();
        let asked = AtomicU64::new(0);
        let mut first = pin!(self.attempt(call, 0, 0, &asked));
        match timeout(OVERTAKEN, &mut first).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failed @ Failed::Nobody(_))) => failed.tell(),
            Ok(Err(failed)) if !self.may_repeat(call, failed.why()) => failed.tell(),
            Ok(Err(failed)) => {
                let second = timeout_at(call.deadline, self.attempt(call, 1, asked.load(Relaxed), &asked)).await;
                match second.map_err(|_| late())? {
                    // What storage said is better than that nobody else was there to ask.
                    Err(Failed::Nobody(_)) => failed.tell(),
                    answer => answer.or_else(Failed::tell),
                }
            }
            Err(_) => timeout_at(call.deadline, self.overtake(call, first, &asked)).await.map_err(|_| late())?,
        }
    }

    /// Asks elsewhere too, while `first` goes on.
    async fn overtake(
        &self,
        call: &Call<'_>,
        mut first: std::pin::Pin<&mut impl Future<Output = Result<Answer, Failed>>>,
        asked: &AtomicU64,
    ) -> Result<Answer, Status> {
        let other = self.other(asked.load(Relaxed)).filter(|_| self.may_repeat(call, "slow"));
        let Some(other) = other else { return first.await.or_else(Failed::tell) };
        let second = pin!(send(call, other, 1));
        match select(first.as_mut(), second).await {
            Either::Left((Ok(answer), _)) => Ok(answer),
            Either::Left((Err(failed), second)) => second.await.unwrap_or(Err(failed)).or_else(Failed::tell),
            Either::Right((Some(Ok(answer)), _)) if !is_unknown(answer.headers()) => Ok(answer),
            Either::Right((sent, first)) => {
                first.await.or_else(|failed| sent.unwrap_or(Err(failed)).or_else(Failed::tell))
            }
        }
    }

    fn may_repeat(&self, call: &Call<'_>, why: &'static str) -> bool {
        let may = call.path.as_str() != ONCE && self.budget.withdraw();
        let why = if may { why } else { "denied" };
        counter!("skep_backend_retries_total", "why" => why).increment(1);
        if let Some(trail) = call.trail.filter(|_| may) {
            trail.repeats();
        }
        may
    }

    /// Sends a call to some address, not to `avoid` if there is another; `asked` then tells which.
    async fn attempt(&self, call: &Call<'_>, number: u32, avoid: u64, asked: &AtomicU64) -> Result<Answer, Failed> {
        for _ in 0..CLOSED {
            let lease = self.pick(avoid, call.deadline).await.map_err(Failed::Nobody)?;
            asked.store(lease.endpoint.id, Relaxed);
            if let Some(answer) = send(call, lease, number).await {
                return answer;
            }
        }
        Err(Failed::Nobody(away()))
    }
}

/// Sends a call; `None` if the connection did not take it any more.
async fn send(call: &Call<'_>, mut lease: Lease, number: u32) -> Option<Result<Answer, Failed>> {
    let mut request = lease.endpoint.request(&call.path, call.message.clone());
    *request.headers_mut() = call.headers.clone();
    request.headers_mut().insert(GRPC_TIMEOUT, left(call.deadline));
    if number > 0 {
        request.headers_mut().insert(PREVIOUS_ATTEMPTS, number.into());
    }
    if let Some(trail) = call.trail {
        trail.asks(lease.endpoint.address);
    }
    match exchange(&mut lease.sender, request).await {
        Ok(answer) => {
            lease.end(End::Answered);
            Some(if is_refused(answer.headers()) { Err(Failed::Refused(answer)) } else { Ok(answer) })
        }
        Err(Fault::Unsent) => {
            lease.end(End::Unsent);
            None
        }
        Err(Fault::Broken(error)) => {
            debug!(server.address = %lease.endpoint.address, error.message = %error, "a call broke");
            lease.end(End::Broken);
            Some(Err(Failed::Broken))
        }
    }
}

/// Whether another storage might do what this one did not even begin to, or could not.
fn is_refused(headers: &HeaderMap) -> bool {
    let status = headers.get(GRPC_STATUS).map(HeaderValue::as_bytes);
    // UNAVAILABLE, RESOURCE_EXHAUSTED
    matches!(status, Some(b"14" | b"8"))
}

/// Whether storage cannot tell what became of the first attempt, which then may itself.
fn is_unknown(headers: &HeaderMap) -> bool {
    Status::from_header_map(headers).is_some_and(|status| Error::from(status).code == Code::OutcomeUnknown)
}

/// What is left of a call's time, as gRPC writes it (at most eight digits).
fn left(deadline: Instant) -> HeaderValue {
    let millis = deadline.saturating_duration_since(Instant::now()).as_millis().min(99_999_999);
    HeaderValue::try_from(format!("{millis}m")).expect("made of digits")
}

fn late() -> Error {
    Error::new(Code::DeadlineExceeded, "storage did not answer in time; ask again")
}

//! What every call leaves behind: one line in the log, and its figures.

use std::time::Instant;

use skep_proto::{Code, Error};
use tonic::{Request, Response, Status, metadata::MetadataMap};
use tracing::{Instrument, Span};

/// Serves a call inside a span that carries the ids of the request it belongs to.
pub(super) async fn observed<Q, A, W>(
    method: &'static str,
    request: Request<Q>,
    work: impl FnOnce(Q) -> W,
) -> Result<Response<A>, Status>
where
    W: Future<Output = Result<A, Error>>,
{
    let span = span(request.metadata());
    let mut call = Call::begin(method, span.clone());
    let served = work(request.into_inner()).instrument(span).await;
    call.fault = served.as_ref().err().map(|error| (error.code, error.detail.clone()));
    call.answered = true;
    drop(call);
    served.map(Response::new).map_err(Status::from)
}

/// The span of the request itself, where its gate is in this process; otherwise one of our own.
fn span(metadata: &MetadataMap) -> Span {
    let around = Span::current();
    if around.has_field("http.request.id") {
        return around;
    }
    // At the highest level: the ids belong to every line of the call, whichever are asked for.
    tracing::error_span!(
        "call",
        http.request.id = text(metadata, "x-request-id"),
        trace.id = text(metadata, "traceparent").and_then(|parent| parent.get(3..35)),
    )
}

fn text<'m>(metadata: &'m MetadataMap, name: &str) -> Option<&'m str> {
    metadata.get(name).and_then(|value| value.to_str().ok())
}

/// A call under way. It leaves its line also when its caller gives it up in the middle.
struct Call {
    method: &'static str,
    span: Span,
    started: Instant,
    in_flight: metrics::Gauge,
    answered: bool,
    fault: Option<(Code, String)>,
}

impl Call {
    fn begin(method: &'static str, span: Span) -> Self {
        let in_flight = metrics::gauge!("skep_storage_calls_in_flight", "method" => method);
        in_flight.increment(1);
        Self { method, span, started: Instant::now(), in_flight, answered: false, fault: None }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (method, taken) = (self.method, self.started.elapsed());
        let code = if self.answered { self.fault.as_ref().map(|(code, _)| code.word()) } else { Some("given_up") };
        let ours = self.fault.as_ref().filter(|(code, _)| code.http() >= 500).map(|(_, detail)| detail.as_str());
        self.span.in_scope(|| {
            let nanos = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
            macro_rules! line {
                ($level:ident) => {
                    tracing::$level!(
                        target: "storage::access",
                        { rpc.method = method, event.duration = nanos, error.code = code, error.message = ours },
                        "call"
                    )
                };
            }
            if ours.is_some() || !self.answered { line!(warn) } else { line!(info) }
        });
        self.in_flight.decrement(1);
        metrics::counter!("skep_storage_calls_total", "method" => method, "code" => code.unwrap_or("ok")).increment(1);
        metrics::histogram!("skep_storage_call_duration_seconds", "method" => method).record(taken.as_secs_f64());
    }
}

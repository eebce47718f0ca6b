//! What every call leaves behind: one line in the log, and its figures.

use std::time::Instant;

use skep_proto::Error;
use tonic::{Request, Response, Status, metadata::MetadataMap};
use tracing::Instrument;

/// Serves a call inside a span that carries the ids of the request it belongs to.
pub(super) async fn observed<Q, A, W>(
    method: &'static str,
    request: Request<Q>,
    work: impl FnOnce(Q) -> W,
) -> Result<Response<A>, Status>
where
    W: Future<Output = Result<A, Error>>,
{
    let metadata = request.metadata();
    let span = tracing::info_span!(
        "call",
        http.request.id = text(metadata, "x-request-id"),
        trace.id = text(metadata, "traceparent").and_then(|parent| parent.get(3..35)),
    );
    let (started, in_flight) = (Instant::now(), InFlight::begin(method));
    let served = work(request.into_inner()).instrument(span.clone()).await;
    drop(in_flight);
    let taken = started.elapsed();
    let fault = served.as_ref().err();
    let code = fault.map(|error| error.code.word());
    span.in_scope(|| {
        let nanos = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        if let Some(ours) = fault.filter(|error| error.code.http() >= 500) {
            let why = &*ours.detail;
            tracing::warn!(target: "storage::access", { rpc.method = method, event.duration = nanos, error.code = code, error.message = why }, "call");
        } else {
            tracing::info!(target: "storage::access", { rpc.method = method, event.duration = nanos, error.code = code }, "call");
        }
    });
    let code = code.unwrap_or("ok");
    metrics::counter!("skep_storage_calls_total", "method" => method, "code" => code).increment(1);
    metrics::histogram!("skep_storage_call_duration_seconds", "method" => method).record(taken.as_secs_f64());
    served.map(Response::new).map_err(Status::from)
}

fn text<'m>(metadata: &'m MetadataMap, name: &str) -> Option<&'m str> {
    metadata.get(name).and_then(|value| value.to_str().ok())
}

/// Counted down also when the caller goes away in the middle.
struct InFlight(metrics::Gauge);

impl InFlight {
    fn begin(method: &'static str) -> Self {
        let gauge = metrics::gauge!("skep_storage_calls_in_flight", "method" => method);
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

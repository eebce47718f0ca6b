//! One event and one observation for each request, also for one that its client gave up.

use std::{net::IpAddr, sync::Arc, time::Instant};

use axum::response::Response;
use http::{Method, Request, StatusCode, Uri};
use http_body::Body as _;
use metrics::{counter, gauge, histogram};
use skep_proto::{Code, Error};
use tracing::{Span, field};

use super::follow::Follow;

/// A path of a log line or a problem is cut here, in bytes.
const PATH: usize = 1024;

/// A request under way. Dropped without an answer, it tells that there was none.
pub(super) struct Access {
    started: Instant,
    method: &'static str,
    uri: Uri,
    client: Option<IpAddr>,
    follow: Arc<Follow>,
    span: Span,
    status: Option<StatusCode>,
    bytes: Option<u64>,
    code: Option<Code>,
    /// What is to be known of a fault of ours.
    detail: Option<String>,
}

impl Access {
    pub(super) fn new<B>(request: &Request<B>, client: Option<IpAddr>, follow: Arc<Follow>, span: Span) -> Self {
        gauge!("skep_http_requests_in_flight").increment(1);
        Self {
            started: Instant::now(),
            method: method(request.method()),
            uri: request.uri().clone(),
            client,
            follow,
            span,
            status: None,
            bytes: None,
            code: None,
            detail: None,
        }
    }

    /// The request's path, cut to what may be repeated.
    pub(super) fn path(&self) -> &str {
        let path = self.uri.path();
        &path[..path.floor_char_boundary(PATH)]
    }

    pub(super) fn failed(&mut self, fault: Error) {
        self.code = Some(fault.code);
        self.detail = Some(fault.detail).filter(|_| fault.code.http() >= 500);
    }

    pub(super) fn answered(mut self, response: &Response) {
        self.status = Some(response.status());
        self.bytes = response.body().size_hint().exact();
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        let elapsed = self.started.elapsed();
        let route = self.follow.route.get().map(axum::extract::MatchedPath::as_str);
        gauge!("skep_http_requests_in_flight").decrement(1);
        let (method, template) = (self.method, route.unwrap_or("unmatched").to_owned());
        // As other servers do, 499 stands for a client that left.
        let code = self.status.map_or_else(|| "499".to_owned(), |status| status.as_str().to_owned());
        histogram!("skep_http_request_duration_seconds", "method" => method, "route" => template.clone())
            .record(elapsed.as_secs_f64());
        counter!("skep_http_requests_total", "method" => method, "route" => template, "code" => code).increment(1);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "gate::access",
                    {
                        http.request.method = method,
                        http.route = route,
                        url.path = self.path(),
                        http.response.status_code = self.status.map(|status| status.as_u16()),
                        http.response.body.bytes = self.bytes,
                        event.duration = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
                        client.ip = self.client.map(field::display),
                        user.id = self.follow.user.get().map(field::display),
                        skep.endpoint = self.follow.trail.endpoint().map(field::display),
                        skep.retries = Some(self.follow.trail.retries()).filter(|retries| *retries > 0),
                        error.code = self.code.map(Code::word),
                        error.message = self.detail,
                    },
                    "request"
                )
            };
        }
        self.span.in_scope(|| if self.detail.is_some() { line!(warn) } else { line!(info) });
    }
}

/// The methods that are counted each; a client may make up any other.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

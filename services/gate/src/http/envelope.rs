//! What every request gets, whatever answers it: an id, a place in a trace, one line in the log, its share of the
//! metrics, the common headers, and its problem told in one form.

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{
    HeaderValue, Method, Request, Version,
    header::{ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, X_CONTENT_TYPE_OPTIONS},
};
use http_body::Body as HttpBody;
use skep_proto::{Code, Error, batch};
use tower::Service;
use tracing::{Instrument, error_span};

use super::{
    Limits,
    access_log::Access,
    body::LARGEST,
    cors,
    follow::{Follow, X_REQUEST_ID},
    guard::{self, Marks},
    host::{self, Hosts},
    problem::{self, Fault},
    room::{self, Room},
    shared::Shared,
};

/// The largest head of a request, in bytes.
pub(super) const HEAD: usize = 32 << 10;

/// The routes, and around them what all requests have in common. Cheap to clone.
#[derive(Clone)]
pub struct Envelope {
    router: Router,
    shared: Arc<Shared>,
    hosts: Hosts,
    /// For bodies of answers.
    room: Arc<Room>,
}

impl Envelope {
    pub(super) fn new(router: Router, shared: Arc<Shared>, hosts: Hosts, limits: Limits) -> Self {
        Self { router, shared, hosts, room: Arc::new(Room::new(limits.bodies, limits.connections)) }
    }

    /// Answers one request of `peer`. It never fails: what goes wrong is told in the response.
    pub async fn serve<B>(&self, mut request: Request<B>, peer: Option<IpAddr>) -> Response
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let follow = Arc::new(Follow::new(request.headers()));
        // At the highest level: the ids belong to every line of the request, whichever are asked for.
        let span = error_span!("request", http.request.id = follow.request_id(), trace.id = follow.trace.id());
        let client = self.shared.policy.client(peer, request.headers()).address.or(peer);
        let mut access = Access::new(&request, client, follow.clone(), span.clone());
        let origin = cors::origin(&self.shared.policy.origins, request.headers());
        let mut marks = Marks::default();
        let (method, is_http2) = (request.method().clone(), request.version() == Version::HTTP_2);
        request.extensions_mut().insert(follow.clone());
        let mut response = if let Err(error) = self.admit(&request) {
            follow.unread.store(!request.body().is_end_stream(), Relaxed);
            refused(error)
        } else {
            let answer = self.answer(request, peer, &follow, &mut marks);
            let answer = AssertUnwindSafe(answer).catch_unwind().instrument(span).await;
            self.charge(answer.unwrap_or_else(|_| panicked()), &method)
        };
        if let Some(error) = response.extensions_mut().remove::<Error>() {
            problem::render(&mut response, &error, access.path(), follow.request_id());
            access.failed(error);
        }
        if method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        let headers = response.headers_mut();
        marks.put(headers);
        cors::put(&self.shared.policy.origins, origin, headers);
        headers.insert(X_REQUEST_ID, follow.request_id.clone());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if !is_http2 && (follow.unread.load(Relaxed) || self.shared.ready.is_withdrawn()) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        access.answered(&response);
        response
    }

    /// Waits until those who ask whether the gate is ready know that it stops, for so long at most.
    pub(crate) async fn stop_is_told(&self, most: Duration) {
        self.shared.notice.given(most).await;
    }

    /// Has the request answered by its route, if it passes.
    async fn answer<B>(
        &self,
        mut request: Request<B>,
        peer: Option<IpAddr>,
        follow: &Arc<Follow>,
        marks: &mut Marks,
    ) -> Response
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if let Some(response) = cors::preflight(&self.shared.policy.origins, &request) {
            return response;
        }
        if let Err(error) = guard::pass(&self.shared, &mut request, peer, follow, marks).await {
            follow.unread.store(!request.body().is_end_stream(), Relaxed);
            return Fault(error).into_response();
        }
        let Ok(response) = self.router.clone().call(request).await;
        response
    }

    /// Refuses what no route is to see.
    fn admit<B: HttpBody>(&self, request: &Request<B>) -> Result<(), Error> {
        let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
        if request.uri().path_and_query().map_or(0, |target| target.as_str().len()) + fields.sum::<usize>() > HEAD {
            return Err(Error::new(Code::HeadTooLarge, "the head of the request is larger than 32 KiB"));
        }
        host::check(request, self.hosts)?;
        if request.headers().get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
            return Err(Error::new(Code::UnsupportedMediaType, "bodies are taken without a coding"));
        }
        // What a write answers with is known too late to refuse it.
        let is_batch = request.uri().path().ends_with("/records:batch");
        let is_large = is_batch
            || *request.method() == Method::PATCH
            || request.body().size_hint().exact().is_none_or(Room::is_large);
        let bytes = if is_batch { batch::BYTES } else { LARGEST };
        if !request.method().is_safe() && is_large && !self.room.has(bytes) {
            return Err(room::overloaded());
        }
        Ok(())
    }

    /// Takes room for what the client has yet to read; without any a read is refused, and a write that is made is told.
    fn charge(&self, mut response: Response, method: &Method) -> Response {
        let bytes = response.body().size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        match self.room.take(bytes) {
            Ok(share) => _ = response.extensions_mut().insert(Arc::new(share)),
            Err(error) if method.is_safe() => response = Fault(error).into_response(),
            Err(_) => {}
        }
        response
    }
}

fn refused(error: Error) -> Response {
    let is_coding = error.code == Code::UnsupportedMediaType;
    let mut response = Fault(error).into_response();
    if is_coding {
        // RFC 9110, 12.5.3
        response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    response
}

fn panicked() -> Response {
    Fault(Error::new(Code::Internal, "a handler panicked")).into_response()
}

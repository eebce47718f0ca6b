//! What every request gets, whatever answers it: an id, a place in a trace, one line in the log, its share of the
//! metrics, the common headers, and its problem told in one form.

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc};

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{
    HeaderValue, Method, Request,
    header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS},
};
use http_body::Body as HttpBody;
use skep_proto::{Code, Error};
use tower::Service;
use tracing::{Instrument, info_span};

use super::{
    access_log::Access,
    follow::{Follow, X_REQUEST_ID},
    problem::{self, Fault},
};

/// The routes, and around them what all requests have in common. Cheap to clone.
#[derive(Clone)]
pub struct Envelope(Router);

impl Envelope {
    pub(super) fn new(router: Router) -> Self {
        Self(router)
    }

    /// Answers one request of `client`. It never fails: what goes wrong is told in the response.
    pub async fn serve<B>(&self, mut request: Request<B>, client: Option<IpAddr>) -> Response
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let follow = Arc::new(Follow::new(request.headers()));
        let span = info_span!("request", http.request.id = follow.request_id(), trace.id = follow.trace.id());
        let mut access = Access::new(&request, client, follow.clone(), span.clone());
        let is_head = request.method() == Method::HEAD;
        request.extensions_mut().insert(follow.clone());
        let answer = AssertUnwindSafe(self.0.clone().call(request)).catch_unwind().instrument(span).await;
        let mut response = answer.map_or_else(|_| panicked(), |Ok(response)| response);
        if let Some(error) = response.extensions_mut().remove::<Error>() {
            problem::render(&mut response, &error, access.path(), follow.request_id());
            access.failed(error);
        }
        if is_head {
            *response.body_mut() = Body::empty();
        }
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, follow.request_id.clone());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        access.answered(&response);
        response
    }
}

fn panicked() -> Response {
    axum::response::IntoResponse::into_response(Fault(Error::new(Code::Internal, "a handler panicked")))
}

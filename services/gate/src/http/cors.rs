//! What pages of other origins may do (Fetch Standard, CORS protocol): those that are listed everything, others nothing.

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_METHOD, VARY,
    },
};

use crate::policy::Origins;

const PREFLIGHT: [(HeaderName, &str); 3] = [
    (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE"),
    (
        ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-request-id",
    ),
    (ACCESS_CONTROL_MAX_AGE, "600"),
];
const EXPOSED: &str = "etag, location, x-request-id, ratelimit, ratelimit-policy, retry-after";

/// The answer to a preflight of a listed origin.
pub(super) fn preflight<B>(origins: &Origins, request: &Request<B>) -> Option<Response> {
    let headers = request.headers();
    let asks = request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    asks.then(|| origins.listed(headers))??;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().extend(PREFLIGHT.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Some(response)
}

/// The origin that the answer to a request is to name.
pub(super) fn origin(origins: &Origins, headers: &HeaderMap) -> Option<HeaderValue> {
    origins.listed(headers).cloned()
}

/// Lets pages of `origin` read the answer.
pub(super) fn put(origins: &Origins, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    if !origins.is_empty() {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

//! What a handler needs to know of its request, and its way to storage.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use axum::extract::{FromRequestParts, MatchedPath, Request};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, request::Parts};
use http_body::Body as _;
use kit::Readiness;
use skep_proto::{Code, Error};
use tonic::metadata::MetadataMap;

use super::{
    Limits, body,
    follow::{Follow, TRACEPARENT, X_REQUEST_ID},
    problem::Fault,
    room::Room,
};
use crate::{
    access::Caller,
    backend::{self, Backend},
};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What all requests share.
pub(crate) struct Shared {
    backend: Arc<dyn Backend>,
    limits: Limits,
    /// For bodies of requests.
    room: Room,
    /// Whether the process can do its work.
    pub(crate) ready: Readiness,
    /// The `OpenAPI` document.
    pub(crate) document: Bytes,
    /// The limit of a call to storage, as gRPC writes it.
    grpc_timeout: HeaderValue,
}

impl Shared {
    pub(crate) fn new(backend: Arc<dyn Backend>, limits: Limits, ready: Readiness, document: Bytes) -> Self {
        // gRPC allows eight digits.
        let millis = limits.call.as_millis().min(99_999_999);
        let grpc_timeout = HeaderValue::try_from(format!("{millis}m")).expect("made of digits");
        Self { backend, limits, room: Room::new(limits.bodies, limits.connections), ready, document, grpc_timeout }
    }
}

/// One request to the API.
pub(crate) struct Call {
    shared: Arc<Shared>,
    follow: Arc<Follow>,
    caller: Caller,
}

impl Call {
    /// Who asks.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Takes the body in, which must be of one of `types`; says which by its place.
    pub(crate) async fn receive(&self, request: Request, types: &[&str]) -> Result<(Parts, usize, Bytes), Error> {
        let (mut parts, mut body) = request.into_parts();
        let read = body::read(&mut parts, &mut body, &self.shared.limits, &self.shared.room).await;
        if read.is_err() && !body.is_end_stream() {
            self.follow.unread.store(true, Relaxed);
        }
        let body = read?;
        let kind = body::content_type(&parts.headers, types)?;
        Ok((parts, kind, body))
    }

    /// Asks storage, for as long as a call may take: `call.ask(message, |backend, request| backend.get_record(request))`.
    pub(crate) async fn ask<M, T>(
        &self,
        message: M,
        ask: impl for<'a> FnOnce(&'a dyn Backend, tonic::Request<M>) -> BoxFuture<'a, Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut metadata = HeaderMap::with_capacity(3);
        metadata.insert(X_REQUEST_ID, self.follow.request_id.clone());
        metadata.insert(TRACEPARENT, self.follow.trace.header().clone());
        metadata.insert(GRPC_TIMEOUT, self.shared.grpc_timeout.clone());
        let metadata = MetadataMap::from_headers(metadata);
        let request = tonic::Request::from_parts(metadata, tonic::Extensions::default(), message);
        backend::within(self.shared.limits.call, ask(&*self.shared.backend, request)).await
    }
}

impl FromRequestParts<Arc<Shared>> for Call {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Fault> {
        let follow = follow(&parts.extensions)?;
        Ok(Self { shared: shared.clone(), follow, caller: parts.extensions.get().cloned().unwrap_or(Caller::Anonymous) })
    }
}

/// The request as the envelope knows it, from here on with its route.
pub(crate) fn follow(extensions: &Extensions) -> Result<Arc<Follow>, Error> {
    let follow = extensions.get::<Arc<Follow>>().ok_or_else(|| Error::new(Code::Internal, "no envelope"))?;
    if let Some(path) = extensions.get::<MatchedPath>() {
        follow.route.get_or_init(|| path.clone());
    }
    Ok(follow.clone())
}

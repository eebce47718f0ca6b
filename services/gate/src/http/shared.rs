//! What all requests share, and their way to storage.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use kit::Readiness;
use skep_proto::Error;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

use super::{
    Limits,
    follow::{Follow, TRACEPARENT, X_REQUEST_ID},
    notice::Notice,
    room::Room,
};
use crate::{
    access::Definitions,
    backend::{self, Backend, remote::Asked},
    policy::Policy,
    session::Sessions,
};

/// How long a question may take whose answer can be done without.
const SOON: Duration = Duration::from_secs(2);

/// What all requests share.
pub(crate) struct Shared {
    backend: Arc<dyn Backend>,
    pub(super) limits: Limits,
    /// For bodies of requests.
    pub(super) room: Room,
    /// Whether the process can do its work.
    pub(crate) ready: Readiness,
    /// Of its stop.
    pub(super) notice: Notice,
    /// The `OpenAPI` document.
    pub(crate) document: Bytes,
    pub(crate) policy: Policy,
    pub(crate) sessions: Sessions,
    pub(crate) definitions: Definitions,
}

impl Shared {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        limits: Limits,
        ready: Readiness,
        document: Bytes,
        policy: Policy,
        sessions: Sessions,
    ) -> Self {
        let room = Room::new(limits.bodies, limits.connections);
        let definitions = Definitions::new();
        Self { backend, limits, room, ready, notice: Notice::default(), document, policy, sessions, definitions }
    }

    /// Asks storage on behalf of a request, for as long as a call may take.
    pub(crate) async fn ask<M, T>(
        &self,
        follow: &Follow,
        message: M,
        ask: impl for<'a> FnOnce(&'a dyn Backend, tonic::Request<M>) -> BoxFuture<'a, Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut metadata = HeaderMap::with_capacity(2);
        for (name, value) in [(X_REQUEST_ID, &follow.request_id), (TRACEPARENT, follow.trace.header())] {
            let mut value = value.clone();
            // No other request has it: in the tables of HPACK (RFC 7541, 6.2.3) it would drive out what comes again.
            value.set_sensitive(true);
            metadata.insert(name, value);
        }
        let metadata = MetadataMap::from_headers(metadata);
        let mut request = tonic::Request::from_parts(metadata, tonic::Extensions::default(), message);
        let (deadline, trail) = (Instant::now() + self.limits.call, follow.trail.clone());
        request.extensions_mut().insert(Asked { deadline, trail });
        backend::within(self.limits.call, ask(&*self.backend, request)).await
    }

    /// Waits for an answer that can be done without.
    pub(crate) async fn soon<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        backend::within(self.limits.call.min(SOON), answer).await
    }

    /// [`Policy::session_lifetime`] as the contract has it.
    pub(crate) fn lifetime(&self) -> Option<prost_types::Duration> {
        self.policy.session_lifetime.try_into().ok()
    }
}

//! The REST door: its routes, and around them the envelope that every request gets.

mod access_log;
mod body;
mod call;
mod collections;
mod connection;
mod docs;
mod envelope;
mod follow;
mod health;
mod home;
mod idempotency;
mod json;
mod members;
mod path;
mod precondition;
mod problem;
mod query;
mod records;
mod schema;
mod server;

use std::{sync::Arc, time::Duration};

use axum::extract::Request;
use bytes::Bytes;
use skep_proto::{Code, Error};
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use collections::definition;
pub use envelope::Envelope;
pub use home::{File, Home};
pub use server::serve;

use crate::backend::Backend;
use call::{Shared, follow};
use problem::Fault;

/// How long the gate waits, and how much it holds at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A request's head, from its first byte on.
    pub head: Duration,
    /// A whole body.
    pub body: Duration,
    /// What a body that is too large is read on for, so that its sender comes to read the answer.
    pub discard: Duration,
    /// A connection without a request.
    pub idle: Duration,
    /// An answer of which the client takes nothing.
    pub write: Duration,
    /// A connection that is closed while its client may still be sending.
    pub linger: Duration,
    /// One call to storage.
    pub call: Duration,
    /// How many connections are open at once; further ones wait to be accepted.
    pub connections: usize,
    /// How many bytes of bodies are held at once; a further one is refused until there is room.
    pub bodies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            discard: Duration::from_secs(5),
            idle: Duration::from_mins(1),
            write: Duration::from_secs(30),
            linger: Duration::from_secs(1),
            call: Duration::from_secs(10),
            connections: 8192,
            bodies: 256 << 20,
        }
    }
}

/// All routes over `backend`, without a listener.
pub fn router(backend: Arc<dyn Backend>, home: &Home, limits: Limits) -> Envelope {
    let (router, document) = api().split_for_parts();
    let document = Bytes::from(document.to_json().unwrap_or_default());
    let router = router
        .merge(docs::pages())
        .merge(home.routes())
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .with_state(Arc::new(Shared::new(backend, limits, document)));
    Envelope::new(router)
}

/// The routes that the `OpenAPI` document tells of.
fn api() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(docs::Document::openapi())
        .merge(records::routes())
        .merge(collections::routes())
        .routes(routes!(docs::openapi))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
}

async fn not_found() -> Fault {
    Fault(Error::new(Code::RouteNotFound, "there is nothing at this path; see /docs"))
}

async fn not_allowed(request: Request) -> Fault {
    let known = follow(request.extensions());
    Fault(known.err().unwrap_or_else(|| Error::new(Code::MethodNotAllowed, "see Allow for the methods of this path")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_tells_of_every_route() {
        let mut document = api().into_openapi();
        // Another path wants a look at its metrics, its documentation and its limits.
        assert_eq!(document.paths.paths.len(), 7);
        document.info.version = "[version]".to_owned();
        insta::assert_json_snapshot!(document);
    }
}

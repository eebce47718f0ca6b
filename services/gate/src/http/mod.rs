//! The REST door: its routes, and around them the envelope that every request gets.

mod access_log;
mod accounts;
mod answer;
mod body;
mod call;
mod collections;
mod connection;
mod cors;
mod docs;
mod envelope;
mod follow;
mod guard;
mod health;
mod home;
mod host;
mod idempotency;
mod json;
mod members;
mod notice;
mod path;
mod precondition;
mod problem;
mod query;
mod records;
mod room;
mod schema;
mod server;
mod sessions;
mod shared;

use std::{sync::Arc, time::Duration};

use axum::extract::Request;
use bytes::Bytes;
use kit::Readiness;
use skep_proto::{Code, Error};
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use accounts::write_account;
pub use collections::definition;
pub use envelope::Envelope;
pub use home::{File, Home};
pub use host::Hosts;
pub use json::{time, write_record};
pub use server::serve;

use crate::{backend::Backend, policy::Policy, session::Sessions};
use call::follow;
use problem::Fault;
use shared::Shared;

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
    /// How many bytes of bodies are held at once, of requests and again of answers; a further one is refused until
    /// there is room. Small ones have some beside.
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

/// All routes over `backend`, asked by the names `hosts` as `policy` allows, without a listener. `/readyz` tells `ready`.
///
/// # Errors
///
/// When the policy's Redis cannot be a client's.
pub async fn router(
    backend: Arc<dyn Backend>,
    home: &Home,
    hosts: Hosts,
    ready: Readiness,
    limits: Limits,
    policy: Policy,
) -> anyhow::Result<Envelope> {
    let (router, document) = api().split_for_parts();
    let document = Bytes::from(docs::complete(&document).to_string());
    let sessions = Sessions::new(&policy).await?;
    let shared = Arc::new(Shared::new(backend, limits, ready, document, policy, sessions));
    let router = router
        .merge(docs::pages())
        .merge(home.routes())
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .with_state(shared.clone());
    Ok(Envelope::new(router, shared, hosts, limits))
}

/// The routes that the `OpenAPI` document tells of.
fn api() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(docs::Document::openapi())
        .merge(records::routes())
        .merge(collections::routes())
        .merge(accounts::routes())
        .merge(sessions::routes())
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
        let mut document = docs::complete(&api().into_openapi());
        // Another path wants a look at its metrics, its documentation and its limits.
        assert_eq!(document["paths"].as_object().unwrap().len(), 15);
        document["info"]["version"] = "[version]".into();
        let operations = || document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
        for (method, operation) in operations() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let what = format!("{} {method} {status}", operation["operationId"]);
                assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["schema"]["type"].is_string(), "{parameter}");
                assert_eq!(parameter["in"] == "path", parameter["schema"]["pattern"].is_string(), "{parameter}");
            }
        }
        insta::assert_snapshot!(format!("{document:#}"));
    }
}

//! Storage in another process: everything that touches the transport is here.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, header::AUTHORIZATION, uri::Authority};
use http_body_util::BodyExt;
use skep_proto::Remote;
use tonic::{
    Status,
    body::Body,
    transport::{Channel, Endpoint},
};
use tower::Service;

const CONNECT: Duration = Duration::from_secs(1);
/// A silent peer is asked for a sign of life after this, and given up after as much again.
const KEEP_ALIVE: Duration = Duration::from_secs(3);

/// Storage at `authority` (`host:port`), connected to when first asked. `token` is the secret that both sides share.
///
/// # Errors
///
/// When the authority or the token cannot stand in a request.
pub fn connect(authority: &Authority, token: Option<&str>) -> anyhow::Result<Remote<Transport>> {
    let channel = Endpoint::from_shared(format!("http://{authority}"))?
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .connect_lazy();
    let authorization = token.map(bearer).transpose()?;
    Ok(Remote::new(Transport { channel, authorization }))
}

fn bearer(token: &str) -> anyhow::Result<HeaderValue> {
    // The parser's error quotes nothing of the token.
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A channel that signs every call, and tells every fault of the connection as `unavailable`: tonic tells some as
/// `unknown` or `internal`, which would be a fault of ours.
#[derive(Clone)]
pub struct Transport {
    channel: Channel,
    authorization: Option<HeaderValue>,
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.channel.poll_ready(cx).map_err(|error| unavailable(&error))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let answer = self.channel.call(request);
        Box::pin(async move {
            let response = answer.await.map_err(|error| unavailable(&error))?;
            Ok(response.map(|body| Body::new(body.map_err(|status| unavailable(&status)))))
        })
    }
}

fn unavailable(error: &dyn std::error::Error) -> Status {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    tracing::warn!(error.message = %error, error.cause = %cause, "storage cannot be reached");
    Status::unavailable("storage cannot be reached; ask again")
}

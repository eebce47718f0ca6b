//! What a handler needs to know of its request.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Extensions, StatusCode, header::SET_COOKIE, request::Parts};
use http_body::Body as _;
use skep_proto::{Code, Error, v1::GetCollectionRequest};
use uuid::Uuid;

use super::{body, follow::Follow, guard::Passed, problem::Fault, shared::Shared};
use crate::{
    access::{Access, Caller, Identity},
    backend::Backend,
    limit::Subject,
    policy::Client,
    session,
};

/// So many names may be signed in from one address as often as each may.
const NAMES: u32 = 10;

/// One request to the API.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    follow: Arc<Follow>,
    passed: Option<Passed>,
}

impl Call {
    /// Who asks.
    pub(crate) fn caller(&self) -> &Caller {
        self.passed.as_ref().map_or(&Caller::Anonymous, |passed| &passed.caller)
    }

    /// What the caller may do in `collections/{collection}`.
    ///
    /// # Errors
    ///
    /// `collection_not_found`, unless storage is left to say so: of administrators nothing is asked.
    pub(crate) async fn access(&self, collection: String) -> Result<Access, Error> {
        if self.caller().is_admin() {
            return Ok(Access::new(self.caller(), None));
        }
        let read = async {
            let message = GetCollectionRequest { name: collection.clone() };
            Ok(self.ask(message, |backend, request| backend.get_collection(request)).await?.collection)
        };
        let rules = self.shared.definitions.rules(&collection, read).await?;
        Ok(Access::new(self.caller(), Some(rules)))
    }

    /// The id by which the request is followed.
    pub(crate) fn request_id(&self) -> &str {
        self.follow.request_id()
    }

    /// The session that the request is signed by.
    pub(crate) fn session(&self) -> Option<Uuid> {
        self.passed.as_ref().and_then(|passed| passed.session)
    }

    /// Who asks, and in which session.
    ///
    /// # Errors
    ///
    /// `unauthenticated`
    pub(crate) fn signed_in(&self) -> Result<(&Identity, Uuid), Error> {
        let identity = self.caller().signed_in()?;
        Ok((identity, self.session().ok_or_else(|| Error::new(Code::Internal, "an account without a session"))?))
    }

    /// The answer to who is signed in no more.
    pub(crate) fn signed_out(&self) -> Response {
        let cookie = session::cleared(self.client().is_secure);
        (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
    }

    /// Who sends it.
    pub(crate) fn client(&self) -> Client {
        self.passed.as_ref().map(|passed| passed.client).unwrap_or_default()
    }

    /// Counts what costs the verification of a password: by its name, if it has one, and by address.
    ///
    /// # Errors
    ///
    /// `rate_limited`
    pub(crate) async fn count_password(&self, name: Option<&str>) -> Result<(), Error> {
        let Some(rate) = self.shared.policy.sign_in_limit else { return Ok(()) };
        let (sessions, address) = (&self.shared.sessions, self.client().address);
        if let Some(address) = address {
            sessions.count(&Subject::Passwords(address.into()), rate.times(NAMES)).await.admit("password")?;
        }
        match name {
            Some(name) => sessions.count(&Subject::password(name, address), rate).await.admit("password"),
            None => Ok(()),
        }
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
        self.shared.ask(&self.follow, message, ask).await
    }
}

impl FromRequestParts<Arc<Shared>> for Call {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Fault> {
        let follow = follow(&parts.extensions)?;
        Ok(Self { shared: shared.clone(), follow, passed: parts.extensions.remove() })
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

//! What a request to the API passes before its handler: where it comes from, who asks, and how often they did.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderValue, Request, header::SET_COOKIE};
use skep_proto::{
    Code, Error, Token,
    v1::{ExtendSessionRequest, GetSessionRequest},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{follow::Follow, shared::Shared};
use crate::{
    access::Caller,
    limit::{Count, Subject},
    policy::Client,
    session::{self, Credential},
};

/// What is known of a request that has passed.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    pub(crate) caller: Caller,
    /// The session that it is signed by.
    pub(crate) session: Option<Uuid>,
    pub(crate) client: Client,
}

/// What the answer says for that, whatever it is.
#[derive(Default)]
pub(super) struct Marks {
    count: Option<Count>,
    cookie: Option<HeaderValue>,
}

impl Marks {
    pub(super) fn put(self, headers: &mut HeaderMap) {
        if let Some(count) = self.count {
            let mut put =
                |name, line: String| HeaderValue::try_from(line).ok().and_then(|line| headers.insert(name, line));
            put("ratelimit-policy", count.rate.to_string());
            put("ratelimit", count.to_string());
        }
        // A handler that signs somebody in or out knows better.
        if let Some(cookie) = self.cookie
            && !headers.contains_key(SET_COOKIE)
        {
            headers.insert(SET_COOKIE, cookie);
        }
    }
}

/// Lets a request pass, with what is known of it among its extensions.
///
/// # Errors
///
/// `forbidden` for a write from another site, `unauthenticated` for a bearer token that is not in force, `rate_limited`,
/// and what storage answers if it cannot tell.
pub(super) async fn pass<B>(
    shared: &Arc<Shared>,
    request: &mut Request<B>,
    peer: Option<IpAddr>,
    follow: &Arc<Follow>,
    marks: &mut Marks,
) -> Result<(), Error> {
    let credential = Credential::of(request.headers());
    let client = shared.policy.client(peer, request.headers());
    if !matches!(credential, Credential::Bearer(_)) {
        shared.policy.origins.admit(request.method(), request.uri(), request.headers(), client.is_secure)?;
    }
    if !request.uri().path().starts_with("/v1/") {
        return Ok(());
    }
    let mut passed = Passed { caller: Caller::Anonymous, session: None, client };
    if let Some(token) = credential.token()
        && let Some(caller) = known(shared, &credential, token, client, follow, marks).await?
    {
        (passed.caller, passed.session) = (caller, Some(token.session()));
    } else {
        if let Some((rate, address)) = shared.policy.rate_limit.zip(client.address) {
            let count = shared.sessions.count(&Subject::Address(address.into()), rate).await;
            marks.count = Some(count);
            count.admit("address")?;
        }
        match credential {
            Credential::None => {}
            Credential::Bearer(_) => {
                return Err(Error::new(Code::Unauthenticated, "the token is not in force; sign in again"));
            }
            Credential::Cookie(_) => marks.cookie = Some(session::cleared(client.is_secure)),
        }
    }
    request.extensions_mut().insert(passed);
    Ok(())
}

/// The caller whose token it is, if its session is in force.
async fn known(
    shared: &Arc<Shared>,
    credential: &Credential,
    token: &Token,
    client: Client,
    follow: &Arc<Follow>,
    marks: &mut Marks,
) -> Result<Option<Caller>, Error> {
    let confirm = |message: GetSessionRequest, is_known| async move {
        let ask = shared.ask(follow, message, |backend, request| backend.get_session(request));
        // Who is known already need not wait for a storage that hangs.
        if is_known { shared.soon(ask).await } else { ask.await }
    };
    let known = shared.sessions.identify(token, client.address, confirm).await?;
    let Some(entry) = known.entry else { return Ok(None) };
    follow.user.get_or_init(|| entry.identity.id);
    if let Some(count) = known.count {
        marks.count = Some(count);
        count.admit("account")?;
    }
    if known.is_due {
        extend(shared, token, follow);
        if matches!(credential, Credential::Cookie(_)) {
            let lifetime = shared.policy.session_lifetime;
            marks.cookie = Some(session::cookie(&token.reveal(), lifetime, client.is_secure));
        }
    }
    Ok(Some(Caller::Account(entry.identity)))
}

/// Lets the session expire later, behind the request's back.
fn extend(shared: &Arc<Shared>, token: &Token, follow: &Arc<Follow>) {
    let (shared, follow) = (shared.clone(), follow.clone());
    let message = ExtendSessionRequest { name: token.name(), lifetime: shared.lifetime() };
    let extended = async move {
        if let Err(error) = shared.ask(&follow, message, |backend, request| backend.extend_session(request)).await {
            tracing::warn!(error.message = error.detail, "a session was not extended");
        }
    };
    tokio::spawn(extended.in_current_span());
}

use axum::{extract::Request, response::Response};
use http::{
    HeaderMap, StatusCode,
    header::{LOCATION, SET_COOKIE, USER_AGENT},
};
use metrics::counter;
use serde::Serialize;
use skep_proto::{
    Code, Error,
    v1::{CreateSessionRequest, CreateSessionResponse},
};

use crate::{
    http::{
        accounts::{self, texts},
        body::JSON,
        call::Call,
        json,
        problem::Fault,
        schema::{Credentials, Problem, SignedIn},
    },
    session,
};

/// A session that begins, as REST shows it.
#[derive(Serialize)]
struct Shown<'a> {
    token: &'a str,
    account: accounts::Shown<'a>,
    expires_at: String,
}

/// Sign in
///
/// The token is for `Authorization: Bearer TOKEN`; a browser keeps the cookie.
#[utoipa::path(
    post,
    path = "/v1/sessions",
    tag = "Sessions",
    operation_id = "create_session",
    request_body = Credentials,
    responses(
        (status = 201, description = "The session, begun", body = SignedIn, headers(
            ("Location" = String, description = "The session's path"),
            ("Set-Cookie" = String, description = "`skep_session`, which no script can read"),
        )),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(call: Call, request: Request) -> Result<Response, Fault> {
    let (head, _, body) = call.receive(request, &[JSON]).await?;
    let [login, password] = texts(&body, ["name", "password"])?;
    let begun = begin(&call, &head.headers, login, password).await;
    let outcome = match &begun {
        Ok(_) => "signed_in",
        Err(Error { code: Code::InvalidCredentials, .. }) => "refused",
        Err(Error { code: Code::RateLimited, .. }) => "limited",
        Err(_) => "failed",
    };
    counter!("skep_sign_ins_total", "outcome" => outcome).increment(1);
    answer(&call, begun?)
}

async fn begin(
    call: &Call,
    headers: &HeaderMap,
    login: String,
    password: String,
) -> Result<CreateSessionResponse, Error> {
    call.count_password(Some(&login)).await?;
    let user_agent = headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
    let lifetime = call.shared.lifetime();
    let (user_agent, secret) = (user_agent.unwrap_or_default(), rand::random::<[u8; 32]>().to_vec().into());
    let message = CreateSessionRequest { login, password, lifetime, user_agent, secret };
    call.ask(message, |backend, request| backend.create_session(request)).await
}

fn answer(call: &Call, begun: CreateSessionResponse) -> Result<Response, Fault> {
    let CreateSessionResponse { session: Some(session), account: Some(account), token } = begun else {
        return Err(Fault(json::broken("half a session")));
    };
    let expires_at = json::time(session.expire_time.as_ref())?;
    let mut body = Vec::with_capacity(512);
    json::write(&mut body, &Shown { token: &token, account: accounts::Shown::new(&account)?, expires_at })?;
    let mut response = json::answer(StatusCode::CREATED, body);
    let path = format!("/v1/sessions/{}", json::last(&session.name));
    let path = path.try_into().map_err(|_| json::broken("a name that is none"))?;
    response.headers_mut().insert(LOCATION, path);
    let cookie = session::cookie(&token, call.shared.policy.session_lifetime, call.client().is_secure);
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use skep_proto::v1::{DeleteSessionRequest, EndSessionsRequest};
use uuid::Uuid;

use crate::http::{call::Call, path::SessionPath, problem::Fault, schema::Problem};

/// Sign out
#[utoipa::path(
    delete,
    path = "/v1/sessions/current",
    tag = "Sessions",
    operation_id = "delete_current_session",
    responses(
        (status = 204, description = "The session is over"),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn current(call: Call) -> Result<Response, Fault> {
    let (_, session) = call.signed_in()?;
    end(call, session).await
}

/// End one of one's own sessions
///
/// One that is over already is ended quietly.
#[utoipa::path(
    delete,
    path = "/v1/sessions/{session}",
    tag = "Sessions",
    operation_id = "delete_session",
    params(("session" = String, Path)),
    responses(
        (status = 204, description = "The session is over"),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(call: Call, SessionPath(session): SessionPath) -> Result<Response, Fault> {
    end(call, session).await
}

/// Sign out everywhere
#[utoipa::path(
    delete,
    path = "/v1/sessions",
    tag = "Sessions",
    operation_id = "delete_sessions",
    responses(
        (status = 204, description = "All sessions of the account are over"),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn everywhere(call: Call) -> Result<Response, Fault> {
    let identity = call.caller().signed_in()?;
    let message = EndSessionsRequest { parent: identity.resource() };
    call.ask(message, |backend, request| backend.end_sessions(request)).await?;
    call.shared.sessions.forget(identity.id, None).await;
    Ok(call.signed_out())
}

/// Storage first, then what gates remember, then the answer: whoever is told that it is over can rely on it.
async fn end(call: Call, session: Uuid) -> Result<Response, Fault> {
    let identity = call.caller().signed_in()?;
    let message = DeleteSessionRequest { name: identity.session(session) };
    call.ask(message, |backend, request| backend.delete_session(request)).await?;
    call.shared.sessions.forget(identity.id, Some(session)).await;
    if call.session() == Some(session) {
        return Ok(call.signed_out());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

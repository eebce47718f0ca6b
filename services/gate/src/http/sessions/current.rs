use axum::response::Response;
use http::StatusCode;
use skep_proto::v1::GetSessionRequest;

use super::Shown;
use crate::http::{
    call::Call,
    json,
    problem::Fault,
    schema::{Problem, Session},
};

/// Read this session
#[utoipa::path(
    get,
    path = "/v1/sessions/current",
    tag = "Sessions",
    operation_id = "get_current_session",
    responses(
        (status = 200, description = "The session", body = Session),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(call: Call) -> Result<Response, Fault> {
    let (identity, session) = call.signed_in()?;
    let message = GetSessionRequest { name: identity.session(session) };
    let found = call.ask(message, |backend, request| backend.get_session(request)).await?;
    let found = found.session.ok_or_else(|| json::broken("no session"))?;
    let mut body = Vec::with_capacity(512);
    json::write(&mut body, &Shown::new(&found, Some(session))?)?;
    Ok(json::answer(StatusCode::OK, body))
}

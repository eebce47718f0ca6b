use axum::extract::Request;
use http::StatusCode;
use skep_proto::{mutation, v1::ChangePasswordRequest};

use super::texts;
use crate::http::{
    body::JSON,
    call::Call,
    problem::Fault,
    schema::{PasswordChange, Problem},
};

/// Change one's own password
///
/// Ends every other session of the account.
#[utoipa::path(
    put,
    path = "/v1/accounts/me/password",
    tag = "Accounts",
    operation_id = "change_password",
    request_body = PasswordChange,
    responses(
        (status = 204, description = "The password is changed, and every other session ended"),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(call: Call, request: Request) -> Result<StatusCode, Fault> {
    let identity = call.caller().signed_in()?;
    let (_, _, body) = call.receive(request, &[JSON]).await?;
    let [current_password, new_password] = texts(&body, ["current_password", "new_password"])?;
    call.count_password(Some(&identity.name)).await?;
    let message = ChangePasswordRequest {
        name: identity.resource(),
        current_password,
        new_password,
        session: call.session().map(|session| identity.session(session)).unwrap_or_default(),
        mutation_id: mutation::new().to_string(),
    };
    call.ask(message, |backend, request| backend.change_password(request)).await?;
    call.shared.sessions.forget(identity.id, None).await;
    Ok(StatusCode::NO_CONTENT)
}

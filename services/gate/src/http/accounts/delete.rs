use axum::response::Response;
use skep_proto::v1::DeleteAccountRequest;

use crate::http::{call::Call, problem::Fault, schema::Problem};

/// Delete one's own account
///
/// Ends its sessions. Its records stay, and its name is free again.
#[utoipa::path(
    delete,
    path = "/v1/accounts/me",
    tag = "Accounts",
    operation_id = "delete_own_account",
    responses(
        (status = 204, description = "There is no such account any more"),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(call: Call) -> Result<Response, Fault> {
    let identity = call.caller().signed_in()?;
    let message = DeleteAccountRequest { name: identity.resource() };
    call.ask(message, |backend, request| backend.delete_account(request)).await?;
    call.shared.sessions.forget(identity.id, None).await;
    Ok(call.signed_out())
}

use axum::response::Response;
use http::StatusCode;
use skep_proto::v1::GetAccountRequest;

use super::account;
use crate::http::{
    call::Call,
    problem::Fault,
    schema::{Account, Problem},
};

/// Read one's own account
#[utoipa::path(
    get,
    path = "/v1/accounts/me",
    tag = "Accounts",
    operation_id = "get_own_account",
    responses(
        (status = 200, description = "The account", body = Account),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(call: Call) -> Result<Response, Fault> {
    let name = call.caller().signed_in()?.resource();
    let found = call.ask(GetAccountRequest { name }, |backend, request| backend.get_account(request)).await?;
    account(StatusCode::OK, found.account)
}

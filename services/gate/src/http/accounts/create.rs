use axum::{extract::Request, response::Response};
use http::StatusCode;
use skep_proto::{
    mutation,
    v1::{self, CreateAccountRequest},
};

use super::{account, texts};
use crate::http::{
    body::JSON,
    call::Call,
    problem::Fault,
    schema::{Account, Credentials, Problem},
};

/// Sign up
///
/// Makes an account. Where sign-up is closed, for administrators.
#[utoipa::path(
    post,
    path = "/v1/accounts",
    tag = "Accounts",
    operation_id = "create_account",
    request_body = Credentials,
    responses(
        (status = 201, description = "The account, made", body = Account),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(call: Call, request: Request) -> Result<Response, Fault> {
    if !call.shared.policy.sign_up {
        call.caller().administrator()?;
    }
    let (_, _, body) = call.receive(request, &[JSON]).await?;
    let [login, password] = texts(&body, ["name", "password"])?;
    call.count_password(None).await?;
    let message = CreateAccountRequest {
        account: Some(v1::Account { login, ..v1::Account::default() }),
        password,
        mutation_id: mutation::new().to_string(),
    };
    let made = call.ask(message, |backend, request| backend.create_account(request)).await?;
    account(StatusCode::CREATED, made.account)
}

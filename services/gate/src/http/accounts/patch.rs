use axum::{extract::Request, response::Response};
use bytes::Bytes;
use http::StatusCode;
use prost_types::FieldMask;
use serde_json::value::RawValue;
use skep_proto::{
    Error, mutation,
    v1::{self, GetAccountRequest, UpdateAccountRequest},
};

use super::account;
use crate::http::{
    body::{JSON, MERGE_PATCH},
    call::Call,
    members::{members, value},
    path::AccountPath,
    problem::Fault,
    schema::{Account, AccountChange, Problem},
};

/// Change an account
///
/// For administrators. What is absent stays. Who is disabled or given another password is signed out everywhere.
#[utoipa::path(
    patch,
    path = "/v1/accounts/{account}",
    tag = "Accounts",
    operation_id = "patch_account",
    params(("account" = String, Path)),
    request_body(content((AccountChange = "application/merge-patch+json"), (AccountChange = "application/json"))),
    responses(
        (status = 200, description = "The account", body = Account),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn patch(call: Call, AccountPath(id): AccountPath, request: Request) -> Result<Response, Fault> {
    call.caller().administrator()?;
    let (_, _, body) = call.receive(request, &[MERGE_PATCH, JSON]).await?;
    let name = format!("accounts/{id}");
    let Some(message) = change(&body, name.clone())? else {
        let found = call.ask(GetAccountRequest { name }, |backend, request| backend.get_account(request)).await?;
        return account(StatusCode::OK, found.account);
    };
    let changed = call.ask(message, |backend, request| backend.update_account(request)).await?;
    // Roles, too, are to be in force at once.
    call.shared.sessions.forget(id, None).await;
    account(StatusCode::OK, changed.account)
}

/// What the body asks for; `None` for nothing.
fn change(body: &Bytes, name: String) -> Result<Option<UpdateAccountRequest>, Error> {
    let names = ["roles", "disabled", "password"];
    let given @ [roles, disabled, password] = members(body, "", names)?;
    let paths = names.iter().zip(given).filter(|(_, value)| value.is_some()).map(|(name, _)| (*name).to_owned());
    let mask = FieldMask { paths: paths.collect() };
    let account = v1::Account {
        name,
        roles: roles.map_or(Ok(Vec::new()), strings)?,
        disabled: disabled.map_or(Ok(false), |given| value(given, "/disabled", "a boolean"))?,
        ..v1::Account::default()
    };
    let password = password.map_or(Ok(String::new()), |given| value(given, "/password", "a string"))?;
    let message = UpdateAccountRequest {
        account: Some(account),
        update_mask: Some(mask),
        password,
        mutation_id: mutation::new().to_string(),
    };
    Ok(message.update_mask.as_ref().is_some_and(|mask| !mask.paths.is_empty()).then_some(message))
}

fn strings(roles: &RawValue) -> Result<Vec<String>, Error> {
    let roles: Vec<&RawValue> = value(roles, "/roles", "a list")?;
    roles.into_iter().enumerate().map(|(at, role)| value(role, &format!("/roles/{at}"), "a string")).collect()
}

#[cfg(test)]
mod tests {
    use skep_proto::Code;

    use super::*;

    #[test]
    fn what_is_given_is_changed_and_nothing_else() {
        let read = |body: &'static str| change(&Bytes::from_static(body.as_bytes()), "accounts/a".into());
        assert_eq!(read("{}"), Ok(None));
        let message = read(r#"{"disabled":false,"roles":[]}"#).unwrap().unwrap();
        assert_eq!(message.update_mask.unwrap().paths, ["roles", "disabled"]);
        for (body, pointer) in [
            (r#"{"roles":"admin"}"#, "/roles"),
            (r#"{"roles":["a",7]}"#, "/roles/1"),
            (r#"{"disabled":"no"}"#, "/disabled"),
            (r#"{"password":7}"#, "/password"),
            (r#"{"name":"b"}"#, "/name"),
        ] {
            let error = read(body).unwrap_err();
            assert_eq!((error.code, &*error.violations[0].pointer), (Code::InvalidBody, pointer), "{body}");
        }
    }
}

use std::borrow::Cow;

use axum::response::Response;
use http::Uri;
use skep_proto::v1::ListAccountsRequest;

use super::write_account;
use crate::http::{
    call::Call,
    json,
    problem::Fault,
    query,
    schema::{Accounts, Problem},
};

/// List the accounts
///
/// For administrators. A page may be short; only an absent token ends the list.
#[utoipa::path(
    get,
    path = "/v1/accounts",
    tag = "Accounts",
    operation_id = "list_accounts",
    params(
        ("page_size" = Option<u32>, Query, description = "How many at most: 30 when absent or 0, and never more than 1000"),
        ("page_token" = Option<String>, Query, description = "The `next_page_token` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of accounts", body = Accounts),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(call: Call, uri: Uri) -> Result<Response, Fault> {
    call.caller().administrator()?;
    let [page_size, page_token] = query::parameters(&uri, ["page_size", "page_token"])?;
    let message = ListAccountsRequest {
        page_size: query::page_size(page_size.as_deref())?,
        page_token: page_token.map(Cow::into_owned).unwrap_or_default(),
    };
    let page = call.ask(message, |backend, request| backend.list_accounts(request)).await?;
    json::page("accounts", &page.accounts, |_| 0, write_account, &page.next_page_token, &[])
}

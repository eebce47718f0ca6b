use std::borrow::Cow;

use axum::response::Response;
use http::Uri;
use skep_proto::v1::{self, ListSessionsRequest};

use super::Shown;
use crate::http::{
    call::Call,
    json,
    problem::Fault,
    query,
    schema::{Problem, Sessions},
};

/// List one's own sessions
///
/// A page may be short; only an absent token ends the list.
#[utoipa::path(
    get,
    path = "/v1/sessions",
    tag = "Sessions",
    operation_id = "list_sessions",
    params(
        ("page_size" = Option<u32>, Query, description = "How many at most: 30 when absent or 0, and never more than 1000"),
        ("page_token" = Option<String>, Query, description = "The `next_page_token` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of sessions", body = Sessions),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(call: Call, uri: Uri) -> Result<Response, Fault> {
    let identity = call.caller().signed_in()?;
    let [page_size, page_token] = query::parameters(&uri, ["page_size", "page_token"])?;
    let message = ListSessionsRequest {
        parent: identity.resource(),
        page_size: query::page_size(page_size.as_deref())?,
        page_token: page_token.map(Cow::into_owned).unwrap_or_default(),
    };
    let page = call.ask(message, |backend, request| backend.list_sessions(request)).await?;
    let write = |out: &mut Vec<u8>, found: &v1::Session| json::write(out, &Shown::new(found, call.session())?);
    json::page("sessions", &page.sessions, |_| 0, write, &page.next_page_token, &[])
}

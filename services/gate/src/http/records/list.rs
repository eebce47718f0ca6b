use std::borrow::Cow;

use ::query::Fields;
use axum::response::Response;
use http::{HeaderMap, Uri, header::IF_MATCH};
use serde_json::Value;
use skep_proto::{
    Code, Error,
    v1::{self, ListRecordsRequest, ListRecordsResponse},
};

use super::scan;
use crate::http::{
    call::Call,
    json,
    path::CollectionPath,
    precondition,
    problem::Fault,
    query,
    schema::{Problem, Records},
};

/// List records
///
/// Newest first, unless ordered otherwise. A page may be short or empty; only an absent token ends the list. A filter or
/// an order that no index serves is refused, and told which would.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/records",
    tag = "Records",
    operation_id = "list_records",
    params(
        ("collection" = String, Path),
        ("page_size" = Option<u32>, Query, description = "How many at most: 30 when absent or 0, and never more than 1000"),
        ("page_token" = Option<String>, Query, description = "The `next_page_token` of the page before"),
        ("filter" = Option<String>, Query, description = "An AIP-160 expression, as in `author = \"Ann\" AND rating >= 4`"),
        ("order_by" = Option<String>, Query, description = "`created_at`, `updated_at` or an indexed field, and `desc` for the other direction; `created_at desc` when absent"),
        ("fields" = Option<String>, Query, description = "The fields to show besides the id, separated by commas; all when absent"),
        ("count" = Option<bool>, Query, description = "Whether all records of the list are counted, up to 10,000"),
        ("explain" = Option<bool>, Query, description = "Whether `plan` tells how they are found; for administrators"),
    ),
    responses(
        (status = 200, description = "A page of records", body = Records),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(call: Call, path: CollectionPath, uri: Uri, headers: HeaderMap) -> Result<Response, Fault> {
    precondition::refuse(&headers, &[IF_MATCH])?;
    let names = ["page_size", "page_token", "filter", "order_by", "fields", "count", "explain"];
    let [page_size, page_token, filter, order_by, fields, count, explain] = query::parameters(&uri, names)?;
    let fields = fields.filter(|fields| !fields.is_empty()).map(|fields| Fields::parse(&fields)).transpose();
    let fields = fields.map_err(|fault| Error::new(Code::InvalidArgument, format!("fields, {fault}")))?;
    let owned = |value: Option<Cow<'_, str>>| value.map(Cow::into_owned).unwrap_or_default();
    let message = ListRecordsRequest {
        parent: path.name(),
        page_size: query::page_size(page_size.as_deref())?,
        page_token: owned(page_token),
        filter: owned(filter),
        order_by: owned(order_by),
        count: query::flag("count", count.as_deref())?,
        explain: query::flag("explain", explain.as_deref())?,
        ..ListRecordsRequest::default()
    };
    if message.explain {
        call.caller().administrator()?;
    }
    let page = scan::page(&call, message).await?;
    let size = |record: &v1::Record| record.data.len();
    let write = |out: &mut Vec<u8>, record: &v1::Record| match &fields {
        Some(fields) => json::write_fields(out, record, fields),
        None => json::write_record(out, record),
    };
    json::page("records", &page.records, size, write, &page.next_page_token, &around(&page))
}

/// What is told of the list besides its records.
fn around(page: &ListRecordsResponse) -> Vec<(&'static str, Value)> {
    let mut told = Vec::new();
    if let Some(count) = &page.count {
        told.push(("count", count.records.into()));
        told.push(("more", count.more.into()));
    }
    if !page.plan.is_empty() {
        told.push(("plan", page.plan.as_str().into()));
    }
    told
}

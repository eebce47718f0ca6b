use http::{
    HeaderMap, StatusCode, Uri,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use skep_proto::v1::DeleteCollectionRequest;

use crate::http::{call::Call, path::CollectionPath, precondition, problem::Fault, query, schema::Problem};

/// Delete a collection
///
/// Refused while it holds records, unless forced. For administrators.
#[utoipa::path(
    delete,
    path = "/v1/collections/{collection}",
    tag = "Collections",
    operation_id = "delete_collection",
    params(
        ("collection" = String, Path),
        ("force" = Option<bool>, Query, description = "Deletes its records too"),
    ),
    responses(
        (status = 204, description = "There is no such collection any more"),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    call: Call,
    path: CollectionPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, Fault> {
    call.caller().administrator()?;
    precondition::refuse(&headers, &[IF_MATCH, IF_NONE_MATCH])?;
    let [force] = query::parameters(&uri, ["force"])?;
    let message = DeleteCollectionRequest { name: path.name(), force: query::flag("force", force.as_deref())? };
    call.ask(message, |backend, request| backend.delete_collection(request)).await?;
    call.shared.definitions.forget(&path.name()).await;
    Ok(StatusCode::NO_CONTENT)
}

use axum::response::Response;
use http::{
    HeaderMap, StatusCode,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use skep_proto::v1::GetCollectionRequest;

use crate::http::{
    call::Call,
    json,
    path::CollectionPath,
    precondition,
    problem::Fault,
    schema::{Collection, Problem},
};

/// Read a definition
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}",
    tag = "Collections",
    operation_id = "get_collection",
    params(
        ("collection" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Entity tags of which the state must have one"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of states that are known already"),
    ),
    responses(
        (status = 200, description = "The definition", body = Collection, headers(("ETag" = String, description = "Names this state of the definition"))),
        (status = 304, description = "The state is known already"),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(call: Call, path: CollectionPath, headers: HeaderMap) -> Result<Response, Fault> {
    let demanded = precondition::parse(&headers, &IF_MATCH)?;
    let known = precondition::parse(&headers, &IF_NONE_MATCH)?;
    let message = GetCollectionRequest { name: path.name() };
    let collection = call.ask(message, |backend, request| backend.get_collection(request)).await?.collection;
    if let (Some(collection), Some(demanded)) = (&collection, &demanded) {
        demanded.met_by(&collection.etag)?;
    }
    match (&collection, known) {
        (Some(collection), Some(known)) if known.matches_weakly(&collection.etag) => {
            json::not_modified(&collection.etag)
        }
        _ => json::collection(StatusCode::OK, collection),
    }
}

use futures_util::{StreamExt, TryStreamExt, stream};
use skep_proto::{
    Code, Error,
    v1::{self, collection_service_server::CollectionService, *},
};
use tonic::{Request, Response, Status, async_trait};

use super::{Engine, convert, observe::observed};
use crate::{collections::Content, names, records::given_mutation, store::Definition};

type Answer<T> = Result<Response<T>, Status>;

/// Surveys of a page of definitions that are asked for at once.
const AT_ONCE: usize = 16;

impl Engine {
    async fn shown(&self, definition: &Definition) -> Result<Collection, Error> {
        Ok(convert::collection(definition, self.collections.survey(definition).await?))
    }
}

#[async_trait]
impl CollectionService for Engine {
    async fn get_collection(&self, request: Request<GetCollectionRequest>) -> Answer<GetCollectionResponse> {
        let work = async |asked: GetCollectionRequest| {
            let definition = self.collections.find(names::collection(&asked.name)?).await?;
            Ok(GetCollectionResponse { collection: Some(self.shown(&definition).await?) })
        };
        observed("GetCollection", request, work).await
    }

    async fn list_collections(&self, request: Request<ListCollectionsRequest>) -> Answer<ListCollectionsResponse> {
        let work = async |asked: ListCollectionsRequest| {
            let (page, next_page_token) = self.collections.list(asked.page_size, &asked.page_token).await?;
            let shown: Vec<_> = page.iter().map(|definition| self.shown(definition)).collect();
            let collections = stream::iter(shown).buffered(AT_ONCE).try_collect().await?;
            Ok(ListCollectionsResponse { collections, next_page_token })
        };
        observed("ListCollections", request, work).await
    }

    async fn update_collection(&self, request: Request<UpdateCollectionRequest>) -> Answer<UpdateCollectionResponse> {
        let work = async |asked: UpdateCollectionRequest| {
            let given = asked.collection.ok_or_else(|| Error::new(Code::InvalidBody, "the collection is missing"))?;
            let (name, etag) = (given.name.clone(), given.etag.clone());
            let (name, content) = (names::collection(&name)?, content(given));
            let (missing, mutation) = (asked.allow_missing, given_mutation(&asked.mutation_id)?);
            let (definition, created) = self.collections.update(name, content, &etag, missing, mutation).await?;
            Ok(UpdateCollectionResponse { collection: Some(self.shown(&definition).await?), created })
        };
        observed("UpdateCollection", request, work).await
    }

    async fn delete_collection(&self, request: Request<DeleteCollectionRequest>) -> Answer<DeleteCollectionResponse> {
        let work = async |asked: DeleteCollectionRequest| {
            self.collections.delete(names::collection(&asked.name)?, asked.force).await?;
            Ok(DeleteCollectionResponse {})
        };
        observed("DeleteCollection", request, work).await
    }
}

/// What a definition says.
pub(super) fn content(given: v1::Collection) -> Content {
    Content { schema: given.schema, indexes: given.indexes, rules: given.rules.unwrap_or_default() }
}

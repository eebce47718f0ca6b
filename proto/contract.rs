use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http_body::Body as HttpBody;
use tonic::{Request, body::Body, client::GrpcService};

use crate::{Error, v1::*};

/// An engine in the same process, called without a wire: any type that serves the contract.
pub struct Local<S>(Arc<S>);

impl<S> Local<S> {
    /// Speaks to `service` directly.
    pub fn new(service: Arc<S>) -> Self {
        Self(service)
    }
}

/// An engine behind gRPC: any channel, balanced or not.
#[derive(Clone)]
pub struct Remote<C>(C);

impl<C> Remote<C> {
    /// Speaks through `channel`.
    pub fn new(channel: C) -> Self {
        Self(channel)
    }
}

/// One list of the calls; the trait and its two implementations follow from it.
macro_rules! contract {
    ($($module:ident :: $service:ident, $clients:ident :: $client:ident {
        $($call:ident($request:ty) -> $response:ty;)*
    })*) => {
        /// Every call of `skep.v1`, whoever answers it.
        ///
        /// The metadata of a request carries `x-request-id` and `traceparent`, as over a wire.
        #[async_trait]
        pub trait Contract: Send + Sync + 'static {
            $($(
                #[doc = concat!("The call `", stringify!($call), "` of `", stringify!($service), "`.")]
                async fn $call(&self, request: Request<$request>) -> Result<$response, Error>;
            )*)*
        }

        #[async_trait]
        impl<S: $($module::$service +)*> Contract for Local<S> {
            $($(async fn $call(&self, request: Request<$request>) -> Result<$response, Error> {
                Ok($module::$service::$call(&*self.0, request).await?.into_inner())
            })*)*
        }

        #[async_trait]
        impl<C> Contract for Remote<C>
        where
            C: GrpcService<Body, Future: Send> + Clone + Send + Sync + 'static,
            C::Error: Into<tonic::codegen::StdError>,
            C::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
            <C::ResponseBody as HttpBody>::Error: Into<tonic::codegen::StdError> + Send,
        {
            $($(async fn $call(&self, request: Request<$request>) -> Result<$response, Error> {
                Ok($clients::$client::new(self.0.clone()).$call(request).await?.into_inner())
            })*)*
        }
    };
}

contract! {
    collection_service_server::CollectionService, collection_service_client::CollectionServiceClient {
        get_collection(GetCollectionRequest) -> GetCollectionResponse;
        list_collections(ListCollectionsRequest) -> ListCollectionsResponse;
        update_collection(UpdateCollectionRequest) -> UpdateCollectionResponse;
        delete_collection(DeleteCollectionRequest) -> DeleteCollectionResponse;
    }
    record_service_server::RecordService, record_service_client::RecordServiceClient {
        get_record(GetRecordRequest) -> GetRecordResponse;
        list_records(ListRecordsRequest) -> ListRecordsResponse;
        create_record(CreateRecordRequest) -> CreateRecordResponse;
        update_record(UpdateRecordRequest) -> UpdateRecordResponse;
        patch_record(PatchRecordRequest) -> PatchRecordResponse;
        delete_record(DeleteRecordRequest) -> DeleteRecordResponse;
    }
}

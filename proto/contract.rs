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

/// The trait and its two implementations, from the list of the calls.
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

/// The list of the calls, passed on to `$then`, by service; for whoever wraps a [`Contract`] as a whole.
#[macro_export]
macro_rules! calls {
    ($then:ident) => {
        $then! {
            account_service_server::AccountService, account_service_client::AccountServiceClient {
                get_account(GetAccountRequest) -> GetAccountResponse;
                list_accounts(ListAccountsRequest) -> ListAccountsResponse;
                create_account(CreateAccountRequest) -> CreateAccountResponse;
                update_account(UpdateAccountRequest) -> UpdateAccountResponse;
                change_password(ChangePasswordRequest) -> ChangePasswordResponse;
                delete_account(DeleteAccountRequest) -> DeleteAccountResponse;
            }
            collection_service_server::CollectionService, collection_service_client::CollectionServiceClient {
                get_collection(GetCollectionRequest) -> GetCollectionResponse;
                list_collections(ListCollectionsRequest) -> ListCollectionsResponse;
                update_collection(UpdateCollectionRequest) -> UpdateCollectionResponse;
                delete_collection(DeleteCollectionRequest) -> DeleteCollectionResponse;
            }
            operator_service_server::OperatorService, operator_service_client::OperatorServiceClient {
                get_status(GetStatusRequest) -> GetStatusResponse;
                export_accounts(ExportAccountsRequest) -> ExportAccountsResponse;
                import_accounts(ImportAccountsRequest) -> ImportAccountsResponse;
                import_collection(ImportCollectionRequest) -> ImportCollectionResponse;
                import_records(ImportRecordsRequest) -> ImportRecordsResponse;
            }
            record_service_server::RecordService, record_service_client::RecordServiceClient {
                get_record(GetRecordRequest) -> GetRecordResponse;
                list_records(ListRecordsRequest) -> ListRecordsResponse;
                create_record(CreateRecordRequest) -> CreateRecordResponse;
                update_record(UpdateRecordRequest) -> UpdateRecordResponse;
                patch_record(PatchRecordRequest) -> PatchRecordResponse;
                delete_record(DeleteRecordRequest) -> DeleteRecordResponse;
                batch_write_records(BatchWriteRecordsRequest) -> BatchWriteRecordsResponse;
                claim_idempotency_key(ClaimIdempotencyKeyRequest) -> ClaimIdempotencyKeyResponse;
            }
            session_service_server::SessionService, session_service_client::SessionServiceClient {
                create_session(CreateSessionRequest) -> CreateSessionResponse;
                get_session(GetSessionRequest) -> GetSessionResponse;
                list_sessions(ListSessionsRequest) -> ListSessionsResponse;
                extend_session(ExtendSessionRequest) -> ExtendSessionResponse;
                delete_session(DeleteSessionRequest) -> DeleteSessionResponse;
                end_sessions(EndSessionsRequest) -> EndSessionsResponse;
            }
        }
    };
}

calls!(contract);

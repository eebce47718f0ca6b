use skep_proto::{
    Code, Error,
    v1::{session_service_server::SessionService, *},
};
use tonic::{Request, Response, Status, async_trait};

use super::{Engine, observe::observed};

type Answer<T> = Result<Response<T>, Status>;

fn not_yet() -> Error {
    Error::new(Code::Unsupported, "there are no accounts yet")
}

#[async_trait]
impl SessionService for Engine {
    async fn create_session(&self, request: Request<CreateSessionRequest>) -> Answer<CreateSessionResponse> {
        observed("CreateSession", request, async |_| Err(not_yet())).await
    }

    async fn get_session(&self, request: Request<GetSessionRequest>) -> Answer<GetSessionResponse> {
        observed("GetSession", request, async |_| Err(not_yet())).await
    }

    async fn list_sessions(&self, request: Request<ListSessionsRequest>) -> Answer<ListSessionsResponse> {
        observed("ListSessions", request, async |_| Err(not_yet())).await
    }

    async fn extend_session(&self, request: Request<ExtendSessionRequest>) -> Answer<ExtendSessionResponse> {
        observed("ExtendSession", request, async |_| Err(not_yet())).await
    }

    async fn delete_session(&self, request: Request<DeleteSessionRequest>) -> Answer<DeleteSessionResponse> {
        observed("DeleteSession", request, async |_| Err(not_yet())).await
    }

    async fn end_sessions(&self, request: Request<EndSessionsRequest>) -> Answer<EndSessionsResponse> {
        observed("EndSessions", request, async |_| Err(not_yet())).await
    }
}

use prost_types::Duration;
use skep_proto::{
    Code, Error,
    v1::{session_service_server::SessionService, *},
};
use tonic::{Request, Response, Status, async_trait};

use super::{Engine, convert, observe::observed};
use crate::names;

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl SessionService for Engine {
    async fn create_session(&self, request: Request<CreateSessionRequest>) -> Answer<CreateSessionResponse> {
        let work = async |asked: CreateSessionRequest| {
            let CreateSessionRequest { login, password, lifetime, user_agent, secret } = asked;
            let secret = secret_of(&secret)?;
            let lifetime = lifetime.as_ref().map(micros);
            let (account, session, token) =
                self.sessions.create(&login, &password, lifetime, user_agent, secret).await?;
            Ok(CreateSessionResponse {
                session: Some(convert::session(account.id, token.session(), session)),
                account: Some(convert::account(&account)),
                token: token.reveal(),
            })
        };
        observed("CreateSession", request, work).await
    }

    async fn get_session(&self, request: Request<GetSessionRequest>) -> Answer<GetSessionResponse> {
        let work = async |asked: GetSessionRequest| {
            let (account, id) = names::session(&asked.name)?;
            let (account, session) = self.sessions.get(account, id).await?;
            let session = Some(convert::session(account.id, id, session));
            Ok(GetSessionResponse { session, account: Some(convert::account(&account)) })
        };
        observed("GetSession", request, work).await
    }

    async fn list_sessions(&self, request: Request<ListSessionsRequest>) -> Answer<ListSessionsResponse> {
        let work = async |asked: ListSessionsRequest| {
            let account = names::account(&asked.parent)?;
            let (page, next_page_token) = self.sessions.list(account, asked.page_size, &asked.page_token).await?;
            let sessions = page.into_iter().map(|(id, session)| convert::session(account, id, session)).collect();
            Ok(ListSessionsResponse { sessions, next_page_token })
        };
        observed("ListSessions", request, work).await
    }

    async fn extend_session(&self, request: Request<ExtendSessionRequest>) -> Answer<ExtendSessionResponse> {
        let work = async |asked: ExtendSessionRequest| {
            let (account, id) = names::session(&asked.name)?;
            let session = self.sessions.extend(account, id, asked.lifetime.as_ref().map(micros)).await?;
            Ok(ExtendSessionResponse { session: Some(convert::session(account, id, session)) })
        };
        observed("ExtendSession", request, work).await
    }

    async fn delete_session(&self, request: Request<DeleteSessionRequest>) -> Answer<DeleteSessionResponse> {
        let work = async |asked: DeleteSessionRequest| {
            let (account, id) = names::session(&asked.name)?;
            self.sessions.delete(account, id).await?;
            Ok(DeleteSessionResponse {})
        };
        observed("DeleteSession", request, work).await
    }

    async fn end_sessions(&self, request: Request<EndSessionsRequest>) -> Answer<EndSessionsResponse> {
        let work = async |asked: EndSessionsRequest| {
            self.accounts.end_sessions(names::account(&asked.parent)?).await?;
            Ok(EndSessionsResponse {})
        };
        observed("EndSessions", request, work).await
    }
}

/// In microseconds.
fn micros(duration: &Duration) -> i64 {
    duration.seconds.saturating_mul(1_000_000).saturating_add(i64::from(duration.nanos) / 1000)
}

/// What a token is made of.
fn secret_of(given: &[u8]) -> Result<[u8; 32], Error> {
    if given.is_empty() {
        return Ok(rand::random());
    }
    given
        .try_into()
        .map_err(|_| Error::new(Code::InvalidArgument, "a secret has 256 bits; leave it empty to have one made"))
}

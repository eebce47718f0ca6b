use skep_proto::{
    Code, Error,
    v1::{account_service_server::AccountService, *},
};
use tonic::{Request, Response, Status, async_trait};

use super::{Engine, observe::observed};

type Answer<T> = Result<Response<T>, Status>;

fn not_yet() -> Error {
    Error::new(Code::Unsupported, "there are no accounts yet")
}

#[async_trait]
impl AccountService for Engine {
    async fn get_account(&self, request: Request<GetAccountRequest>) -> Answer<GetAccountResponse> {
        observed("GetAccount", request, async |_| Err(not_yet())).await
    }

    async fn list_accounts(&self, request: Request<ListAccountsRequest>) -> Answer<ListAccountsResponse> {
        observed("ListAccounts", request, async |_| Err(not_yet())).await
    }

    async fn create_account(&self, request: Request<CreateAccountRequest>) -> Answer<CreateAccountResponse> {
        observed("CreateAccount", request, async |_| Err(not_yet())).await
    }

    async fn update_account(&self, request: Request<UpdateAccountRequest>) -> Answer<UpdateAccountResponse> {
        observed("UpdateAccount", request, async |_| Err(not_yet())).await
    }

    async fn change_password(&self, request: Request<ChangePasswordRequest>) -> Answer<ChangePasswordResponse> {
        observed("ChangePassword", request, async |_| Err(not_yet())).await
    }

    async fn delete_account(&self, request: Request<DeleteAccountRequest>) -> Answer<DeleteAccountResponse> {
        observed("DeleteAccount", request, async |_| Err(not_yet())).await
    }
}

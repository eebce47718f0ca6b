use skep_proto::{
    Code, Error,
    v1::{self, account_service_server::AccountService, *},
};
use tonic::{Request, Response, Status, async_trait};

use super::{Engine, convert, observe::observed};
use crate::{
    accounts::{Change, New},
    names,
    records::given_mutation,
};

/// What `update_mask` may name.
const FIELDS: [&str; 3] = ["roles", "disabled", "password"];

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl AccountService for Engine {
    async fn get_account(&self, request: Request<GetAccountRequest>) -> Answer<GetAccountResponse> {
        let work = async |asked: GetAccountRequest| {
            let account = self.accounts.get(names::account(&asked.name)?).await?;
            Ok(GetAccountResponse { account: Some(convert::account(&account)) })
        };
        observed("GetAccount", request, work).await
    }

    async fn list_accounts(&self, request: Request<ListAccountsRequest>) -> Answer<ListAccountsResponse> {
        let work = async |asked: ListAccountsRequest| {
            let (page, next_page_token) = self.accounts.list(asked.page_size, &asked.page_token).await?;
            Ok(ListAccountsResponse { accounts: page.iter().map(convert::account).collect(), next_page_token })
        };
        observed("ListAccounts", request, work).await
    }

    async fn create_account(&self, request: Request<CreateAccountRequest>) -> Answer<CreateAccountResponse> {
        let work = async |asked: CreateAccountRequest| {
            let v1::Account { login, roles, disabled, .. } = given(asked.account)?;
            let new = New { login, password: asked.password.into(), roles, disabled };
            let account = self.accounts.create(new, given_mutation(&asked.mutation_id)?).await?;
            Ok(CreateAccountResponse { account: Some(convert::account(&account)) })
        };
        observed("CreateAccount", request, work).await
    }

    async fn update_account(&self, request: Request<UpdateAccountRequest>) -> Answer<UpdateAccountResponse> {
        let work = async |asked: UpdateAccountRequest| {
            let v1::Account { name, roles, disabled, .. } = given(asked.account)?;
            let fields = asked.update_mask.unwrap_or_default().paths;
            if fields.is_empty() || !fields.iter().all(|field| FIELDS.contains(&field.as_str())) {
                let why = "update_mask names one or more of roles, disabled and password";
                return Err(Error::new(Code::InvalidArgument, why));
            }
            let named = |field: &str| fields.iter().any(|named| named == field);
            let change = Change {
                roles: named("roles").then_some(roles),
                disabled: named("disabled").then_some(disabled),
                password: named("password").then(|| asked.password.into()),
            };
            let account =
                self.accounts.update(names::account(&name)?, change, given_mutation(&asked.mutation_id)?).await?;
            Ok(UpdateAccountResponse { account: Some(convert::account(&account)) })
        };
        observed("UpdateAccount", request, work).await
    }

    async fn change_password(&self, request: Request<ChangePasswordRequest>) -> Answer<ChangePasswordResponse> {
        let work = async |asked: ChangePasswordRequest| {
            let id = names::account(&asked.name)?;
            let session = (!asked.session.is_empty()).then(|| names::session(&asked.session)).transpose()?;
            if session.is_some_and(|(account, _)| account != id) {
                return Err(Error::new(Code::InvalidArgument, "the session is of another account"));
            }
            let (passwords, session) = ((&*asked.current_password, &*asked.new_password), session.map(|(_, id)| id));
            self.accounts.change_password(id, passwords, session, given_mutation(&asked.mutation_id)?).await?;
            Ok(ChangePasswordResponse {})
        };
        observed("ChangePassword", request, work).await
    }

    async fn delete_account(&self, request: Request<DeleteAccountRequest>) -> Answer<DeleteAccountResponse> {
        let work = async |asked: DeleteAccountRequest| {
            self.accounts.delete(names::account(&asked.name)?).await?;
            Ok(DeleteAccountResponse {})
        };
        observed("DeleteAccount", request, work).await
    }
}

fn given(account: Option<v1::Account>) -> Result<v1::Account, Error> {
    account.ok_or_else(|| Error::new(Code::InvalidBody, "the account is missing").at("", "is missing"))
}

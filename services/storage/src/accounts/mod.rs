//! The rules of accounts: who signs in, by which name and password, and when sessions end together.

mod administrator;
mod change;
mod check;
mod create;
mod import;
mod name;
mod passwords;

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use skep_proto::{Code, Error};
use uuid::Uuid;

use self::passwords::Passwords;
pub use self::{
    administrator::{ADMIN_NAME, ADMIN_PASSWORD, Administrator, made_up_password},
    change::Change,
    create::New,
    import::Archived,
    name::folded,
};
use crate::{
    listing::{self, page_size},
    store::{Account, Result, Store},
};

/// How often a change that others overtake is judged again.
const ATTEMPTS: usize = 100;
/// Accounts of a page that are read at once.
const AT_ONCE: usize = 16;
const LISTING: &[&[u8]] = &[b"accounts"];

/// Accounts, over a store.
#[derive(Clone)]
pub struct Accounts {
    store: Arc<dyn Store>,
    passwords: Passwords,
}

impl Accounts {
    /// Over `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, passwords: Passwords::new() }
    }

    /// The account.
    ///
    /// # Errors
    /// `account_not_found` if there is none, or no more.
    pub async fn get(&self, id: Uuid) -> Result<Account> {
        self.store.account(id).await?.filter(|account| !account.deleted).ok_or_else(missing)
    }

    /// The account of that name, if there is one.
    pub async fn named(&self, login: &str) -> Result<Option<Account>> {
        let Some(name) = name::digest(login) else { return Ok(None) };
        let Some(holder) = self.store.claimant(name).await? else { return Ok(None) };
        Ok(self.store.account(holder).await?.filter(|account| !account.deleted))
    }

    /// A page of the accounts, and the token of the next.
    pub async fn list(&self, size: i32, token: &str) -> Result<(Vec<Account>, String)> {
        let size = page_size(size)?;
        let claims = self.store.claims(listing::decode_id(LISTING, token)?, size).await?;
        let last = claims.last().filter(|_| claims.len() == size);
        let next = last.map(|(name, _)| listing::encode_id(LISTING, *name)).transpose()?.unwrap_or_default();
        let accounts = stream::iter(claims).map(async |(name, id)| {
            let account = self.store.account(id).await?.filter(|account| !account.deleted);
            if account.is_none() {
                // Its deletion was not finished.
                self.store.claim(name, Some(id), None).await?;
            }
            Result::Ok(account)
        });
        let accounts: Vec<_> = accounts.buffered(AT_ONCE).try_collect().await?;
        Ok((accounts.into_iter().flatten().collect(), next))
    }

    /// The account that signs in by this name and this password. Whatever is wrong is answered alike, and takes as long.
    ///
    /// # Errors
    /// `invalid_credentials`.
    pub async fn sign_in(&self, login: &str, password: &str) -> Result<Account> {
        let holder = self.store.claimant(name::digest(login).unwrap_or_else(Uuid::new_v4)).await?;
        let account = self.store.account(holder.unwrap_or_else(Uuid::new_v4)).await?;
        let verified = self.verify(password, account.as_ref()).await?;
        account.filter(|_| verified).ok_or_else(|| wrong("no account signs in by this name and this password"))
    }

    /// Whether somebody can sign in to `account` with `password`.
    async fn verify(&self, password: &str, account: Option<&Account>) -> Result<bool> {
        let account = account.filter(|account| !account.disabled && !account.deleted);
        self.passwords.verify(password, account.map(|account| &account.password)).await
    }
}

fn missing() -> Error {
    Error::new(Code::AccountNotFound, "there is no such account")
}

fn exists() -> Error {
    Error::new(Code::AccountExists, "an account has this name: choose another").at("/name", "is taken")
}

fn wrong(why: &str) -> Error {
    Error::new(Code::InvalidCredentials, why)
}

fn contended() -> Error {
    Error::new(Code::Overloaded, "the account is being changed too often at this moment")
}

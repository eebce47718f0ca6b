//! Making accounts: the row first, then the name.

use kit::Secret;
use skep_proto::mutation;
use uuid::Uuid;

use super::{ATTEMPTS, Accounts, check::Check, contended, exists, missing, name};
use crate::store::{Account, Result, Swap};

/// A new account.
#[derive(Clone, Debug)]
pub struct New {
    /// The name to sign in by.
    pub login: String,
    /// Its password.
    pub password: Secret,
    /// What it may be.
    pub roles: Vec<String>,
    /// Whether nobody can sign in to it yet.
    pub disabled: bool,
}

impl Accounts {
    /// Makes an account, whose id is `mutation`. Its row is written first, and is nobody's until it has claimed the name:
    /// whoever repeats the call goes on from there.
    ///
    /// # Errors
    /// `account_exists` if another has the name.
    pub async fn create(&self, new: New, mutation: Uuid) -> Result<Account> {
        let check = Check::new().login(&new.login).password("/password", new.password.expose()).roles(&new.roles);
        check.done()?;
        let name = name::digest(&new.login).ok_or_else(missing)?;
        let account = match self.store.account(mutation).await? {
            Some(account) => account,
            None => self.write_new(new, name, mutation).await?,
        };
        if name::digest(&account.login) != Some(name) {
            // It is deleted since.
            return Err(missing());
        }
        self.take_name(name, mutation).await.map(|()| account)
    }

    /// Gives a name to an account that has a row.
    pub(super) async fn take_name(&self, name: Uuid, id: Uuid) -> Result<()> {
        let mut from = None;
        for _ in 0..ATTEMPTS {
            match self.store.claim(name, from, Some(id)).await? {
                Swap::Applied => return Ok(()),
                Swap::Stale(Some(holder)) if holder == id => return Ok(()),
                Swap::Stale(Some(holder)) if self.is_alive(holder).await? => return Err(exists()),
                Swap::Stale(holder) => from = holder,
            }
        }
        Err(contended())
    }

    /// The first row of an account. A name that is taken is refused before the hash is paid for, and again after it: of
    /// those who race for the name the losers' rows stay, and are nobody's.
    async fn write_new(&self, new: New, name: Uuid, mutation: Uuid) -> Result<Account> {
        self.admit(name, mutation).await?;
        let password = self.passwords.hash(new.password.expose()).await?;
        self.admit(name, mutation).await?;
        let now = mutation::now();
        let account = Account {
            id: mutation,
            login: new.login,
            roles: new.roles,
            disabled: new.disabled,
            deleted: false,
            password,
            epoch: Uuid::new_v4(),
            spared: None,
            created_at: now,
            updated_at: now,
            history: vec![mutation],
        };
        match self.store.swap_account(None, account.clone()).await? {
            Swap::Stale(Some(earlier)) => Ok(earlier),
            Swap::Stale(None) => Err(contended()),
            Swap::Applied => Ok(account),
        }
    }

    /// Refuses a name that another account has.
    pub(super) async fn admit(&self, name: Uuid, id: Uuid) -> Result<()> {
        match self.store.claimant(name).await? {
            Some(holder) if holder != id && self.is_alive(holder).await? => Err(exists()),
            _ => Ok(()),
        }
    }

    /// Whether the account that has claimed a name keeps it. A row is written before its name is claimed, so what has none
    /// is deleted and forgotten.
    async fn is_alive(&self, id: Uuid) -> Result<bool> {
        Ok(self.store.account(id).await?.is_some_and(|account| !account.deleted))
    }
}

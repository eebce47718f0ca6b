//! Accounts that come as they were elsewhere or before.

use kit::Secret;
use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

use super::{ATTEMPTS, Accounts, check::Check, contended, name, passwords};
use crate::{
    brought::Brought,
    store::{Account, Result, Swap},
};

/// An account as it was.
#[derive(Clone, Debug)]
pub struct Archived {
    /// Its id.
    pub id: Uuid,
    /// The name to sign in by.
    pub login: String,
    /// What it may be.
    pub roles: Vec<String>,
    /// Whether nobody can sign in to it.
    pub disabled: bool,
    /// Its password's hash in the PHC string format.
    pub password: Secret,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// Microseconds since the epoch.
    pub updated_at: i64,
}

impl Accounts {
    /// Brings an account in. Nobody is signed in to it.
    ///
    /// # Errors
    /// `account_exists` if another has the name; `account_not_found` if it was deleted here, for it never lives again.
    pub(crate) async fn import(&self, archived: Archived) -> Result<Brought> {
        Check::new().login(&archived.login).roles(&archived.roles).hash(archived.password.expose()).done()?;
        let name = name::digest(&archived.login).ok_or_else(contended)?;
        let mut stored = self.store.account(archived.id).await?;
        for _ in 0..ATTEMPTS {
            let (expected, account, done) = match stored {
                Some(account) if account.deleted => {
                    return Err(Error::new(
                        Code::AccountNotFound,
                        "the account was deleted here, and never lives again",
                    ));
                }
                Some(account) if name::digest(&account.login) != Some(name) => {
                    return Err(Error::new(Code::InvalidArgument, "the account has another name here"));
                }
                Some(account) if account.updated_at >= archived.updated_at => {
                    return self.take_name(name, archived.id).await.map(|()| Brought::Kept);
                }
                Some(account) => {
                    let expected = account.mutation();
                    let next = Account {
                        roles: archived.roles.clone(),
                        disabled: archived.disabled,
                        password: archived.password.clone(),
                        ..account.ending_sessions(None)
                    };
                    (Some(expected), next.then(mutation::new(), archived.updated_at), Brought::Replaced)
                }
                None => {
                    self.admit(name, archived.id).await?;
                    (None, archived.first(), Brought::Made)
                }
            };
            match self.store.swap_account(expected, account).await? {
                Swap::Applied => return self.take_name(name, archived.id).await.map(|()| done),
                Swap::Stale(current) => stored = current,
            }
        }
        Err(contended())
    }
}

impl Archived {
    fn first(&self) -> Account {
        Account {
            id: self.id,
            login: self.login.clone(),
            roles: self.roles.clone(),
            disabled: self.disabled,
            deleted: false,
            password: self.password.clone(),
            epoch: Uuid::new_v4(),
            spared: None,
            created_at: self.created_at,
            updated_at: self.updated_at,
            history: vec![self.id],
        }
    }
}

impl Check {
    fn hash(self, hash: &str) -> Self {
        self.note("/password_hash", passwords::hash_fault(hash))
    }
}

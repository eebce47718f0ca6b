//! Changes of accounts, each made once under the condition of what it was judged on.

use kit::Secret;
use skep_proto::mutation;
use uuid::Uuid;

use super::{ATTEMPTS, Accounts, check::Check, contended, missing, name, wrong};
use crate::store::{Account, Result, Swap};

/// What is to be changed; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What it may be.
    pub roles: Option<Vec<String>>,
    /// Whether nobody can sign in to it.
    pub disabled: Option<bool>,
    /// Its password.
    pub password: Option<Secret>,
}

impl Accounts {
    /// Changes an account. If it is disabled or has another password then, all its sessions are over.
    pub async fn update(&self, id: Uuid, change: Change, mutation: Uuid) -> Result<Account> {
        let mut check = Check::new();
        if let Some(password) = &change.password {
            check = check.password("/password", password.expose());
        }
        check.roles(change.roles.as_deref().unwrap_or_default()).done()?;
        let hash = match &change.password {
            Some(password) => Some(self.passwords.hash(password.expose()).await?),
            None => None,
        };
        self.change(id, mutation, |account| {
            let ends = change.password.is_some() || change.disabled == Some(true);
            let next = Account {
                roles: change.roles.clone().unwrap_or(account.roles),
                disabled: change.disabled.unwrap_or(account.disabled),
                password: hash.clone().unwrap_or(account.password),
                ..account
            };
            Ok(if ends { next.ending_sessions(None) } else { next })
        })
        .await
    }

    /// Changes the password of who knows the `current` one. Every session is over but `spared`, if that is in force.
    ///
    /// # Errors
    /// `invalid_credentials` if it is another, or nobody can sign in.
    pub async fn change_password(
        &self,
        id: Uuid,
        (current, new): (&str, &str),
        spared: Option<Uuid>,
        mutation: Uuid,
    ) -> Result<()> {
        Check::new().password("/new_password", new).done()?;
        let account = self.get(id).await?;
        if account.remembers(mutation) {
            return Ok(());
        }
        let known = account.password.clone();
        if !self.verify(current, Some(&account)).await? {
            return Err(wrong("the present password is another"));
        }
        let hash = self.passwords.hash(new).await?;
        let session = match spared {
            Some(session) => self.store.session(id, session).await?.map(|(_, found)| (session, found)),
            None => None,
        };
        let change = |account: Account| {
            if account.disabled || account.password.expose() != known.expose() {
                return Err(wrong("the present password is another"));
            }
            // One that ended meanwhile must not come back.
            let now = mutation::now();
            let spared = session.as_ref().filter(|(id, session)| session.is_in_force(*id, &account, now));
            let next = Account { password: hash.clone(), ..account.clone() };
            Ok(next.ending_sessions(spared.map(|(id, _)| *id)))
        };
        self.change(id, mutation, change).await.map(drop)
    }

    /// Ends every session of an account.
    pub async fn end_sessions(&self, id: Uuid) -> Result<()> {
        self.change(id, mutation::new(), |account| Ok(account.ending_sessions(None))).await.map(drop)
    }

    /// Deletes an account, then gives its name up. One that was deleted before is deleted quietly, as long as it is
    /// remembered.
    pub async fn delete(&self, id: Uuid) -> Result<()> {
        let mut stored = self.store.account(id).await?;
        for _ in 0..ATTEMPTS {
            let account = stored.ok_or_else(missing)?;
            if account.deleted {
                return Ok(());
            }
            let (expected, name) = (account.mutation(), name::digest(&account.login));
            let nothing = Account {
                deleted: true,
                login: String::new(),
                roles: Vec::new(),
                password: String::new().into(),
                ..account.ending_sessions(None)
            };
            match self.store.swap_account(Some(expected), nothing.then(mutation::new(), mutation::now())).await? {
                Swap::Stale(current) => stored = current,
                Swap::Applied => {
                    if let Some(name) = name {
                        self.store.claim(name, Some(id), None).await?;
                    }
                    return Ok(());
                }
            }
        }
        Err(contended())
    }

    /// Makes what `change` says of the account as it stands, once.
    async fn change(&self, id: Uuid, mutation: Uuid, change: impl Fn(Account) -> Result<Account>) -> Result<Account> {
        let mut stored = self.store.account(id).await?;
        for _ in 0..ATTEMPTS {
            let account = stored.filter(|account| !account.deleted).ok_or_else(missing)?;
            if account.remembers(mutation) {
                return Ok(account);
            }
            let expected = account.mutation();
            let next = change(account)?.then(mutation, mutation::now());
            match self.store.swap_account(Some(expected), next.clone()).await? {
                Swap::Applied => return Ok(next),
                Swap::Stale(current) => stored = current,
            }
        }
        Err(contended())
    }
}

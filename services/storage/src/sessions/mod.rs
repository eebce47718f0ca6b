//! The rules of sessions: who is signed in, and until when.

use std::sync::Arc;

use skep_proto::{Code, Error, Token, mutation};
use uuid::Uuid;

use crate::{
    accounts::Accounts,
    listing::{self, page_size},
    store::{Account, MAX_LIFETIME, Result, Session, Stage, Store},
};

/// How long a session lasts when the caller does not say, in microseconds: 30 days.
const LIFETIME: i64 = 30 * 24 * 60 * 60 * 1_000_000;
/// The longest user agent that is kept, in bytes.
const USER_AGENT: usize = 256;
const LISTING: &[u8] = b"sessions";

/// Sessions, over a store.
#[derive(Clone)]
pub struct Sessions {
    store: Arc<dyn Store>,
    accounts: Accounts,
}

impl Sessions {
    /// Over `store`.
    pub fn new(store: Arc<dyn Store>, accounts: Accounts) -> Self {
        Self { store, accounts }
    }

    /// Signs in for so many microseconds, with a token of `secret`. If the account's sessions were ended meanwhile, this one is over as it begins.
    ///
    /// # Errors
    /// `invalid_credentials`.
    pub async fn create(
        &self,
        login: &str,
        password: &str,
        lifetime: Option<i64>,
        mut user_agent: String,
        secret: [u8; 32],
    ) -> Result<(Account, Session, Token)> {
        let lifetime = check_lifetime(lifetime)?;
        let account = self.accounts.sign_in(login, password).await?;
        let token = Token::new(account.id, secret);
        user_agent.truncate(user_agent.floor_char_boundary(USER_AGENT));
        let now = mutation::now();
        let expires_at = now + lifetime;
        let session = Session { stage: Stage::Begun, epoch: account.epoch, created_at: now, expires_at, user_agent };
        self.store.write_session(account.id, token.session(), session.clone()).await?;
        Ok((account, session, token))
    }

    /// The session, if it is in force, and its account.
    ///
    /// # Errors
    /// `session_not_found` for any other.
    pub async fn get(&self, account: Uuid, id: Uuid) -> Result<(Account, Session)> {
        in_force(id, self.store.session(account, id).await?)
    }

    /// A page of the sessions in force of an account, and the token of the next.
    pub async fn list(&self, account: Uuid, size: i32, token: &str) -> Result<(Vec<(Uuid, Session)>, String)> {
        let (size, query) = (page_size(size)?, [LISTING, account.as_bytes()]);
        let after = listing::decode_id(&query, token)?;
        // Read first: a session that begins in a later epoch is not shown, and one that is over never is.
        let account = self.accounts.get(account).await?;
        let mut sessions = self.store.sessions(account.id, after, size).await?;
        let last = sessions.last().filter(|_| sessions.len() == size);
        let next = last.map(|(id, _)| listing::encode_id(&query, *id)).transpose()?.unwrap_or_default();
        let now = mutation::now();
        sessions.retain(|(id, session)| session.is_in_force(*id, &account, now));
        Ok((sessions, next))
    }

    /// Lets a session in force last so many microseconds from now, if it would expire sooner.
    pub async fn extend(&self, account: Uuid, id: Uuid, lifetime: Option<i64>) -> Result<Session> {
        let expires_at = mutation::now() + check_lifetime(lifetime)?;
        let (_, session) = self.get(account, id).await?;
        if session.expires_at >= expires_at {
            return Ok(session);
        }
        let extended = Session { stage: Stage::Extended, expires_at, ..session };
        self.store.write_session(account, id, extended.clone()).await?;
        let found = self.store.session(account, id).await?;
        if found.as_ref().is_some_and(|(_, session)| session.stage == Stage::Over) {
            // Who ended it may have known of a shorter life alone, and it must stay over for as long as this.
            self.store.write_session(account, id, extended.ended(mutation::now())).await?;
        }
        Ok(in_force(id, found)?.1)
    }

    /// Ends a session, if it is in force.
    pub async fn delete(&self, account: Uuid, id: Uuid) -> Result<()> {
        match self.get(account, id).await {
            Ok((_, session)) => self.store.write_session(account, id, session.ended(mutation::now())).await,
            Err(error) if error.code == Code::SessionNotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn in_force(id: Uuid, found: Option<(Account, Session)>) -> Result<(Account, Session)> {
    let now = mutation::now();
    let found = found.filter(|(account, session)| session.is_in_force(id, account, now));
    found.ok_or_else(|| Error::new(Code::SessionNotFound, "there is no such session, or it is over"))
}

fn check_lifetime(lifetime: Option<i64>) -> Result<i64> {
    let lifetime = lifetime.unwrap_or(LIFETIME);
    if (1..=MAX_LIFETIME).contains(&lifetime) {
        return Ok(lifetime);
    }
    Err(Error::new(Code::InvalidArgument, "a session lasts for at most 400 days"))
}

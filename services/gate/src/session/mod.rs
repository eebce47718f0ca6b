//! Who asks: from a token to a session in force and its account.
//!
//! What storage said of a session is remembered, in this process or in Redis, and believed for a moment.

mod cookie;
mod credential;
mod entry;
mod memory;

use std::{net::IpAddr, sync::Arc, time::Duration};

use metrics::counter;
use skep_proto::{
    Code, Error, Token,
    v1::{GetSessionRequest, GetSessionResponse},
};
use uuid::Uuid;

use self::memory::{Local, Look, Memory};
pub(crate) use self::{
    cookie::{cleared, cookie},
    credential::Credential,
    entry::Entry,
    memory::{Key, Redis},
};
use crate::{
    limit::{Count, Rate, Subject},
    policy::Policy,
};

/// An entry is believed for so long after storage confirmed it.
const TRUSTED: Duration = Duration::from_secs(5);
/// And for so much longer if storage cannot answer.
const GRACE: Duration = Duration::from_mins(1);

/// Sessions as a gate knows them, and the counts of its callers' requests.
pub(crate) struct Sessions {
    memory: Arc<dyn Memory>,
    /// Counts by address the tokens that are none, each of which costs a question to storage.
    strangers: Local,
    rate: Option<Rate>,
    lifetime: Duration,
}

/// What is known of a token that was sent.
pub(crate) struct Known {
    /// Its session, if that is in force.
    pub(crate) entry: Option<Entry>,
    /// The request, counted against the account's limit.
    pub(crate) count: Option<Count>,
    /// Whether storage was asked, and the session's expiry is to be moved.
    pub(crate) is_due: bool,
}

impl Sessions {
    pub(crate) async fn new(policy: &Policy) -> anyhow::Result<Self> {
        let memory: Arc<dyn Memory> = match &policy.redis {
            Some(redis) => Arc::new(Redis::connect(redis).await?),
            None => Arc::new(Local::new()),
        };
        Ok(Self { memory, strangers: Local::new(), rate: policy.rate_limit, lifetime: policy.session_lifetime })
    }

    /// What is known of the session of `token`, sent from `address`; `confirm` asks storage.
    ///
    /// # Errors
    ///
    /// `rate_limited`, and what storage answers if it cannot tell.
    pub(crate) async fn identify<F: Future<Output = Result<GetSessionResponse, Error>>>(
        &self,
        token: &Token,
        address: Option<IpAddr>,
        confirm: impl FnOnce(GetSessionRequest, bool) -> F,
    ) -> Result<Known, Error> {
        let key = Key { account: token.account(), session: token.session() };
        let Look { entry, now, count } = self.memory.look(key, self.rate).await;
        let entry = entry.filter(|(entry, _)| entry.is_in_force());
        let stranger = self.rate.zip(address).filter(|_| entry.is_none());
        if let Some((rate, address)) = stranger {
            self.strangers.peek(&Subject::Address(address.into()), rate).admit("address")?;
        }
        let known = |entry, count, is_due| Ok(Known { entry, count, is_due });
        let entry = match entry {
            // Whoever is over the limit is told so without asking storage.
            Some((entry, age)) if age <= TRUSTED || count.is_some_and(|count| count.is_refused()) => {
                return known(Some(entry), count, false);
            }
            entry => entry,
        };
        let answer = confirm(GetSessionRequest { name: token.name() }, entry.is_some()).await;
        let outcome = match &answer {
            Ok(_) => "confirmed",
            Err(error) if error.code == Code::SessionNotFound => "not_in_force",
            Err(_) => "unanswered",
        };
        counter!("skep_sessions_asked_total", "outcome" => outcome).increment(1);
        match (answer, entry) {
            (Ok(answer), _) => {
                let entry = Entry::new(key.account, answer)?;
                let counted = self.memory.keep(key, &entry, now, self.rate.filter(|_| count.is_none())).await;
                let is_due = entry.is_due(self.lifetime);
                known(Some(entry), count.or(counted), is_due)
            }
            (Err(error), entry) if error.code == Code::SessionNotFound => {
                if entry.is_some() {
                    self.forget(key.account, Some(key.session)).await;
                }
                if let Some((rate, address)) = stranger {
                    self.strangers.count(&Subject::Address(address.into()), rate).await;
                }
                known(None, None, false)
            }
            (Err(_), Some((entry, age))) if age <= TRUSTED + GRACE => known(Some(entry), count, false),
            (Err(error), _) => Err(error),
        }
    }

    /// Counts a request of `subject`.
    pub(crate) async fn count(&self, subject: &Subject, rate: Rate) -> Count {
        self.memory.count(subject, rate).await
    }

    /// Forgets a session that is over, or all of an account's.
    pub(crate) async fn forget(&self, account: Uuid, session: Option<Uuid>) {
        self.memory.forget(account, session).await;
    }
}

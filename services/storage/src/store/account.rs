use async_trait::async_trait;
use kit::Secret;
use uuid::Uuid;

use super::{HISTORY, Result, Swap};

/// How long a session lasts at most without being extended anew, in microseconds: 400 days.
pub const MAX_LIFETIME: i64 = 400 * DAY;
/// How long the row of a deleted account stays, in microseconds: longer than any session that it could be asked for.
pub const DELETED_ACCOUNT_MICROS: i64 = MAX_LIFETIME + 2 * DAY;
/// How long the end of a session is remembered beyond whatever it hides, in microseconds: clocks, and late statements.
pub const MARGIN: i64 = DAY;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// An account as a store keeps it, alive or deleted.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id: the mutation that made it.
    pub id: Uuid,
    /// The name to sign in by, as it was given; empty once deleted.
    pub login: String,
    /// What it may be besides itself.
    pub roles: Vec<String>,
    /// Whether nobody can sign in to it.
    pub disabled: bool,
    /// Whether it is only remembered. It never lives again.
    pub deleted: bool,
    /// The password's hash in the PHC string format; empty once deleted.
    pub password: Secret,
    /// Changes whenever the account's sessions end together.
    pub epoch: Uuid,
    /// The one session of an earlier epoch that is in force still.
    pub spared: Option<Uuid>,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// Microseconds since the epoch.
    pub updated_at: i64,
    /// The newest mutations, newest first: never empty, at most [`HISTORY`].
    pub history: Vec<Uuid>,
}

impl Account {
    /// The newest mutation: the condition of the next write.
    pub fn mutation(&self) -> Uuid {
        self.history[0]
    }

    /// Whether `mutation` is among those that made it what it is.
    pub fn remembers(&self, mutation: Uuid) -> bool {
        self.history.contains(&mutation)
    }

    /// As it is after one more mutation at `now`, which changed it already.
    #[must_use]
    pub fn then(mut self, mutation: Uuid, now: i64) -> Self {
        self.history.insert(0, mutation);
        self.history.truncate(HISTORY);
        self.updated_at = now.max(self.updated_at);
        self
    }

    /// With every session over but `spared`.
    #[must_use]
    pub fn ending_sessions(self, spared: Option<Uuid>) -> Self {
        Self { epoch: Uuid::new_v4(), spared, ..self }
    }
}

/// How far a session has come. A later stage stands over an earlier one, in whatever order they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stage {
    /// As it was signed in.
    Begun = 1,
    /// Its expiry was moved; of two such the later expiry stands.
    Extended = 2,
    /// Ended before it expired.
    Over = 3,
}

/// A session as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// How far it has come.
    pub stage: Stage,
    /// The account's epoch in which it began.
    pub epoch: Uuid,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// When it expires, in microseconds since the epoch; of one that is over, until when that must be remembered.
    pub expires_at: i64,
    /// What the client called itself.
    pub user_agent: String,
}

impl Session {
    /// Whether somebody is signed in to `account` by this session, whose id is `id`, at `now`.
    pub fn is_in_force(&self, id: Uuid, account: &Account, now: i64) -> bool {
        self.stage != Stage::Over
            && self.expires_at > now
            && (self.epoch == account.epoch || account.spared == Some(id))
            && !account.disabled
            && !account.deleted
    }

    /// Ended at `now`. That is remembered for longer than any extension can last that was under way meanwhile.
    #[must_use]
    pub fn ended(self, now: i64) -> Self {
        let expires_at = now + (self.expires_at - self.created_at).clamp(0, MAX_LIFETIME) + MARGIN;
        Self { stage: Stage::Over, expires_at, ..self }
    }
}

/// A database of accounts, of the names they have claimed, and of their sessions.
///
/// As of a [`Store`](super::Store), every operation touches the place of one account or of one name.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// The account, alive or deleted.
    async fn account(&self, id: Uuid) -> Result<Option<Account>>;

    /// Writes the account if the stored one's newest mutation is `expected` (`None`: there is no row). A deleted one may
    /// be forgotten after [`DELETED_ACCOUNT_MICROS`].
    async fn swap_account(&self, expected: Option<Uuid>, account: Account) -> Result<Swap<Account>>;

    /// The account that has claimed a name; names are told by the digest of their folded form.
    async fn claimant(&self, name: Uuid) -> Result<Option<Uuid>>;

    /// Gives a name to `to` if `from` has it (`None`: nobody), and tells who has it otherwise.
    async fn claim(&self, name: Uuid, from: Option<Uuid>, to: Option<Uuid>) -> Result<Swap<Uuid>>;

    /// Names after `after`, in an order of the store's own, and the accounts that have claimed them.
    async fn claims(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<(Uuid, Uuid)>>;

    /// A session with its account, as they are at one moment.
    async fn session(&self, account: Uuid, id: Uuid) -> Result<Option<(Account, Session)>>;

    /// Sessions of an account after `after`, in an order of the store's own; those that expired may be missing.
    async fn sessions(&self, account: Uuid, after: Option<Uuid>, limit: usize) -> Result<Vec<(Uuid, Session)>>;

    /// Writes what became of a session, unless something stands there that is further by its [`Stage`] or expires later.
    /// It may be forgotten once it has expired.
    async fn write_session(&self, account: Uuid, id: Uuid, session: Session) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(epoch: Uuid, spared: Option<Uuid>) -> Account {
        Account {
            id: Uuid::now_v7(),
            login: "ann".into(),
            roles: Vec::new(),
            disabled: false,
            deleted: false,
            password: String::new().into(),
            epoch,
            spared,
            created_at: 1,
            updated_at: 1,
            history: vec![Uuid::now_v7()],
        }
    }

    #[test]
    fn a_session_is_in_force_in_its_epoch_or_spared_until_it_expires_or_ends() {
        let (epoch, id, other) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
        let session = Session { stage: Stage::Begun, epoch, created_at: 1, expires_at: 10, user_agent: String::new() };
        let (same, next) = (account(epoch, None), account(other, Some(id)));
        for account in [&same, &next] {
            assert!(session.is_in_force(id, account, 9) && !session.is_in_force(id, account, 10));
            assert!(!session.clone().ended(5).is_in_force(id, account, 6));
            assert!(!session.is_in_force(id, &Account { disabled: true, ..account.clone() }, 9));
            assert!(!session.is_in_force(id, &Account { deleted: true, ..account.clone() }, 9));
        }
        assert!(!session.is_in_force(other, &next, 9), "another was spared");
    }

    #[test]
    fn an_end_is_remembered_for_longer_than_a_racing_extension_lasts() {
        let begun = |expires_at| Session {
            stage: Stage::Begun,
            epoch: Uuid::new_v4(),
            created_at: 0,
            expires_at,
            user_agent: String::new(),
        };
        let month = 30 * DAY;
        assert!(begun(month).ended(month - 1).expires_at > month - 1 + month);
        assert!(begun(10 * MAX_LIFETIME).ended(9 * MAX_LIFETIME).expires_at <= 10 * MAX_LIFETIME + MARGIN);
    }

    #[test]
    fn an_account_remembers_sixteen_mutations_and_shows_no_password() {
        let mut account = account(Uuid::new_v4(), None);
        account.password = "hunter2hunter2".to_owned().into();
        let mutations: Vec<_> = (0..20).map(|_| Uuid::now_v7()).collect();
        for &mutation in &mutations {
            account = account.then(mutation, 0);
        }
        assert_eq!((account.mutation(), account.history.len(), account.updated_at), (mutations[19], HISTORY, 1));
        assert!(account.remembers(mutations[4]) && !account.remembers(mutations[3]));
        assert!(!format!("{account:?}").contains("hunter2"));
    }
}

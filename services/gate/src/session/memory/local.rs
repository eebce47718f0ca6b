use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use moka::{policy::EvictionPolicy, sync::Cache};
use uuid::Uuid;

use super::{
    super::{GRACE, TRUSTED},
    Entry, Key, Look, Memory, Moment,
};
use crate::limit::{Count, Rate, Subject};

/// How many of each are remembered; beyond, what was not asked for longest goes.
const MOST: u64 = 100_000;
/// The longest period of a rate.
const LONGEST: Duration = Duration::from_hours(1);

/// The memory in this process.
pub(crate) struct Local {
    born: Instant,
    /// By session, with the time of their confirmation.
    entries: Cache<Uuid, (Entry, i64)>,
    /// Accounts and sessions, with the time from which on nothing older is believed.
    ended: Cache<Uuid, i64>,
    counts: Cache<Subject, Arc<Mutex<i64>>>,
}

impl Local {
    pub(crate) fn new() -> Self {
        Self {
            born: Instant::now(),
            entries: cache(TRUSTED + GRACE),
            ended: cache(TRUSTED + GRACE),
            counts: cache(LONGEST),
        }
    }

    /// What [`count`](Memory::count) would answer.
    pub(crate) fn peek(&self, subject: &Subject, rate: Rate) -> Count {
        let paid = self.counts.get(subject).map_or(0, |paid| *paid.lock().unwrap_or_else(PoisonError::into_inner));
        rate.step(paid, self.now()).1
    }

    fn now(&self) -> i64 {
        i64::try_from(self.born.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn step(&self, subject: &Subject, rate: Rate) -> Count {
        let paid = self.counts.entry_by_ref(subject).or_default().into_value();
        let mut paid = paid.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, count) = rate.step(*paid, self.now());
        *paid = next;
        count
    }

    fn is_over(&self, key: Key, confirmed: i64) -> bool {
        [key.account, key.session].iter().any(|id| self.ended.get(id).is_some_and(|ended| confirmed <= ended))
    }
}

fn cache<K: std::hash::Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static>(
    idle: Duration,
) -> Cache<K, V> {
    Cache::builder().max_capacity(MOST).eviction_policy(EvictionPolicy::lru()).time_to_idle(idle).build()
}

#[async_trait]
impl Memory for Local {
    async fn look(&self, key: Key, rate: Option<Rate>) -> Look {
        let now = self.now();
        let kept = self.entries.get(&key.session).filter(|(entry, confirmed)| {
            // A session's id is no secret: what it is asked for must be its own account.
            entry.identity.id == key.account && !self.is_over(key, *confirmed)
        });
        let age = |confirmed: i64| Duration::from_micros((now - confirmed).max(0).unsigned_abs());
        let count = kept.as_ref().and(rate).map(|rate| self.step(&Subject::Account(key.account), rate));
        Look { entry: kept.map(|(entry, confirmed)| (entry, age(confirmed))), now: Moment::Local(now), count }
    }

    async fn keep(&self, key: Key, entry: &Entry, confirmed: Moment, rate: Option<Rate>) -> Option<Count> {
        if let Moment::Local(confirmed) = confirmed
            && !self.is_over(key, confirmed)
        {
            self.entries.insert(key.session, (entry.clone(), confirmed));
        }
        rate.map(|rate| self.step(&Subject::Account(key.account), rate))
    }

    async fn count(&self, subject: &Subject, rate: Rate) -> Count {
        self.step(subject, rate)
    }

    async fn forget(&self, account: Uuid, session: Option<Uuid>) {
        self.ended.insert(session.unwrap_or(account), self.now());
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{super::super::entry::tests::entry, *};

    const KEY: Key = Key { account: Uuid::nil(), session: Uuid::max() };

    #[tokio::test]
    async fn what_was_confirmed_before_the_end_is_not_believed_after() {
        for session in [None, Some(KEY.session)] {
            let memory = Local::new();
            let before = memory.look(KEY, None).await;
            assert!(before.entry.is_none());
            memory.keep(KEY, &entry(9), before.now, None).await;
            assert!(memory.look(KEY, None).await.entry.is_some());
            memory.forget(KEY.account, session).await;
            assert!(memory.look(KEY, None).await.entry.is_none());
            memory.keep(KEY, &entry(9), before.now, None).await;
            assert!(memory.look(KEY, None).await.entry.is_none(), "read before the end, kept after it");
            let other = Key { session: Uuid::from_u128(7), ..KEY };
            while memory.look(KEY, None).await.now == before.now {}
            let after = memory.look(other, None).await;
            memory.keep(other, &entry(9), after.now, None).await;
            assert_eq!(memory.look(other, None).await.entry.map(|(entry, _)| entry.identity.id), Some(KEY.account));
        }
    }

    #[tokio::test]
    async fn requests_are_counted_where_the_token_is_known() {
        let (memory, rate) = (Local::new(), Some("2/1h".parse().unwrap()));
        let look = memory.look(KEY, rate).await;
        assert_eq!(look.count, None, "anybody can claim an account");
        let counts = [
            memory.keep(KEY, &entry(9), look.now, rate).await,
            memory.look(KEY, rate).await.count,
            memory.look(KEY, rate).await.count,
        ];
        assert_eq!(counts.map(|count| count.map(|count| count.is_refused())), [Some(false), Some(false), Some(true)]);
        // Of one network of 64 bits.
        let [address, other] =
            [1, 2].map(|last| Subject::Address(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]).into()));
        let rate = "1/1h".parse().unwrap();
        assert!(!memory.peek(&address, rate).is_refused() && !memory.count(&address, rate).await.is_refused());
        assert!(memory.peek(&other, rate).is_refused() && memory.count(&other, rate).await.is_refused());
    }
}

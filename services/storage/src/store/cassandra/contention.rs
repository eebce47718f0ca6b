//! Writers of one Paxos partition end each other's rounds, and a round that was ended answers as a time-out. So those
//! of one process take turns, and those of several step aside for a while.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    time::Duration,
};

use tokio::sync::{Mutex, MutexGuard};

/// Far more than writes are under way, so that two records seldom share a turn.
const TURNS: usize = 4096;
/// The longest pause before the second attempt; it doubles with each.
const PAUSE: Duration = Duration::from_millis(20);
const DOUBLED: u32 = 5;

/// Whose turn it is, for every partition.
pub(super) struct Turns {
    state: RandomState,
    turns: Box<[Mutex<()>]>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { state: RandomState::new(), turns: (0..TURNS).map(|_| Mutex::default()).collect() }
    }
}

impl Turns {
    /// Waits for the turn of the partition with this key; `true` if another writer had it.
    pub(super) async fn take(&self, key: impl Hash) -> (MutexGuard<'_, ()>, bool) {
        let hash = self.state.hash_one(key);
        let turn = &self.turns[usize::try_from(hash % TURNS as u64).unwrap_or(0)];
        match turn.try_lock() {
            Ok(taken) => (taken, false),
            Err(_) => (turn.lock().await, true),
        }
    }
}

/// Steps aside before attempt `number`, counted from 0, for a random while.
pub(super) async fn step_aside(number: u32) {
    if number > 0 {
        let longest = PAUSE * 2_u32.pow(number.min(DOUBLED) - 1);
        tokio::time::sleep(longest.mul_f64(rand::random())).await;
    }
}

//! When a change of an index may be gone on with, and by whom.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use uuid::Uuid;

use super::leaves::{Map, Mode};

/// How indexes change.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long everybody is given to know of leaves before it is relied on: the lease on definitions, the attempts of a
    /// write, and the half minute for which a coordinator may stop and go on.
    pub settled: Duration,
    /// How often it is looked whether something is to be done; five times as often while something waits. The longest there
    /// is: never.
    pub idle: Duration,
    /// What nobody went on with for so long, whoever sees that goes on with.
    pub abandoned: Duration,
    /// Entries of a partition beyond which its leaf is cut.
    pub full: u64,
}

impl Default for Pace {
    /// Of entries of a hundred bytes, a partition of 3 MB; of those of more than 1 KiB, 40 MB.
    fn default() -> Self {
        let (settled, idle, abandoned) = (Duration::from_mins(1), Duration::from_secs(5), Duration::from_secs(10));
        Self { settled, idle, abandoned, full: 32 * 1024 }
    }
}

/// What this process saw of the changes of indexes.
#[derive(Default)]
pub(super) struct Watched {
    changes: Mutex<HashMap<Uuid, Seen>>,
    /// Of an index, when this process noted last that something is to be done for it.
    notes: Mutex<HashMap<Uuid, Instant>>,
    /// Something is to be done.
    pub(super) noted: Notify,
}

struct Seen {
    version: Option<Uuid>,
    /// Since when, and whether this process made it.
    since: (Instant, bool),
    change: Option<(Mode, Uuid)>,
    begun: Instant,
}

impl Watched {
    /// For how long this process has known of the change; and for how long of its last step, if another made that.
    pub(super) fn see(&self, index: Uuid, map: &Map) -> (Duration, Option<Duration>) {
        let (now, change) = (Instant::now(), map.change());
        let mut all = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(index).or_insert(Seen { version: None, since: (now, false), change, begun: now });
        if seen.version != map.version {
            (seen.version, seen.since) = (map.version, (now, false));
        }
        if seen.change != change {
            (seen.change, seen.begun) = (change, now);
        }
        let (since, is_ours) = seen.since;
        (seen.begun.elapsed(), (!is_ours && map.version.is_some()).then(|| since.elapsed()))
    }

    /// Whether this process noted it within half a minute; if not, it is about to.
    pub(super) fn noted_lately(&self, index: Uuid) -> bool {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.retain(|_, noted| noted.elapsed() < Duration::from_secs(30));
        let is_new = !notes.contains_key(&index);
        notes.entry(index).or_insert_with(Instant::now);
        !is_new
    }

    pub(super) fn made(&self, index: Uuid, version: Uuid) {
        let mut all = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = all.get_mut(&index) {
            (seen.version, seen.since) = (Some(version), (Instant::now(), true));
        }
    }

    pub(super) fn forget(&self, index: Uuid) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).remove(&index);
    }
}

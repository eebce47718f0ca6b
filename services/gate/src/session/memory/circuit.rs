use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use metrics::{counter, gauge};
use tokio::time::Instant;
use tracing::{info, warn};

/// Leaves a part that failed alone for a while, and then lets one request at a time try it.
pub(super) struct Circuit {
    born: Instant,
    rest: Duration,
    /// 0 while all is well; else the time, in milliseconds since `born`, from which on one may try.
    retry: AtomicU64,
}

impl Circuit {
    pub(super) fn new(rest: Duration) -> Self {
        gauge!("skep_redis_away").set(0.0);
        Self { born: Instant::now(), rest, retry: AtomicU64::new(0) }
    }

    /// Whether the part may be asked. Who may while others may not, and does not come back, is followed by the next
    /// after another rest.
    pub(super) fn admits(&self) -> bool {
        let retry = self.retry.load(Relaxed);
        if retry == 0 {
            return true;
        }
        let now = self.millis();
        now >= retry && self.retry.compare_exchange(retry, self.next(now), Relaxed, Relaxed).is_ok()
    }

    pub(super) fn succeeded(&self) {
        if self.retry.load(Relaxed) != 0 && self.retry.swap(0, Relaxed) != 0 {
            gauge!("skep_redis_away").set(0.0);
            info!("redis is back");
        }
    }

    pub(super) fn failed(&self, why: &dyn std::fmt::Display) {
        counter!("skep_redis_failures_total").increment(1);
        if self.retry.swap(self.next(self.millis()), Relaxed) == 0 {
            gauge!("skep_redis_away").set(1.0);
            warn!(error.message = %why, "redis is away; sessions and limits are kept in this process");
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Never 0.
    fn next(&self, now: u64) -> u64 {
        now + u64::try_from(self.rest.as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_tries_what_failed() {
        let circuit = Circuit::new(Duration::from_secs(1));
        assert!(circuit.admits() && circuit.admits());
        circuit.failed(&"time-out");
        assert!(!circuit.admits());
        advance(Duration::from_millis(999)).await;
        assert!(!circuit.admits());
        advance(Duration::from_millis(1)).await;
        assert!(circuit.admits() && !circuit.admits(), "one alone");
        advance(Duration::from_secs(1)).await;
        assert!(circuit.admits() && !circuit.admits(), "the first did not come back");
        circuit.failed(&"time-out");
        advance(Duration::from_secs(1)).await;
        assert!(circuit.admits());
        circuit.succeeded();
        assert!(circuit.admits() && circuit.admits());
    }
}

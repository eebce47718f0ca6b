//! A stop that is told before it is made: who asks regularly whether the gate is ready, as load balancers do, learns that it
//! is not while it still answers.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

/// Who has not asked for so long does not ask regularly.
const LATELY: Duration = Duration::from_secs(15);

/// Who asks, and whether they were told.
#[derive(Default)]
pub(crate) struct Notice {
    asked: Mutex<Option<Instant>>,
    told: Notify,
}

impl Notice {
    /// Somebody asks, and is told whether the gate is stopping.
    pub(super) fn asked(&self, is_stopping: bool) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        if is_stopping {
            self.told.notify_one();
        }
    }

    /// Waits until who asks regularly was told; for so long at most, and not at all where nobody does.
    pub(super) async fn given(&self, most: Duration) {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_some_and(|asked| asked.elapsed() < LATELY) {
            let _ = timeout(most.min(LATELY), self.told.notified()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_waited_for_those_who_ask_regularly() {
        let (notice, start) = (Notice::default(), Instant::now());
        let waited = async |most| {
            let begun = Instant::now();
            notice.given(most).await;
            begun.elapsed()
        };
        assert_eq!(waited(LATELY).await, Duration::ZERO, "nobody asked");
        notice.asked(false);
        assert_eq!(waited(Duration::from_secs(2)).await, Duration::from_secs(2), "nobody was told");
        notice.asked(true);
        assert_eq!(waited(LATELY).await, Duration::ZERO, "it is told");
        tokio::time::advance(LATELY).await;
        assert_eq!(waited(LATELY).await, Duration::ZERO, "nobody asks any more");
        assert!(start.elapsed() < 2 * LATELY);
    }
}

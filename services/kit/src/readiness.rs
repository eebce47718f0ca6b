use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use tokio::time::timeout;

/// How long one check may take.
const WITHIN: Duration = Duration::from_secs(2);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Whether this process is of use to others: when it has said what it needs, all of that is well, and it
/// is not about to stop.
#[derive(Clone, Default)]
pub struct Readiness(Arc<State>);

#[derive(Default)]
struct State {
    checks: RwLock<Vec<(&'static str, Check)>>,
    once: AtomicBool,
    withdrawn: AtomicBool,
}

/// What the checks said, by name: `ok`, or why not.
#[derive(Debug, serde::Serialize)]
pub struct Report {
    status: &'static str,
    checks: BTreeMap<&'static str, String>,
}

impl Report {
    /// Whether this process can do its work now.
    pub fn is_ready(&self) -> bool {
        self.status == "ready"
    }

    /// `ready`, `unready`, `starting` or `stopping`.
    pub fn status(&self) -> &'static str {
        self.status
    }
}

impl Readiness {
    /// Adds something this process needs; `check` says whether it is there now, and is given 2 s. A process
    /// without any check is still starting, so add the first after the doors are open.
    pub fn add(
        &self,
        name: &'static str,
        check: impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    ) {
        self.0.checks.write().unwrap_or_else(PoisonError::into_inner).push((name, Arc::new(check)));
    }

    /// From here on not ready, whatever the checks say: the process is stopping.
    pub(crate) fn withdraw(&self) {
        self.0.withdrawn.store(true, Ordering::Release);
    }

    /// Whether the process is stopping.
    pub fn is_withdrawn(&self) -> bool {
        self.0.withdrawn.load(Ordering::Acquire)
    }

    /// Asks every check, all at once.
    pub async fn report(&self) -> Report {
        let checks = self.0.checks.read().unwrap_or_else(PoisonError::into_inner).clone();
        let answers = join_all(checks.into_iter().map(|(name, check)| async move {
            let answer = timeout(WITHIN, check()).await.unwrap_or_else(|_| Err("no answer within 2 s".to_owned()));
            (name, answer.err())
        }))
        .await;
        let status = match () {
            () if self.is_withdrawn() => "stopping",
            () if answers.is_empty() => "starting",
            () if answers.iter().any(|(_, fault)| fault.is_some()) => "unready",
            () => "ready",
        };
        if status == "ready" {
            self.0.once.store(true, Ordering::Release);
        }
        let checks =
            answers.into_iter().map(|(name, fault)| (name, fault.unwrap_or_else(|| "ok".to_owned()))).collect();
        Report { status, checks }
    }

    /// Whether this process was ready once: what a container's health check asks, so that a replica is
    /// reached only when it is ready, and one that lost a dependency is not restarted for that.
    pub(crate) async fn was_ready(&self) -> bool {
        self.0.once.load(Ordering::Acquire) || self.report().await.is_ready()
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use serde_json::json;
    use tokio::time::Instant;

    use super::*;

    async fn said(ready: &Readiness) -> serde_json::Value {
        serde_json::to_value(ready.report().await).unwrap()
    }

    #[tokio::test]
    async fn a_process_is_healthy_from_the_first_time_it_is_ready() {
        let ready = Readiness::default();
        assert_eq!(said(&ready).await, json!({"status": "starting", "checks": {}}));
        assert!(!ready.was_ready().await, "nothing was checked yet");

        let store = Arc::new(AtomicBool::new(false));
        let seen = store.clone();
        ready.add("store", move || {
            let well = seen.load(Ordering::Relaxed);
            Box::pin(async move { if well { Ok(()) } else { Err("no quorum".to_owned()) } })
        });
        assert_eq!(said(&ready).await, json!({"status": "unready", "checks": {"store": "no quorum"}}));
        assert!(!ready.was_ready().await);

        store.store(true, Ordering::Relaxed);
        assert!(ready.was_ready().await, "asked by itself, without /readyz");
        assert_eq!(said(&ready).await, json!({"status": "ready", "checks": {"store": "ok"}}));

        store.store(false, Ordering::Relaxed);
        assert!(!ready.report().await.is_ready());
        assert!(ready.was_ready().await, "a lost dependency restarts nothing");

        store.store(true, Ordering::Relaxed);
        ready.withdraw();
        assert_eq!(said(&ready).await, json!({"status": "stopping", "checks": {"store": "ok"}}));
    }

    #[tokio::test(start_paused = true)]
    async fn checks_are_asked_at_once_and_bounded() {
        let ready = Readiness::default();
        ready.add("slow", || Box::pin(pending()));
        ready.add("slower", || Box::pin(pending()));
        ready.add("quick", || Box::pin(async { Ok(()) }));
        let start = Instant::now();
        let late = "no answer within 2 s";
        assert_eq!(said(&ready).await["checks"], json!({"slow": late, "slower": late, "quick": "ok"}));
        assert_eq!(start.elapsed().as_secs(), 2);
    }
}

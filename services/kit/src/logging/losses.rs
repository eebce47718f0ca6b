use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tracing::warn;

/// How many lines were lost, for each stream.
#[derive(Default)]
pub(crate) struct Losses(Vec<Loss>);

struct Loss {
    service: &'static str,
    sink: &'static str,
    total: Arc<AtomicU64>,
    told: AtomicU64,
}

impl Losses {
    pub(super) fn watch(&mut self, service: &'static str, sink: &'static str, total: Arc<AtomicU64>) {
        self.0.push(Loss { service, sink, total, told: AtomicU64::new(0) });
    }

    /// The services that write files.
    pub(super) fn services(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(|loss| loss.sink == "file").map(|loss| loss.service)
    }

    /// Sets the counters.
    pub(crate) fn publish(&self) {
        for loss in &self.0 {
            metrics::counter!("skep_log_lines_lost_total", "service" => loss.service, "sink" => loss.sink)
                .absolute(loss.total());
        }
    }

    /// How many lines of `service` did not get to `sink`.
    #[cfg(test)]
    pub(super) fn total(&self, service: &str, sink: &str) -> u64 {
        self.0.iter().filter(|loss| loss.service == service && loss.sink == sink).map(Loss::total).sum()
    }

    /// Says in the log what was lost since the last time.
    pub(crate) fn tell(&self) {
        for loss in &self.0 {
            let total = loss.total();
            let lost = total - loss.told.swap(total, Ordering::Relaxed);
            if lost > 0 {
                warn!(log.stream = loss.service, log.sink = loss.sink, lost, total, "log lines lost");
            }
        }
    }
}

impl Loss {
    fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

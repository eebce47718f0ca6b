use std::time::Duration;

use metrics::{Counter, Histogram};

/// From then on the log is told: a third of what a statement that may be repeated can take, and a hundred times what a disk
/// mostly takes.
const SLOW: Duration = Duration::from_millis(500);

/// Something that a store asks of its nodes or its disk, counted under a name.
pub(crate) struct Operation {
    taken: Histogram,
    failed: Counter,
}

impl Operation {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            taken: metrics::histogram!("skep_store_operation_duration_seconds", "operation" => name),
            failed: metrics::counter!("skep_store_operations_failed_total", "operation" => name),
        }
    }

    /// Counts one that ended; the nanoseconds that it took, if those are so many that the log is to be told.
    pub(crate) fn ended(&self, taken: Duration, well: bool) -> Option<u64> {
        self.taken.record(taken.as_secs_f64());
        if !well {
            self.failed.increment(1);
        }
        (taken >= SLOW).then(|| u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX))
    }
}

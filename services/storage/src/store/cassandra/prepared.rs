//! A statement as it is sent: counted, and told where it was slow.

use std::time::{Duration, Instant};

use metrics::{Counter, Histogram};
use scylla::{
    errors::ExecutionError, response::query_result::QueryResult, serialize::row::SerializeRow,
    statement::prepared::PreparedStatement,
};

use super::session::Link;

/// A third of what a statement that may be repeated can take.
const SLOW: Duration = Duration::from_millis(500);

/// A prepared statement under the name that logs and metrics know it by.
pub(super) struct Prepared {
    name: &'static str,
    statement: PreparedStatement,
    taken: Histogram,
    failed: Counter,
}

impl Prepared {
    pub(super) fn new(name: &'static str, statement: PreparedStatement) -> Self {
        let taken = metrics::histogram!("skep_store_operation_duration_seconds", "operation" => name);
        let failed = metrics::counter!("skep_store_operations_failed_total", "operation" => name);
        Self { name, statement, taken, failed }
    }

    pub(super) async fn send(&self, link: &Link, values: impl SerializeRow) -> Result<QueryResult, ExecutionError> {
        let begun = Instant::now();
        let answer = link.execute(&self.statement, values).await;
        let taken = begun.elapsed();
        self.taken.record(taken.as_secs_f64());
        if answer.is_err() {
            self.failed.increment(1);
        }
        if taken >= SLOW {
            self.tell(taken, answer.as_ref());
        }
        answer
    }

    /// Without its values: they are what users keep.
    fn tell(&self, taken: Duration, answer: Result<&QueryResult, &ExecutionError>) {
        tracing::warn!(
            db.system.name = "cassandra",
            db.operation.name = self.name,
            db.query.text = self.statement.get_statement(),
            event.duration = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX),
            server.address =
                answer.ok().map(|answer| tracing::field::display(answer.request_coordinator().connection_address())),
            error.message = answer.err().map(tracing::field::display),
            "slow statement"
        );
    }
}

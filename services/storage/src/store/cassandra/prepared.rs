//! A statement as it is sent: counted, and told where it was slow.

use std::time::Instant;

use scylla::{
    errors::ExecutionError, response::query_result::QueryResult, serialize::row::SerializeRow,
    statement::prepared::PreparedStatement,
};

use super::session::Link;
use crate::store::operation::Operation;

/// A prepared statement under the name that logs and metrics know it by.
pub(super) struct Prepared {
    name: &'static str,
    statement: PreparedStatement,
    counted: Operation,
}

impl Prepared {
    pub(super) fn new(name: &'static str, statement: PreparedStatement) -> Self {
        Self { name, statement, counted: Operation::new(name) }
    }

    pub(super) async fn send(&self, link: &Link, values: impl SerializeRow) -> Result<QueryResult, ExecutionError> {
        let begun = Instant::now();
        let answer = link.execute(&self.statement, values).await;
        if let Some(nanos) = self.counted.ended(begun.elapsed(), answer.is_ok()) {
            self.tell(nanos, answer.as_ref());
        }
        answer
    }

    /// Without its values: they are what users keep.
    fn tell(&self, nanos: u64, answer: Result<&QueryResult, &ExecutionError>) {
        tracing::warn!(
            db.system.name = "cassandra",
            db.operation.name = self.name,
            db.query.text = self.statement.get_statement(),
            event.duration = nanos,
            server.address =
                answer.ok().map(|answer| tracing::field::display(answer.request_coordinator().connection_address())),
            error.message = answer.err().map(tracing::field::display),
            "slow statement"
        );
    }
}

//! A statement as it is sent: counted, and told where it was slow.

use std::{borrow::Cow, net::SocketAddr, time::Instant};

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
        let given_up = Some(Cow::Borrowed("given up"));
        let mut sent = Sent { of: self, begun: Instant::now(), node: None, error: given_up };
        let answer = link.execute(&self.statement, values).await;
        sent.node = answer.as_ref().ok().map(|answer| answer.request_coordinator().connection_address());
        sent.error = answer.as_ref().err().map(|error| error.to_string().into());
        answer
    }
}

/// One under way. It is counted also when its caller gives it up in the middle, which befalls the slow ones.
struct Sent<'a> {
    of: &'a Prepared,
    begun: Instant,
    /// Who answered.
    node: Option<SocketAddr>,
    error: Option<Cow<'static, str>>,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        let Some(nanos) = self.of.counted.ended(self.begun.elapsed(), self.error.is_none()) else { return };
        // Without its values: they are what users keep.
        tracing::warn!(
            db.system.name = "cassandra",
            db.operation.name = self.of.name,
            db.query.text = self.of.statement.get_statement(),
            event.duration = nanos,
            server.address = self.node.map(tracing::field::display),
            error.message = self.error.as_deref(),
            "slow statement"
        );
    }
}

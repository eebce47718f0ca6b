//! Failures of statements, as callers and operators are told of them.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use skep_proto::{Code, Error};

/// Of an outage every statement tells: the log is told of one in so long, and of how many there were.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The failures that the log was not told of yet, and when it was last.
#[derive(Default)]
pub(super) struct Failures(Mutex<(u64, Option<Instant>)>);

impl Failures {
    /// What a failed statement is told as. That nodes are down, slow or not enough is no fault of ours.
    #[allow(clippy::needless_pass_by_value, reason = "stands in map_err")]
    pub(super) fn failed(&self, error: ExecutionError) -> Error {
        if is_ours(&error) {
            tracing::error!(error.message = %error, "the database refused a statement");
            return Error::new(Code::Internal, "the database refused a statement");
        }
        let (failed, told) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *failed += 1;
        if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            tracing::warn!(error.message = %error, statements = *failed, "statements failed");
            (*failed, *told) = (0, Some(Instant::now()));
        }
        unavailable()
    }
}

/// Whether the statement itself was at fault, so that nothing was done.
pub(super) fn is_ours(error: &ExecutionError) -> bool {
    match error {
        ExecutionError::BadQuery(_) | ExecutionError::LastAttemptError(RequestAttemptError::SerializationError(_)) => {
            true
        }
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, _)) => {
            matches!(error, DbError::SyntaxError | DbError::Invalid | DbError::ConfigError | DbError::Unauthorized)
        }
        _ => false,
    }
}

/// An answer of another form than was asked for.
#[allow(clippy::needless_pass_by_value, reason = "stands in map_err")]
pub(super) fn damaged(error: impl std::fmt::Display) -> Error {
    tracing::error!(error.message = %error, "an answer of the database cannot be read");
    Error::new(Code::Internal, "a stored value cannot be read")
}

/// Nothing is said of what became of a write.
pub(super) fn unavailable() -> Error {
    Error::new(Code::Unavailable, "the database does not answer, or not enough of it; ask again")
}

use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use skep_proto::{Code, Error};

/// What a failed statement is told as. That nodes are down, slow or not enough is no fault of ours.
#[allow(clippy::needless_pass_by_value, reason = "stands in map_err")]
pub(super) fn failed(error: ExecutionError) -> Error {
    tracing::warn!(error.message = %error, "a statement failed");
    if is_ours(&error) { Error::new(Code::Internal, "the database refused a statement") } else { unavailable() }
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

use std::{collections::HashMap, fmt, time::Duration};

use prost::Message;
use tonic::{Code as Grpc, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{Code, v1::WriteError};

const DOMAIN: &str = "skep";
/// Bytes of a detail. Over gRPC an error travels in headers, which are bounded; beyond, the whole connection breaks.
const DETAIL: usize = 512;
/// Places that are told.
const VIOLATIONS: usize = 16;
/// Bytes of a pointer, and of what is said of its place.
const PLACE: usize = 128;

/// A place in a request's body, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// A JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// What is wrong, for people.
    pub detail: String,
}

/// A call that was not served. It keeps its meaning over the gRPC hop, there and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Why, for programs.
    pub code: Code,
    /// Why, for people: about this occurrence, and what to do.
    pub detail: String,
    /// Where in the body.
    pub violations: Vec<Violation>,
    /// When to ask again, where that helps.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// An error without violations; the codes that pass by themselves ask to be retried after a second.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let passes = matches!(code, Code::Overloaded | Code::Unavailable | Code::DeadlineExceeded);
        Self {
            code,
            detail: cut(detail.into(), DETAIL),
            violations: Vec::new(),
            retry_after: passes.then_some(Duration::from_secs(1)),
        }
    }

    /// Adds a place in the body, as long as there are few.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        if self.violations.len() < VIOLATIONS {
            self.violations.push(Violation { pointer: cut(pointer.into(), PLACE), detail: cut(detail.into(), PLACE) });
        }
        self
    }

    /// Has the places lie under the pointer `place`: what was the body is a part of it.
    #[must_use]
    pub fn under(mut self, place: &str) -> Self {
        for violation in &mut self.violations {
            violation.pointer = cut(format!("{place}{}", violation.pointer), PLACE);
        }
        self
    }

    /// Says before the detail where it arose.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self { detail: cut(format!("{place}: {}", self.detail), DETAIL), ..self }
    }
}

fn cut(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.detail)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let mut details = ErrorDetails::with_error_info(error.code.word().to_uppercase(), DOMAIN, HashMap::new());
        for Violation { pointer, detail } in error.violations {
            details.add_bad_request_violation(pointer, detail);
        }
        if error.retry_after.is_some() {
            details.set_retry_info(error.retry_after);
        }
        Self::with_error_details(error.code.grpc(), error.detail, details)
    }
}

impl From<Status> for Error {
    /// A status that is none of ours (a proxy's, the transport's) is told by its gRPC code.
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let ours = details
            .error_info()
            .filter(|info| info.domain == DOMAIN)
            .and_then(|info| Code::ALL.iter().copied().find(|code| code.word().eq_ignore_ascii_case(&info.reason)));
        let code = ours.unwrap_or(match status.code() {
            Grpc::Unavailable | Grpc::Cancelled => Code::Unavailable,
            Grpc::DeadlineExceeded => Code::DeadlineExceeded,
            Grpc::ResourceExhausted => Code::Overloaded,
            _ => Code::Internal,
        });
        let mut error = Self::new(code, status.message());
        if let Some(retry) = details.retry_info() {
            error.retry_after = retry.retry_delay;
        }
        for violation in details.bad_request().into_iter().flat_map(|bad| &bad.field_violations) {
            error = error.at(&violation.field, &violation.description);
        }
        error
    }
}

/// The details of a [`Status`] are a whole `google.rpc.Status`, encoded; a [`WriteError`] has its fields.
impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::decode(Status::from(error).details()).unwrap_or_default()
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        let details = error.encode_to_vec().into();
        Status::with_details(error.code.into(), error.message, details).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_hop() {
        for &code in Code::ALL {
            let error = Error::new(code, "why").at("/data/a~1b", "is wrong");
            let status = Status::from(error.clone());
            assert_eq!(status.code(), code.grpc());
            assert_eq!(Error::from(status), error);
            let told = WriteError::from(error.clone());
            assert_eq!((told.code, &*told.message), (code.grpc() as i32, "why"));
            assert_eq!(Error::from(told), error);
        }
    }

    #[test]
    fn an_error_stays_small_enough_for_headers() {
        let mut error = Error::new(Code::InvalidBody, "é".repeat(10_000)).within("é".repeat(10_000));
        for _ in 0..1000 {
            error = error.at("/x".repeat(1000), "\u{0}".repeat(1000));
        }
        assert!(Status::from(error).details().len() < 6 << 10);
    }

    #[test]
    fn words_are_unique_and_statuses_are_faults() {
        let words: std::collections::HashSet<_> = Code::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.http())));
    }

    #[test]
    fn a_foreign_status_is_told_by_its_code() {
        assert_eq!(Error::from(Status::unavailable("connection reset")).code, Code::Unavailable);
        assert_eq!(Error::from(Status::unknown("?")).code, Code::Internal);
    }
}

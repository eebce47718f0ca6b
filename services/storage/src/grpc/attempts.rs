//! How often a call was made before: its message may count that, and so may the transport that it came by.

use skep_proto::v1::{write_operation::Operation, *};
use tonic::Request;

/// What transports of gRPC that repeat a call say (proposal A6).
const PREVIOUS: &str = "grpc-previous-rpc-attempts";

/// A message that counts the attempts at its writes.
pub(super) trait Attempt {
    fn add(&mut self, attempts: i32);
}

macro_rules! attempt {
    ($($message:ident)*) => {
        $(impl Attempt for $message {
            fn add(&mut self, attempts: i32) {
                self.attempt = self.attempt.saturating_add(attempts);
            }
        })*
    };
}

attempt!(CreateRecordRequest UpdateRecordRequest PatchRecordRequest DeleteRecordRequest);

impl Attempt for BatchWriteRecordsRequest {
    fn add(&mut self, attempts: i32) {
        for operation in self.operations.iter_mut().filter_map(|operation| operation.operation.as_mut()) {
            match operation {
                Operation::Create(asked) => asked.add(attempts),
                Operation::Update(asked) => asked.add(attempts),
                Operation::Patch(asked) => asked.add(attempts),
                Operation::Delete(asked) => asked.add(attempts),
            }
        }
    }
}

/// The request, with the attempts that its transport has counted.
pub(super) fn counted<M: Attempt>(mut request: Request<M>) -> Request<M> {
    let previous = request.metadata().get(PREVIOUS).and_then(|previous| previous.to_str().ok()?.parse::<u16>().ok());
    if let Some(previous) = previous {
        request.get_mut().add(previous.into());
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(previous: &str, attempt: i32) -> i32 {
        let mut request = Request::new(PatchRecordRequest { attempt, ..Default::default() });
        request.metadata_mut().insert(PREVIOUS, previous.parse().unwrap());
        counted(request).into_inner().attempt
    }

    #[test]
    fn attempts_of_the_caller_and_of_the_transport_add_up() {
        assert_eq!([asked("1", 0), asked("2", 3), asked("0", 1), asked("-1", 1), asked("x", 1)], [1, 5, 1, 1, 1]);
        assert_eq!(asked("9", i32::MAX), i32::MAX);
    }

    #[test]
    fn those_of_a_batch_are_those_of_its_writes() {
        let create = Operation::Create(CreateRecordRequest::default());
        let operations = vec![WriteOperation { operation: Some(create) }, WriteOperation::default()];
        let mut request = Request::new(BatchWriteRecordsRequest { operations, ..Default::default() });
        request.metadata_mut().insert(PREVIOUS, "1".parse().unwrap());
        let counted = counted(request).into_inner();
        let Some(Operation::Create(made)) = &counted.operations[0].operation else { panic!("{counted:?}") };
        assert_eq!(made.attempt, 1);
    }
}

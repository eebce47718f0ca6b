//! Several writes in one call.

use prost::Message;
use sha2::{Digest, Sha256};
use skep_proto::{
    Code, Error,
    batch::{self, Told},
    v1::{write_operation::Operation, *},
};

use super::Engine;
use crate::records::Naming;

/// Does the same with the request of any kind.
macro_rules! each {
    ($operation:expr, $asked:ident => $same:expr) => {
        match $operation {
            Operation::Create($asked) => $same,
            Operation::Update($asked) => $same,
            Operation::Patch($asked) => $same,
            Operation::Delete($asked) => $same,
        }
    };
}

impl Engine {
    pub(super) async fn batch_write(
        &self,
        asked: BatchWriteRecordsRequest,
    ) -> Result<BatchWriteRecordsResponse, Error> {
        let BatchWriteRecordsRequest { parent, operations, idempotency_key, caller } = &asked;
        if !(1..=batch::OPERATIONS).contains(&operations.len()) {
            let detail = format!("a batch has 1 to {} operations, not {}", batch::OPERATIONS, operations.len());
            return Err(Error::new(Code::InvalidArgument, detail));
        }
        let operations = (operations.iter().enumerate())
            .map(|(place, operation)| adopt(&asked, place, operation.operation.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let naming = Naming { caller, idempotency_key, ..Naming::default() };
        let fingerprint = if idempotency_key.is_empty() { Vec::new() } else { fingerprint(&operations) };
        self.records.claim(parent, &fingerprint, naming).await?;
        let told = Told::default();
        let writes = operations.into_iter().map(|operation| (name(parent, &operation), self.write(operation, &told)));
        Ok(BatchWriteRecordsResponse { results: batch::run(writes).await })
    }

    async fn write(&self, operation: Operation, told: &Told) -> WriteResult {
        let written = match operation {
            Operation::Create(asked) => self.create(asked).await.map(|made| (made.record, true)),
            Operation::Update(asked) => self.update(asked).await.map(|updated| (updated.record, updated.created)),
            Operation::Patch(asked) => self.patch(asked).await.map(|patched| (patched.record, false)),
            Operation::Delete(asked) => self.delete(asked).await.map(|_| (None, false)),
        };
        // Reads of the embedded store and checks of data wait for nothing, and would keep others waiting.
        tokio::task::yield_now().await;
        match written {
            Ok((record, created)) => {
                WriteResult { record: record.map(|record| told.fit(record)), created, error: None }
            }
            Err(error) => {
                if error.code.http() >= 500 {
                    tracing::warn!(
                        error.code = error.code.word(),
                        error.message = error.detail,
                        "an operation of a batch failed"
                    );
                }
                WriteResult { error: Some(error.into()), ..WriteResult::default() }
            }
        }
    }
}

/// The operation with what is the whole batch's.
fn adopt(batch: &BatchWriteRecordsRequest, place: usize, operation: Option<Operation>) -> Result<Operation, Error> {
    let wrong = |what: &str| {
        Err(Error::new(Code::InvalidArgument, "an operation is not of its form")
            .at(format!("/operations/{place}"), what))
    };
    let Some(mut operation) = operation else { return wrong("is missing") };
    let within = format!("{}/records/", batch.parent);
    if name(&batch.parent, &operation).is_some_and(|name| !name.starts_with(&within)) {
        return wrong("is on another collection's record");
    }
    if let Operation::Create(asked) = &mut operation {
        if !asked.parent.is_empty() && asked.parent != batch.parent {
            return wrong("is on another collection's record");
        }
        asked.parent.clone_from(&batch.parent);
    }
    each!(&mut operation, asked => {
        if !asked.caller.is_empty() || !asked.idempotency_key.is_empty() {
            return wrong("bears a caller or a key, which are the batch's");
        }
        asked.caller.clone_from(&batch.caller);
        asked.idempotency_key = batch::key(&batch.idempotency_key, place);
    });
    Ok(operation)
}

/// The record that is written, if it has a name yet.
fn name(parent: &str, operation: &Operation) -> Option<String> {
    match operation {
        Operation::Create(asked) if asked.record_id.is_empty() => None,
        Operation::Create(asked) => Some(format!("{parent}/records/{}", asked.record_id)),
        Operation::Update(asked) => asked.record.as_ref().map(|record| record.name.clone()),
        Operation::Patch(PatchRecordRequest { name, .. }) | Operation::Delete(DeleteRecordRequest { name, .. }) => {
            Some(name.clone())
        }
    }
}

/// Of the operations, without what may differ where they are asked for again.
fn fingerprint(operations: &[Operation]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for operation in operations {
        let mut operation = operation.clone();
        each!(&mut operation, asked => {
            asked.mutation_id.clear();
            asked.attempt = 0;
        });
        match &mut operation {
            Operation::Create(_) => {}
            Operation::Update(asked) => asked.judged_etag.clear(),
            Operation::Patch(asked) => asked.judged_etag.clear(),
            Operation::Delete(asked) => asked.judged_etag.clear(),
        }
        hash.update(WriteOperation { operation: Some(operation) }.encode_length_delimited_to_vec());
    }
    hash.finalize().to_vec()
}

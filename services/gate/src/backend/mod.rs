//! What answers the gate's questions: one trait, met by the engine in this process or by one behind gRPC.

pub mod remote;

pub use skep_proto::{Contract as Backend, Local};

use std::time::Duration;

use skep_proto::{Code, Error};

/// Waits for a call's answer until its time is over, and keeps what only concerns the two processes from the client.
pub(crate) async fn within<T>(time: Duration, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let answer = tokio::time::timeout(time, call)
        .await
        .map_err(|_| Error::new(Code::DeadlineExceeded, "storage did not answer in time; ask again"))?;
    answer.map_err(|error| match error.code {
        // The gate's own token was refused; no client can mend that by signing in.
        Code::Unauthenticated => Error::new(Code::Internal, format!("storage refused the gate: {}", error.detail)),
        _ => error,
    })
}

//! Writes that rules admit, made on what was judged.

use skep_proto::{Code, Error, v1::Record};

use super::{demanded, stored};
use crate::{
    access::{Access, Verb, missing},
    http::{call::Call, path::RecordPath, precondition::Condition},
};

/// How often a write that others overtake is judged again.
const ATTEMPTS: usize = 8;
/// What was judged is that there is no record.
const ABSENT: &str = "-";
/// No record has this entity tag: under it nothing is written, and what was written before is answered.
const NEVER: &str = "never";

/// A write to one record, as the contract has it.
pub(super) trait Write: Clone + Send + Sync {
    type Answer: Send;

    /// How the lack of a record to match is told.
    const MISSING: Code;

    /// Whether it may be a repetition.
    fn is_keyed(&self) -> bool;

    /// On that condition of the client, and on what was judged.
    fn on(self, etag: String, judged_etag: String) -> Self;

    /// Whether it is admitted, where that is so whatever is stored.
    fn verdict(&self, access: &Access) -> Option<bool>;

    /// Whether it is admitted to what is stored. `overtaken` asks to judge again; with `schema_violation` nothing may be
    /// written, whatever the schema says by then.
    fn admits(
        &self,
        call: &Call,
        access: &Access,
        record: Option<&Record>,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    fn send(self, call: &Call) -> impl Future<Output = Result<Self::Answer, Error>> + Send;

    /// The record that an answer shows.
    fn shown(answer: &Self::Answer) -> Option<&Record>;
}

/// Makes the write if the caller may, and if the `condition` holds, which is judged after.
///
/// # Errors
///
/// What a refused caller is told; `overloaded` when the record changes too fast to be judged; and those of the write.
pub(super) async fn write<W: Write>(
    call: &Call,
    path: &RecordPath,
    condition: Option<&Condition<'_>>,
    message: W,
) -> Result<W::Answer, Error> {
    let access = call.access(path.parent()).await?;
    let is_keyed = message.is_keyed();
    let etag = async || demanded(call, path, condition, is_keyed, W::MISSING).await;
    match message.verdict(&access) {
        _ if access.is_unlimited() => return message.on(etag().await?, String::new()).send(call).await,
        Some(true) => return message.on(etag().await?, String::new()).send(call).await,
        Some(false) if access.account().is_none() => return Err(access.refusal()),
        _ => {}
    }
    for _ in 0..ATTEMPTS {
        let record = stored(call, path).await?;
        match message.admits(call, &access, record.as_ref()).await {
            Ok(true) => {}
            Ok(false) => {
                let must_exist = W::MISSING == Code::RecordNotFound;
                let refusal = match &record {
                    None if must_exist && access.account().is_some() => missing(&path.id),
                    record => access.refusal_of(&path.id, record.as_ref()),
                };
                return repeated(call, &access, message, etag().await, refusal).await;
            }
            Err(error) if error.code == Code::Overtaken => continue,
            Err(error) if error.code == Code::SchemaViolation => {
                return repeated(call, &access, message, etag().await, error).await;
            }
            Err(error) => return Err(error),
        }
        let judged = record.map_or_else(|| ABSENT.to_owned(), |record| record.etag);
        match message.clone().on(etag().await?, judged).send(call).await {
            Err(error) if error.code == Code::Overtaken => {}
            answer => return answer,
        }
    }
    Err(Error::new(Code::Overloaded, "the record is being written too often at this moment"))
}

/// The answer to a write that is refused: by now, for what its key names may have been made before, and is then answered
/// as it was.
async fn repeated<W: Write>(
    call: &Call,
    access: &Access,
    message: W,
    etag: Result<String, Error>,
    refusal: Error,
) -> Result<W::Answer, Error> {
    let Some(etag) = etag.ok().filter(|_| message.is_keyed()) else { return Err(refusal) };
    let answer = match message.on(etag, NEVER.to_owned()).send(call).await {
        Err(error) if error.code == Code::Overtaken => return Err(refusal),
        answer => answer?,
    };
    let is_hidden = W::shown(&answer).is_some_and(|record| !access.admits(Verb::Get, Some(record), None));
    if is_hidden { Err(refusal) } else { Ok(answer) }
}

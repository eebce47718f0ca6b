//! Lists of what their reader may see.

use std::time::{Duration, Instant};

use skep_proto::{
    Code, Error,
    v1::{ListRecordsRequest, ListRecordsResponse},
};

use crate::{
    access::{Access, Verb},
    http::call::Call,
};

/// Records of a page when the client does not say.
const PAGE: i32 = 30;
/// Records that storage is asked for at once where each is judged.
const CHUNK: i32 = 125;
/// How often storage is asked for a page.
const CALLS: usize = 8;
/// How long a page is sought.
const TIME: Duration = Duration::from_millis(500);
/// Bytes of data with which a page ends: with what one more answer of storage may hold it stays below 4 MiB.
const BYTES: usize = 512 << 10;

/// A page of what the caller may see. Where the rule looks at the records it may be short, or empty, and yet have a
/// successor.
///
/// # Errors
///
/// Those of a refused caller, where the rule does not look at the records; and those of storage.
pub(super) async fn page(call: &Call, mut message: ListRecordsRequest) -> Result<ListRecordsResponse, Error> {
    let access = call.access(message.parent.clone()).await?;
    if !access.uses_record(Verb::List) {
        if !access.admits(Verb::List, None, None) {
            return Err(access.refusal());
        }
        return call.ask(message, |backend, request| backend.list_records(request)).await;
    }
    if access.is_owner_only(Verb::List) {
        let Some(account) = access.account() else { return Ok(ListRecordsResponse::default()) };
        message.owner = account.to_string();
    } else if message.count {
        let detail = "count: the collection's rule for lists looks at each record, so they cannot be counted";
        return Err(Error::new(Code::Unsupported, detail));
    }
    seek(call, &access, message).await
}

/// Asks for no more than what is still wanted, so that the last token that storage gave goes on where the page ends.
async fn seek(call: &Call, access: &Access, mut message: ListRecordsRequest) -> Result<ListRecordsResponse, Error> {
    let wanted = usize::try_from(if message.page_size == 0 { PAGE } else { message.page_size }).unwrap_or_default();
    let (begun, mut page, mut bytes) = (Instant::now(), ListRecordsResponse::default(), 0);
    for _ in 0..CALLS {
        message.page_size = i32::try_from(wanted - page.records.len()).map_or(CHUNK, |left| left.min(CHUNK));
        let found = call.ask(message.clone(), |backend, request| backend.list_records(request)).await?;
        for record in found.records {
            if access.admits(Verb::List, Some(&record), None) {
                bytes += record.data.len();
                page.records.push(record);
            }
            // A rule over large data takes its time.
            tokio::task::yield_now().await;
        }
        page.next_page_token.clone_from(&found.next_page_token);
        (page.count, page.plan) = (page.count.or(found.count), found.plan);
        message.count = false;
        message.page_token = found.next_page_token;
        let is_full = page.records.len() >= wanted || bytes >= BYTES;
        if is_full || message.page_token.is_empty() || begun.elapsed() >= TIME {
            break;
        }
    }
    Ok(page)
}

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
/// Records that storage is asked for at once where each is judged: so many that only who has filled a collection with what he
/// may not see learns from a short page that there is such.
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
        return ask(call, message).await;
    }
    if message.count {
        let detail = "count: the collection's rule for lists looks at each record, so they cannot be counted";
        return Err(Error::new(Code::Unsupported, detail));
    }
    if access.is_owner_only(Verb::List) {
        let Some(account) = access.account() else { return Ok(ListRecordsResponse::default()) };
        message.owner = account.to_string();
    }
    seek(call, &access, message).await
}

/// Judges record by record. What is hidden must not show in where the page ends: a filter asks of it, and a token that
/// came only where something hidden is found would answer.
async fn seek(call: &Call, access: &Access, mut message: ListRecordsRequest) -> Result<ListRecordsResponse, Error> {
    let wanted = usize::try_from(if message.page_size == 0 { PAGE } else { message.page_size }).unwrap_or_default();
    let (begun, mut page, mut bytes) = (Instant::now(), ListRecordsResponse::default(), 0);
    message.always_token = !message.filter.is_empty();
    for _ in 0..CALLS {
        let left = i32::try_from(wanted - page.records.len()).unwrap_or(CHUNK);
        message.page_size = if message.filter.is_empty() { left.min(CHUNK) } else { CHUNK };
        let found = ask(call, message.clone()).await?;
        let (asked, mut seen) = (found.records.len(), 0);
        for record in found.records {
            seen += 1;
            if access.admits(Verb::List, Some(&record), None) {
                bytes += record.data.len();
                page.records.push(record);
            }
            if page.records.len() >= wanted {
                break;
            }
            // A rule over large data takes its time.
            tokio::task::yield_now().await;
        }
        (page.next_page_token, page.plan) = (found.next_page_token, found.plan);
        if seen < asked {
            // The page ends among them: the token of so many tells where.
            message.page_size = i32::try_from(seen).unwrap_or(CHUNK);
            page.next_page_token = ask(call, message).await?.next_page_token;
            break;
        }
        message.page_token.clone_from(&page.next_page_token);
        let is_full = page.records.len() >= wanted || bytes >= BYTES;
        if is_full || message.page_token.is_empty() || begun.elapsed() >= TIME {
            break;
        }
    }
    Ok(page)
}

async fn ask(call: &Call, message: ListRecordsRequest) -> Result<ListRecordsResponse, Error> {
    call.ask(message, |backend, request| backend.list_records(request)).await
}

//! What a query asks for, found without any index.

use query::{Filter, Order, Path, Subject};

use super::*;

/// Those of `records` that `filter` asks for, in the order of a list.
pub fn chosen(records: Vec<Record>, filter: &str, order_by: &str) -> Vec<Record> {
    let filter = (!filter.is_empty()).then(|| Filter::parse(filter).unwrap());
    let order = Order::parse(if order_by.is_empty() { "created_at desc" } else { order_by }).unwrap();
    let is_asked_for = |record: &Record| filter.as_ref().is_none_or(|filter| matches(filter, record));
    let mut found: Vec<_> = records.into_iter().filter(is_asked_for).collect();
    found.sort_by_cached_key(|record| {
        let created = (micros(record.create_time), id(record).to_owned());
        let key = match &order.path {
            Path::Own(own) if own.name() == "updated_at" => micros(record.update_time).to_be_bytes().to_vec(),
            Path::Own(_) => Vec::new(),
            path @ Path::Data(_) => query::keys(&record.data, std::slice::from_ref(path))[0].own.as_bytes().to_vec(),
        };
        (key, created)
    });
    if order.descending {
        found.reverse();
    }
    found
}

/// Every record that is asked for, page by page.
///
/// # Errors
/// What a page fails with.
pub async fn every(contract: &dyn Contract, mut asked: ListRecordsRequest) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    loop {
        let page = contract.list_records(Request::new(asked.clone())).await?;
        records.extend(page.records);
        if page.next_page_token.is_empty() {
            return Ok(records);
        }
        asked.page_token = page.next_page_token;
    }
}

fn micros(time: Option<prost_types::Timestamp>) -> i64 {
    time.map_or(0, |time| time.seconds * 1_000_000 + i64::from(time.nanos) / 1000)
}

fn matches(filter: &Filter, record: &Record) -> bool {
    filter.matches(&Subject {
        id: id(record),
        owner: (!record.owner.is_empty()).then_some(&record.owner),
        created_at: micros(record.create_time),
        updated_at: micros(record.update_time),
        version: record.version.unsigned_abs(),
        data: &record.data,
    })
}

//! What a client asks of a replica, in the test's process or behind REST.

use std::sync::Arc;

use integration::{Answer, Call, Rest};
use serde_json::{Value, json};
use skep_proto::{Code, Contract, Error, mutation, v1::*};
use tonic::Request;
use uuid::Uuid;

pub(crate) type Told<T> = Result<T, Code>;

/// A record as it was shown.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: String,
    /// Only of a record that was asked for or written alone.
    pub(crate) etag: String,
    pub(crate) version: i64,
    /// In the order of time, within one door.
    pub(crate) created: String,
    pub(crate) of: String,
    pub(crate) n: u64,
}

/// A record as a client wants it; an empty id asks for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) id: &'a str,
    pub(crate) of: &'a str,
    pub(crate) n: u64,
    /// Empty for any.
    pub(crate) etag: &'a str,
}

impl Wanted<'_> {
    fn data(&self) -> Value {
        json!({"of": self.of, "n": self.n})
    }
}

/// Names one write, whoever is asked for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    pub(crate) mutation: Uuid,
    pub(crate) keyed: bool,
    pub(crate) attempt: i32,
}

impl Write {
    pub(crate) fn new(keyed: bool) -> Self {
        Self { mutation: mutation::new(), keyed, attempt: 0 }
    }

    fn names(self) -> (String, String) {
        let name = self.mutation.to_string();
        if self.keyed { (String::new(), name) } else { (name, String::new()) }
    }
}

/// The calls; `collection` is a bare name.
pub(crate) trait Door {
    async fn define(&self, collection: &str) -> Told<()>;
    async fn get(&self, collection: &str, id: &str) -> Told<Seen>;
    async fn page(&self, collection: &str, token: &str) -> Told<(Vec<Seen>, String)>;
    async fn create(&self, collection: &str, wanted: Wanted<'_>, write: Write) -> Told<Seen>;
    async fn replace(&self, collection: &str, wanted: Wanted<'_>, write: Write) -> Told<Seen>;
    async fn delete(&self, collection: &str, id: &str, write: Write) -> Told<()>;
}

fn seen(record: Option<Record>) -> Seen {
    let record = record.unwrap();
    let (data, created): (Value, _) = (serde_json::from_slice(&record.data).unwrap(), record.create_time.unwrap());
    Seen {
        id: record.name.rsplit('/').next().unwrap().to_owned(),
        etag: record.etag,
        version: record.version,
        created: format!("{}.{:09}", created.seconds, created.nanos),
        of: data["of"].as_str().unwrap().to_owned(),
        n: data["n"].as_u64().unwrap(),
    }
}

impl Door for Arc<dyn Contract> {
    async fn define(&self, collection: &str) -> Told<()> {
        let collection = Some(Collection { name: format!("collections/{collection}"), ..Default::default() });
        let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
        self.update_collection(Request::new(asked)).await.map(drop).map_err(code)
    }

    async fn get(&self, collection: &str, id: &str) -> Told<Seen> {
        let asked = GetRecordRequest { name: format!("collections/{collection}/records/{id}") };
        self.get_record(Request::new(asked)).await.map(|answer| seen(answer.record)).map_err(code)
    }

    async fn page(&self, collection: &str, token: &str) -> Told<(Vec<Seen>, String)> {
        let (parent, page_token) = (format!("collections/{collection}"), token.to_owned());
        let asked = ListRecordsRequest { parent, page_token, ..Default::default() };
        let page = self.list_records(Request::new(asked)).await.map_err(code)?;
        Ok((page.records.into_iter().map(|record| seen(Some(record))).collect(), page.next_page_token))
    }

    async fn create(&self, collection: &str, wanted: Wanted<'_>, write: Write) -> Told<Seen> {
        let (parent, record_id) = (format!("collections/{collection}"), wanted.id.to_owned());
        let record = Some(Record { data: wanted.data().to_string().into(), ..Default::default() });
        let (attempt, caller, (mutation_id, idempotency_key)) = (write.attempt, String::new(), write.names());
        let asked = CreateRecordRequest { parent, record_id, record, mutation_id, idempotency_key, attempt, caller };
        self.create_record(Request::new(asked)).await.map(|answer| seen(answer.record)).map_err(code)
    }

    async fn replace(&self, collection: &str, wanted: Wanted<'_>, write: Write) -> Told<Seen> {
        let record = Some(Record {
            name: format!("collections/{collection}/records/{}", wanted.id),
            data: wanted.data().to_string().into(),
            etag: wanted.etag.to_owned(),
            ..Default::default()
        });
        let allow_missing = wanted.etag.is_empty();
        let (attempt, caller, (mutation_id, idempotency_key)) = (write.attempt, String::new(), write.names());
        let asked = UpdateRecordRequest {
            record,
            allow_missing,
            mutation_id,
            idempotency_key,
            attempt,
            caller,
            ..Default::default()
        };
        self.update_record(Request::new(asked)).await.map(|answer| seen(answer.record)).map_err(code)
    }

    async fn delete(&self, collection: &str, id: &str, write: Write) -> Told<()> {
        let name = format!("collections/{collection}/records/{id}");
        let (attempt, (mutation_id, idempotency_key)) = (write.attempt, write.names());
        let asked = DeleteRecordRequest { name, mutation_id, idempotency_key, attempt, ..Default::default() };
        self.delete_record(Request::new(asked)).await.map(drop).map_err(code)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "stands in map_err")]
fn code(error: Error) -> Code {
    error.code
}

/// Every write bears an idempotency key, which is what a client of REST can repeat it by.
impl Door for Rest {
    async fn define(&self, collection: &str) -> Told<()> {
        told(Rest::define(self, collection)).await.map(drop)
    }

    async fn get(&self, collection: &str, id: &str) -> Told<Seen> {
        told(Rest::get(self, path(collection, &format!("/records/{id}")))).await.map(|answer| alone(&answer))
    }

    async fn page(&self, collection: &str, token: &str) -> Told<(Vec<Seen>, String)> {
        let page = told(Rest::get(self, path(collection, &format!("/records?page_token={token}")))).await?.json();
        let records = page["records"].as_array().unwrap().iter().map(shown).collect();
        Ok((records, page["next_page_token"].as_str().unwrap_or_default().to_owned()))
    }

    async fn create(&self, collection: &str, wanted: Wanted<'_>, write: Write) -> Told<Seen> {
        let mut body = json!({"data": wanted.data()});
        if !wanted.id.is_empty() {
            body["id"] = wanted.id.into();
        }
        let call = self.post(path(collection, "/records")).json(body);
        told(keyed(call, write)).await.map(|answer| alone(&answer))
    }

    async fn replace(&self, collection: &str, wanted: Wanted<'_>, write: Write) -> Told<Seen> {
        let path = path(collection, &format!("/records/{}", wanted.id));
        let mut call = self.put(path).json(json!({"data": wanted.data()}));
        if !wanted.etag.is_empty() {
            call = call.header("if-match", wanted.etag);
        }
        told(keyed(call, write)).await.map(|answer| alone(&answer))
    }

    async fn delete(&self, collection: &str, id: &str, write: Write) -> Told<()> {
        let call = Rest::delete(self, path(collection, &format!("/records/{id}")));
        told(keyed(call, write)).await.map(drop)
    }
}

fn path(collection: &str, rest: &str) -> String {
    format!("/v1/collections/{collection}{rest}")
}

fn keyed(call: Call, write: Write) -> Call {
    call.header("idempotency-key", format!("\"{}\"", write.mutation))
}

fn shown(record: &Value) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{record}")).to_owned();
    Seen {
        id: text(&record["id"]),
        etag: String::new(),
        version: record["version"].as_i64().unwrap(),
        created: text(&record["created_at"]),
        of: text(&record["data"]["of"]),
        n: record["data"]["n"].as_u64().unwrap(),
    }
}

fn alone(answer: &Answer) -> Seen {
    Seen { etag: answer.etag().to_owned(), ..shown(&answer.json()) }
}

/// A client that has no answer knows as little as one that is told `unavailable`.
async fn told(call: impl IntoFuture<Output = anyhow::Result<Answer>>) -> Told<Answer> {
    let Ok(answer) = call.await else { return Err(Code::Unavailable) };
    if answer.status < 400 {
        return Ok(answer);
    }
    let problem = answer.json();
    let code = Code::ALL.iter().find(|code| problem["code"] == code.word());
    Err(*code.unwrap_or_else(|| panic!("{answer:?}")))
}

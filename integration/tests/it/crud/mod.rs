//! The REST table for collections and records, on one process and on a gate before a storage.

use integration::{Answer, Rest};
use serde_json::{Value, json};

use crate::Outcome;

/// Stamps each behaviour of the module on every shape of the house.
macro_rules! on_every_house {
    ($($behaviour:ident)*) => {
        mod one_process {
            $(#[tokio::test]
            async fn $behaviour() -> crate::Outcome {
                let house = integration::House::one().await?;
                super::$behaviour(&house.rest()?).await
            })*
        }
        mod two_processes {
            $(#[tokio::test]
            async fn $behaviour() -> crate::Outcome {
                let house = integration::House::two().await?;
                super::$behaviour(&house.rest()?).await
            })*
        }
    };
}

mod batches;
mod collections;
mod idempotency;
mod lists;
mod patches;
mod preconditions;
mod problems;
mod records;

/// The records of the collection that most tests use.
pub(crate) const NOTES: &str = "/v1/collections/notes/records";

/// Defines, as the administrator, a collection that everyone may use.
pub(crate) async fn define(rest: &Rest, collection: &str) -> Outcome {
    rest.define(collection).await?.expect(201);
    Ok(())
}

/// Makes a record with an id made up.
pub(crate) async fn create(rest: &Rest, data: Value) -> anyhow::Result<Answer> {
    Ok(rest.post(NOTES).json(json!({"data": data})).await?.expect(201))
}

/// Makes a record with this id.
pub(crate) async fn create_as(rest: &Rest, id: &str, data: Value) -> anyhow::Result<Answer> {
    Ok(rest.post(NOTES).json(json!({"id": id, "data": data})).await?.expect(201))
}

/// The path of a record.
pub(crate) fn note(id: &str) -> String {
    format!("{NOTES}/{id}")
}

/// The path of the record that was answered.
pub(crate) fn path_of(answer: &Answer) -> String {
    note(answer.json()["id"].as_str().unwrap_or_default())
}

/// Every record of a collection, page by page.
pub(crate) async fn all(rest: &Rest, records: &str, page_size: u32) -> anyhow::Result<Vec<Value>> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = rest.get(format!("{records}?page_size={page_size}&page_token={token}")).await?.expect(200).json();
        found.extend(page["records"].as_array().cloned().unwrap_or_default());
        match page["next_page_token"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => return Ok(found),
        }
    }
}

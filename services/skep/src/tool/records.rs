//! `skep get`, `list`, `put` and `delete`

use std::{
    fs,
    io::{self, ErrorKind, IsTerminal, Read},
    path::{Path, PathBuf},
};

use anyhow::Context;
use bytes::Bytes;
use clap::{Arg, ArgMatches, Command, value_parser};
use kit::{Job, program::Work};
use skep_proto::{
    mutation,
    v1::{DeleteRecordRequest, GetRecordRequest, ListRecordsRequest, Record, UpdateRecordRequest},
};

use super::{
    output::{explained, line},
    storage::{Access, Storage},
    tell,
};

const COLLECTION: &str = "COLLECTION";
const ID: &str = "ID";
const FILE: &str = "FILE";
const IF_MATCH: &str = "if-match";
const FILTER: &str = "filter";
const ORDER_BY: &str = "order-by";
const LIMIT: &str = "limit";
/// As many as a page holds at most.
const PAGE: u64 = 1000;

pub(super) const GET: Job = Job {
    name: "get",
    about: "Prints a record",
    settings: Access::settings,
    shape: |command| named(command).after_help("Example:\n  skep get guestbook 0197c0de-6b00-7000-8000-000000000001"),
    begin: |values, matches| {
        let (access, name) = (Access::read(values), name(matches));
        work(async move { get(&access.connect()?, name).await })
    },
};

pub(super) const LIST: Job = Job {
    name: "list",
    about: "Prints the records of a collection, a line each",
    settings: Access::settings,
    shape: shape_of_list,
    begin: |values, matches| {
        let access = Access::read(values);
        let asked = ListRecordsRequest {
            parent: format!("collections/{}", text(matches, COLLECTION)),
            filter: text(matches, FILTER),
            order_by: text(matches, ORDER_BY),
            ..ListRecordsRequest::default()
        };
        let limit = matches.get_one(LIMIT).copied().unwrap_or(u64::MAX);
        work(async move { list(&access.connect()?, asked, limit).await })
    },
};

pub(super) const PUT: Job = Job {
    name: "put",
    about: "Makes a record, or replaces its data, and prints it",
    settings: Access::settings,
    shape: shape_of_put,
    begin: |values, matches| {
        let (access, name, etag) = (Access::read(values), name(matches), text(matches, IF_MATCH));
        let file: PathBuf = matches.get_one(FILE).cloned().unwrap_or_default();
        work(async move {
            let data = read(&file)?;
            put(&access.connect()?, Record { name, data, etag, ..Record::default() }).await
        })
    },
};

pub(super) const DELETE: Job = Job {
    name: "delete",
    about: "Deletes a record",
    settings: Access::settings,
    shape: |command| {
        named(command).after_help("Example:\n  skep delete guestbook 0197c0de-6b00-7000-8000-000000000001")
    },
    begin: |values, matches| {
        let (access, name) = (Access::read(values), name(matches));
        work(async move { delete(&access.connect()?, name).await })
    },
};

fn work(done: impl Future<Output = anyhow::Result<()>> + 'static) -> Work {
    Box::pin(async { done.await.map_err(explained) })
}

fn named(command: Command) -> Command {
    command.arg(Arg::new(COLLECTION).required(true)).arg(Arg::new(ID).required(true))
}

fn shape_of_list(command: Command) -> Command {
    let option = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    command
        .arg(Arg::new(COLLECTION).required(true))
        .arg(option(FILTER, "FILTER").help("only these, such as 'author = \"Ann\"'"))
        .arg(
            option(ORDER_BY, "ORDER")
                .help("created_at, updated_at or an indexed field, and desc [default: created_at desc]"),
        )
        .arg(option(LIMIT, "NUMBER").value_parser(value_parser!(u64)).help("so many at most"))
        .after_help(
            "A line break in a record's data is printed as a space.\n\nExamples:\n  \
             skep list guestbook --order-by created_at --limit 10\n  \
             skep list guestbook --filter 'author = \"Ann\"' | jq .data.message",
        )
}

fn shape_of_put(command: Command) -> Command {
    named(command)
        .arg(
            Arg::new(FILE)
                .default_value("-")
                .value_parser(value_parser!(PathBuf))
                .help("the data, a JSON object; - for standard input"),
        )
        .arg(
            Arg::new(IF_MATCH)
                .long(IF_MATCH)
                .value_name("ETAG")
                .help("only if the record has this etag, which get and put tell; * for any"),
        )
        .after_help("Examples:\n  skep put guestbook welcome entry.json\n  echo '{\"author\": \"Ann\"}' | skep put guestbook welcome")
}

fn text(matches: &ArgMatches, name: &str) -> String {
    matches.get_one::<String>(name).cloned().unwrap_or_default()
}

fn name(matches: &ArgMatches) -> String {
    format!("collections/{}/records/{}", text(matches, COLLECTION), text(matches, ID))
}

/// The data, without the white space around it: so REST keeps it too.
fn read(file: &Path) -> anyhow::Result<Bytes> {
    let mut data = Vec::new();
    if file.as_os_str() == "-" {
        if io::stdin().is_terminal() {
            tell(format_args!("Write the data, and end it with Ctrl-D."));
        }
        io::stdin().read_to_end(&mut data)?;
    } else {
        data = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(Bytes::from(data.trim_ascii().to_vec()))
}

async fn get(storage: &Storage, name: String) -> anyhow::Result<()> {
    let found = storage.ask(GetRecordRequest { name }, |contract, request| contract.get_record(request)).await?;
    show(found.record)
}

async fn put(storage: &Storage, record: Record) -> anyhow::Result<()> {
    let asked = UpdateRecordRequest {
        allow_missing: record.etag.is_empty(),
        record: Some(record),
        mutation_id: mutation::new().to_string(),
        ..UpdateRecordRequest::default()
    };
    show(storage.ask(asked, |contract, request| contract.update_record(request)).await?.record)
}

async fn delete(storage: &Storage, name: String) -> anyhow::Result<()> {
    let mutation_id = mutation::new().to_string();
    let asked = DeleteRecordRequest { name, mutation_id, ..DeleteRecordRequest::default() };
    storage.ask(asked, |contract, request| contract.delete_record(request)).await.map(drop)
}

fn show(record: Option<Record>) -> anyhow::Result<()> {
    let (record, mut shown) = (record.context("storage answers without a record")?, Vec::new());
    gate::write_record(&mut shown, &record)?;
    line(&shown)?;
    tell(format_args!("etag: {}", record.etag));
    Ok(())
}

async fn list(storage: &Storage, mut asked: ListRecordsRequest, mut limit: u64) -> anyhow::Result<()> {
    while limit > 0 {
        asked.page_size = i32::try_from(limit.min(PAGE))?;
        let page = storage.ask(asked.clone(), |contract, request| contract.list_records(request)).await?;
        limit -= page.records.len() as u64;
        for record in &page.records {
            let mut shown = Vec::new();
            gate::write_record(&mut shown, record)?;
            match line(on_a_line(shown)) {
                // Whoever reads has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                written => written?,
            }
        }
        asked.page_token = page.next_page_token;
        if asked.page_token.is_empty() {
            break;
        }
    }
    Ok(())
}

/// JSON has line breaks between its tokens only, where a space says the same.
fn on_a_line(mut json: Vec<u8>) -> Vec<u8> {
    for byte in &mut json {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_several_said() {
        let several = "{\n  \"a\":\r\n \"b\\n\"}";
        let one = on_a_line(several.into());
        assert!(!one.contains(&b'\n') && !one.contains(&b'\r'));
        let read = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).unwrap();
        assert_eq!(read(&one), read(several.as_bytes()));
    }
}

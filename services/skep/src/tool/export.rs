//! `skep export`

use std::{collections::HashSet, path::PathBuf, time::Instant};

use anyhow::{Context, ensure};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use jiff::{SignedDuration, Timestamp};
use kit::Job;
use skep_proto::{
    Code,
    v1::{Collection, ExportAccountsRequest, GetStatusRequest, ListCollectionsRequest, ListRecordsRequest, Record},
};

use super::{
    archive::{Begun, Line, Totals, Writer, last, time},
    output::code,
    progress::Progress,
    storage::{Access, Storage},
    tell,
};

const COLLECTION: &str = "collection";
const OUTPUT: &str = "output";
const PAGE: i32 = 1000;
/// A collection is so long in the bar, and as many thousandths of it are done.
const LENGTH: u64 = 1000;
/// By how much clocks of the cluster may be apart: what was made before the export began can be of so much later.
const APART: SignedDuration = SignedDuration::from_mins(1);

pub(super) const JOB: Job = Job {
    name: "export",
    about: "Writes collections, accounts and records to a file",
    settings: Access::settings,
    shape,
    begin: |values, matches| {
        let (access, asked) = (Access::read(values), Asked::read(matches));
        Box::pin(async move { run(&access.connect()?, asked).await })
    },
};

fn shape(command: Command) -> Command {
    command
        .arg(
            Arg::new(COLLECTION)
                .long(COLLECTION)
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("only this collection, and no accounts; may be given again"),
        )
        .arg(
            Arg::new(OUTPUT)
                .long(OUTPUT)
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("where to: compressed if it ends in .zst; - for standard output"),
        )
        .after_help(
            "Of each collection the file has every record that was there from beginning to end of its export, once, as it was \
             at some moment between; of those made or deleted meanwhile it may have some. An export to a file that was \
             interrupted goes on where it was when it is begun again.\n\nExamples:\n  \
             skep export --output today.ndjson.zst\n  \
             skep export --collection guestbook --output - | wc --lines",
        )
}

pub(super) struct Asked {
    pub(super) only: Vec<String>,
    /// Only what was written then or later.
    pub(super) since: Option<Timestamp>,
    pub(super) output: PathBuf,
}

impl Asked {
    fn read(matches: &ArgMatches) -> Self {
        let only = matches.get_many(COLLECTION).unwrap_or_default().cloned().collect();
        Self { only, since: None, output: matches.get_one(OUTPUT).cloned().unwrap_or_default() }
    }
}

async fn run(storage: &Storage, asked: Asked) -> anyhow::Result<()> {
    let started = Instant::now();
    let output = asked.output.display().to_string();
    let totals = export(storage, asked).await?;
    tell(format_args!("{}, after {:.1} s", summary(totals, &output), started.elapsed().as_secs_f64()));
    Ok(())
}

/// What a file holds.
pub(super) fn summary(Totals { collections, accounts, records }: Totals, file: &str) -> String {
    format!("{collections} collections, {accounts} accounts and {records} records are in {file}")
}

/// How far an earlier attempt came.
#[derive(Default)]
struct Before {
    begun: Option<Begun>,
    /// Ids of the accounts that it wrote, if it came to no collection.
    accounts: HashSet<String>,
    collection: Option<String>,
    record: Option<Record>,
}

impl Before {
    fn see(&mut self, line: Line) {
        match line {
            Line::Begun(begun) => self.begun = Some(begun),
            Line::Account(archived) => drop(self.accounts.insert(archived.account.unwrap_or_default().name)),
            Line::Collection(collection) => {
                (self.collection, self.record) = (Some(collection.name), None);
                self.accounts.clear();
            }
            Line::Record(record) => self.record = Some(record),
            Line::End(_) => {}
        }
    }
}

/// Writes everything that is asked for.
pub(super) async fn export(storage: &Storage, asked: Asked) -> anyhow::Result<Totals> {
    let mut before = Before::default();
    let mut writer = if asked.output.as_os_str() == "-" {
        Writer::standard()
    } else {
        Writer::file(&asked.output, |line| {
            before.see(line);
            Ok(())
        })?
    };
    let begun = if let Some(begun) = before.begun.take() {
        let is_same = (&begun.only, begun.since) == (&asked.only, asked.since);
        ensure!(is_same, "{}.partial was begun otherwise: remove it", asked.output.display());
        tell(format_args!("goes on after {} records of an export that was interrupted", writer.totals().records));
        begun
    } else {
        let begun = Begun::new(now(storage).await?, asked.only, asked.since);
        writer.line(&Line::Begun(begun.clone()))?;
        begun
    };
    if begun.only.is_empty() && before.collection.is_none() {
        accounts(storage, &before.accounts, &mut writer).await?;
    }
    let mut collections = collections(storage).await?;
    for name in &begun.only {
        ensure!(collections.iter().any(|known| last(&known.name) == name), "there is no collection {name}");
    }
    collections.retain(|known| begun.only.is_empty() || begun.only.iter().any(|name| last(&known.name) == name));
    collections.retain(|known| before.collection.as_ref().is_none_or(|before| known.name >= *before));
    let progress = Progress::new("exporting", collections.len() as u64 * LENGTH);
    for (done, collection) in collections.into_iter().enumerate() {
        let goes_on = before.collection.as_ref() == Some(&collection.name);
        if !goes_on {
            writer.line(&Line::Collection(collection.clone()))?;
        }
        let after = before.record.take().filter(|_| goes_on);
        let at = |thousandths: u64, records| progress.at(done as u64 * LENGTH + thousandths.min(LENGTH), records);
        records(storage, &collection, &begun, after.as_ref(), &mut writer, at).await?;
    }
    progress.done();
    writer.finish()
}

async fn accounts(storage: &Storage, known: &HashSet<String>, writer: &mut Writer) -> anyhow::Result<()> {
    let mut page_token = String::new();
    loop {
        let asked = ExportAccountsRequest { page_size: PAGE, page_token };
        let page = storage.ask_on(asked, |contract, request| contract.export_accounts(request)).await?;
        for archived in page.accounts {
            if !archived.account.as_ref().is_some_and(|account| known.contains(&account.name)) {
                writer.line(&Line::Account(archived))?;
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

/// Every definition, by name.
pub(super) async fn collections(storage: &Storage) -> anyhow::Result<Vec<Collection>> {
    let (mut collections, mut page_token) = (Vec::new(), String::new());
    loop {
        let asked = ListCollectionsRequest { page_size: PAGE, page_token };
        let page = storage.ask_on(asked, |contract, request| contract.list_collections(request)).await?;
        collections.extend(page.collections);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(collections);
        }
    }
}

/// The records of a collection that come after `after`; `at` is told how many thousandths of its time are done, and records.
async fn records(
    storage: &Storage,
    collection: &Collection,
    begun: &Begun,
    after: Option<&Record>,
    writer: &mut Writer,
    at: impl Fn(u64, u64),
) -> anyhow::Result<()> {
    let by = if begun.since.is_some() { "updated_at" } else { "created_at" };
    let key = |record: &Record| time(if begun.since.is_some() { record.update_time } else { record.create_time });
    let from = after.and_then(key).or(begun.since);
    let first = from.or(time(collection.create_time)).context("a collection without a time")?;
    let since_first = |time: Timestamp| (time.as_second() - first.as_second()).max(1).unsigned_abs();
    let place = |record: &Record| (key(record), time(record.create_time), record.name.clone());
    // What is written again and again is always at the end of the order of last writes.
    let until = begun.at.checked_add(APART).context("the export is of no time")?;
    let until = Some(until).filter(|_| begun.since.is_none());
    let filter = from.map(|from| format!("{by} >= \"{from}\"")).unwrap_or_default();
    let mut page_token = String::new();
    loop {
        let asked = ListRecordsRequest {
            parent: collection.name.clone(),
            page_size: PAGE,
            page_token,
            filter: filter.clone(),
            order_by: by.to_owned(),
            ..ListRecordsRequest::default()
        };
        let page = match storage.ask_on(asked, |contract, request| contract.list_records(request)).await {
            // It was deleted meanwhile.
            Err(error) if code(&error) == Some(Code::CollectionNotFound) => return Ok(()),
            page => page?,
        };
        for record in page.records {
            let written = key(&record).context("a record without a time")?;
            if until.is_some_and(|until| written > until) {
                return Ok(());
            }
            // Those of one moment go by their creation, then by name.
            let is_known = after.is_some_and(|after| place(after) >= place(&record));
            if !is_known {
                at(LENGTH * since_first(written) / since_first(begun.at), writer.totals().records);
                writer.line(&Line::Record(record))?;
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

/// By storage's clock, which is that of the records.
async fn now(storage: &Storage) -> anyhow::Result<Timestamp> {
    let status = storage.ask_on(GetStatusRequest {}, |contract, request| contract.get_status(request)).await?;
    time(status.time).context("storage does not tell its time: it is of an earlier version")
}

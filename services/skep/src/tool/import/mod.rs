//! `skep import`

mod plan;
mod told;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use clap::{Arg, ArgAction, Command, value_parser};
use kit::{Failed, Job};
use skep_proto::v1::{
    ArchivedAccount, Collection, ImportAccountsRequest, ImportCollectionRequest, ImportRecordsRequest, Record,
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::{JoinSet, spawn_blocking},
};

use self::{plan::Plan, told::Told};
use super::{
    archive::{Archive, Line, collection_of},
    output::explained,
    progress::Progress,
    storage::{Access, Storage},
    tell,
};

const FILE: &str = "FILE";
const PARTIAL: &str = "partial";
/// Things of a call, and about how many bytes of data.
const THINGS: usize = 100;
const BYTES: usize = 1 << 20;
/// Calls at once.
const CALLS: usize = 4;

pub(super) const JOB: Job = Job {
    name: "import",
    about: "Brings in what an export has written",
    settings: Access::settings,
    shape,
    begin: |values, matches| {
        let access = Access::read(values);
        let file = matches.get_one(FILE).cloned().unwrap_or_default();
        let partial = matches.get_flag(PARTIAL);
        Box::pin(async move { run(&access.connect()?, file, partial).await })
    },
};

fn shape(command: Command) -> Command {
    command
        .arg(
            Arg::new(FILE)
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("an export, compressed or not; - for standard input"),
        )
        .arg(
            Arg::new(PARTIAL)
                .long(PARTIAL)
                .action(ArgAction::SetTrue)
                .help("of a file that was cut off or damaged, brings in what comes before"),
        )
        .after_help(
            "Everything keeps its id, owner, times and version. What is there already in the same or a later version is left \
             alone, so an import that was interrupted is just begun again. A collection that is there keeps its definition. An \
             account whose name another has is skipped, and told. The whole file is read before anything is brought in.\n\n\
             Examples:\n  skep import today.ndjson.zst\n  \
             skep export --output - | skep import --skep-addr storage.example:8081 -",
        )
}

async fn run(storage: &Storage, path: PathBuf, partial: bool) -> anyhow::Result<()> {
    let started = Instant::now();
    let name = path.display().to_string();
    let archive = spawn_blocking(move || Archive::open(&path)).await??;
    let told = import(storage, Arc::new(archive), &name, partial, None).await?;
    tell(format_args!("{told}, after {:.1} s", started.elapsed().as_secs_f64()));
    told.outcome()
}

/// Brings in what `archive` holds, of collections that are not there yet the definitions of `chain`, if that has any.
pub(super) async fn import(
    storage: &Storage,
    archive: Arc<Archive>,
    name: &str,
    partial: bool,
    chain: Option<&Definitions>,
) -> anyhow::Result<Told> {
    let bytes = archive.bytes()?;
    let checked = {
        let archive = Arc::clone(&archive);
        spawn_blocking(move || {
            let (progress, mut plan) = (Progress::new("checking", bytes), Plan::default());
            let sound = archive.read(|line, position| {
                plan.see(&line);
                progress.at(position, plan.records());
                Ok(())
            });
            progress.done();
            (plan, sound.map(drop))
        })
    };
    let (plan, sound) = checked.await?;
    match sound {
        Err(why) if partial && plan.is_begun() => {
            tell(format_args!("{name}: {why:#}; what comes before is brought in"));
        }
        sound => sound.map_err(|why| {
            Failed::data(why.context(format!("{name} cannot be trusted (--partial brings in what comes before)")))
        })?,
    }
    let (sender, receiver) = channel(2 * CALLS);
    let reading = spawn_blocking(move || send(&archive, &sender));
    let progress = Progress::new("importing", plan.records());
    let told = take(storage, &plan, receiver, &progress, chain).await?;
    progress.done();
    let read = reading.await?;
    if partial { Ok(told) } else { read.map(|()| told) }
}

/// The last definition of each collection, by `collections/{collection}`.
pub(super) type Definitions = HashMap<String, Collection>;

/// What is brought in by one call.
enum Call {
    Accounts(Vec<ArchivedAccount>),
    Collection(Box<Collection>),
    Records(Vec<Record>),
}

/// Reads the archive on a thread of its own.
fn send(archive: &Archive, calls: &Sender<Call>) -> anyhow::Result<()> {
    let (mut accounts, mut records, mut bytes) = (Vec::new(), Vec::<Record>::new(), 0);
    let give = |call| calls.blocking_send(call).context("nobody takes it");
    let read = archive.read(|line, _| {
        match line {
            Line::Account(account) => {
                accounts.push(account);
                if accounts.len() == THINGS {
                    give(Call::Accounts(std::mem::take(&mut accounts)))?;
                }
            }
            Line::Record(record) => {
                let is_other =
                    records.first().is_some_and(|first| collection_of(&first.name) != collection_of(&record.name));
                if is_other || records.len() == THINGS || bytes + record.data.len() > BYTES {
                    give(Call::Records(std::mem::take(&mut records)))?;
                    bytes = 0;
                }
                bytes += record.data.len();
                records.push(record);
            }
            Line::Collection(collection) => give(Call::Collection(Box::new(collection)))?,
            Line::Begun(_) | Line::End(_) => {}
        }
        Ok(())
    });
    give(Call::Accounts(accounts))?;
    give(Call::Records(records))?;
    read.map(drop)
}

/// Makes the calls, several at once.
async fn take(
    storage: &Storage,
    plan: &Plan,
    mut calls: Receiver<Call>,
    progress: &Progress,
    chain: Option<&Definitions>,
) -> anyhow::Result<Told> {
    let (mut told, mut working) = (Told::default(), JoinSet::new());
    let mut brought = 0;
    while let Some(call) = calls.recv().await {
        match call {
            Call::Collection(collection) => {
                let collection = chain.and_then(|chain| chain.get(&collection.name)).unwrap_or(&collection);
                let spans = plan.spans(&collection.name);
                let asked = ImportCollectionRequest { collection: Some(collection.clone()), spans };
                let done = storage.ask_on(asked, |contract, request| contract.import_collection(request)).await;
                let done = done.map_err(explained).with_context(|| collection.name.clone())?;
                told.collection(collection, &done);
            }
            Call::Accounts(accounts) if accounts.is_empty() => {}
            Call::Accounts(accounts) => {
                let asked = ImportAccountsRequest { accounts: accounts.clone() };
                let done = storage.ask_on(asked, |contract, request| contract.import_accounts(request)).await?;
                ensure!(done.results.len() == accounts.len(), "storage answers with something else");
                accounts.iter().zip(done.results).for_each(|(account, result)| told.account(account, result));
            }
            Call::Records(records) => {
                let Some(first) = records.first() else { continue };
                // Backups come in the order in which they were made.
                let latest = chain.is_some();
                let (storage, parent) = (storage.clone(), format!("collections/{}", collection_of(&first.name)));
                if working.len() == CALLS {
                    brought += told.records(working.join_next().await.context("nobody works")???)?;
                    progress.at(brought, brought);
                }
                working.spawn(async move {
                    let names: Vec<_> = records.iter().map(|record| record.name.clone()).collect();
                    let asked = ImportRecordsRequest { parent, records, latest };
                    let done = storage.ask_on(asked, |contract, request| contract.import_records(request)).await?;
                    anyhow::Ok((names, done.results))
                });
            }
        }
    }
    while let Some(done) = working.join_next().await {
        brought += told.records(done??)?;
        progress.at(brought, brought);
    }
    Ok(told)
}

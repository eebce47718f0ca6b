//! `skep apply`

mod change;
mod file;

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail, ensure};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use kit::{Job, config::Values, program::Work};
use skep_proto::{
    Code, Error, mutation,
    v1::{Collection, GetCollectionRequest, UpdateCollectionRequest},
};
use tokio::task::spawn_blocking;

use self::change::Change;
use super::{
    archive::last,
    output::{code, explained, line},
    storage::{Access, Storage},
    tell,
};

const FILE: &str = "file";
const YES: &str = "yes";
const CHECK: &str = "check";

pub(super) const JOB: Job =
    Job { name: "apply", about: "Defines collections as a file says", settings: Access::settings, shape, begin };

fn shape(command: Command) -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    command
        .arg(
            Arg::new(FILE)
                .short('f')
                .long(FILE)
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("YAML or JSON; - for standard input"),
        )
        .arg(flag(YES).help("does not ask, and waits for a storage that is not there yet"))
        .arg(flag(CHECK).conflicts_with(YES).help("only shows what would change: exits with 1 if anything would"))
        .after_help(
            "The file has each definition as the body of PUT /v1/collections/NAME. Collections that it does not name are \
             left alone.\n\n  \
             collections:\n    guestbook:\n      indexes: [author]\n      rules:\n        list: \"true\"\n\n\
             Examples:\n  skep apply -f collections.yaml\n  skep apply -f collections.yaml --check",
        )
}

#[derive(Clone, Copy)]
enum Manner {
    Ask,
    Yes,
    Check,
}

fn begin(values: &mut Values, matches: &ArgMatches) -> Work {
    let access = Access::read(values);
    let path: PathBuf = matches.get_one(FILE).cloned().unwrap_or_default();
    let manner = match (matches.get_flag(YES), matches.get_flag(CHECK)) {
        (true, _) => Manner::Yes,
        (_, true) => Manner::Check,
        _ => Manner::Ask,
    };
    let nobody = path.as_os_str() == "-" || !io::stdin().is_terminal();
    if matches!(manner, Manner::Ask) && nobody {
        values.fault("--yes", "is not given, and standard input is no terminal to ask on. Give --yes or --check.");
    }
    Box::pin(async move {
        let wanted = read(&path).map_err(|error| explained(error).context(path.display().to_string()))?;
        run(&access.connect()?, wanted, manner).await.map_err(explained)
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<Collection>> {
    let text = if path.as_os_str() == "-" { io::read_to_string(io::stdin()) } else { fs::read_to_string(path) };
    file::read(&text?)
}

async fn run(storage: &Storage, wanted: Vec<Collection>, manner: Manner) -> anyhow::Result<()> {
    let mut changes = Vec::new();
    for wanted in wanted {
        let stored = find(storage, &wanted, manner).await.map_err(|error| pointing(&wanted.name, error))?;
        let change = Change { wanted, stored };
        line(change.show()?)?;
        if !change.is_none()? {
            changes.push(change);
        }
    }
    let count = changes.len();
    match manner {
        _ if count == 0 => return Ok(()),
        Manner::Check => bail!("{count} of the collections would change"),
        Manner::Ask => ensure!(spawn_blocking(agrees).await??, "nothing was changed"),
        Manner::Yes => {}
    }
    for change in changes {
        make(storage, &change).await.map_err(|error| pointing(&change.wanted.name, error))?;
        tell(format_args!("{} is defined", change.name()));
    }
    Ok(())
}

/// The definition in force, if there is one.
async fn find(storage: &Storage, wanted: &Collection, manner: Manner) -> anyhow::Result<Option<Collection>> {
    let asked = GetCollectionRequest { name: wanted.name.clone() };
    let found = match manner {
        Manner::Yes => storage.ask_on(asked, |contract, request| contract.get_collection(request)).await,
        // A person does not wait.
        _ => storage.ask(asked, |contract, request| contract.get_collection(request)).await,
    };
    match found {
        Ok(found) => Ok(Some(found.collection.context("storage answers without a collection")?)),
        Err(error) if code(&error) == Some(Code::CollectionNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn agrees() -> io::Result<bool> {
    write!(io::stderr(), "Apply? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

/// Makes a change, unless somebody else has made another since it was shown.
async fn make(storage: &Storage, Change { wanted, stored }: &Change) -> anyhow::Result<()> {
    let since = || anyhow!("it was changed since it was shown, and was left alone: begin again");
    // The contract has no condition that there be none.
    if stored.is_none() && find(storage, wanted, Manner::Yes).await?.is_some() {
        return Err(since());
    }
    let etag = stored.as_ref().map(|stored| stored.etag.clone()).unwrap_or_default();
    let asked = UpdateCollectionRequest {
        allow_missing: stored.is_none(),
        collection: Some(Collection { etag, ..wanted.clone() }),
        mutation_id: mutation::new().to_string(),
    };
    match storage.ask_on(asked, |contract, request| contract.update_collection(request)).await {
        Err(error) if code(&error) == Some(Code::PreconditionFailed) => Err(since()),
        made => made.map(drop),
    }
}

/// Says which collection an error is of.
fn pointing(name: &str, error: anyhow::Error) -> anyhow::Error {
    let name = last(name);
    match error.downcast::<Error>() {
        Ok(error) => file::within(name, error).into(),
        Err(other) => other.context(name.to_owned()),
    }
}

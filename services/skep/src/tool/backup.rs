//! `skep backup`, `skep verify` and `skep restore`: exports in a folder, each but the first of what changed since.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, ensure};
use clap::{Arg, ArgAction, value_parser};
use jiff::SignedDuration;
use kit::{Failed, Job};
use tokio::task::spawn_blocking;

use super::{
    archive::{Archive, Begun, Line},
    export::{Asked, export, summary},
    import::{Definitions, import},
    storage::Access,
    tell,
};

const FOLDER: &str = "FOLDER";
const FULL: &str = "full";
/// What is written while a backup begins may be in that one or in the next: so the next goes back a little further, beyond the
/// age at which a write may still be made that was named before.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
const PREFIX: &str = "backup-";
const SUFFIX: &str = ".ndjson.zst";

pub(super) const BACKUP: Job = Job {
    name: "backup",
    about: "Adds to a folder what changed since its last backup",
    settings: Access::settings,
    shape: |command| {
        let full = Arg::new(FULL).long(FULL).action(ArgAction::SetTrue).help("everything anew");
        command.arg(folder()).arg(full).after_help(
            "The first backup in a folder has everything, each further one the records that were written since the one before. \
             What was deleted meanwhile comes back with a restore, and what was imported is not in it, until a backup is made with \
             --full: then the backups before it may be removed.\n\n\
             Example:\n  skep backup /backups && skep verify /backups",
        )
    },
    begin: |values, matches| {
        let (access, folder) = (Access::read(values), matches.get_one(FOLDER).cloned().unwrap_or_default());
        let full = matches.get_flag(FULL);
        Box::pin(async move { backup(access, folder, full).await })
    },
};

pub(super) const VERIFY: Job = Job {
    name: "verify",
    about: "Reads all backups in a folder, and tells whether they are as they were written",
    settings: Vec::new,
    shape: |command| command.arg(folder()),
    begin: |_, matches| {
        let folder: PathBuf = matches.get_one(FOLDER).cloned().unwrap_or_default();
        Box::pin(async move { spawn_blocking(move || verify(&folder)).await?.map(drop) })
    },
};

pub(super) const RESTORE: Job = Job {
    name: "restore",
    about: "Brings in what the backups in a folder hold, from the last full one on",
    settings: Access::settings,
    shape: |command| {
        command.arg(folder()).after_help(
            "The backups are verified first. What is there already in the same or a later version is left alone, as with skep \
             import: to get the state of a backup back, restore into a store that is empty.\n\nExample:\n  skep restore /backups",
        )
    },
    begin: |values, matches| {
        let (access, folder) = (Access::read(values), matches.get_one(FOLDER).cloned().unwrap_or_default());
        Box::pin(async move { restore(access, folder).await })
    },
};

fn folder() -> Arg {
    Arg::new(FOLDER).required(true).value_parser(value_parser!(PathBuf)).help("where the backups are")
}

async fn backup(access: Access, folder: PathBuf, full: bool) -> anyhow::Result<()> {
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let last = backups(&folder)?.pop();
    let number = last.as_ref().map_or(1, |last| last.number + 1);
    let since = last.filter(|_| !full);
    let since = since.map(|last| last.begun.at.checked_sub(OVERLAP).with_context(|| unsound(&last.path)));
    let output = folder.join(format!("{PREFIX}{number:04}{SUFFIX}"));
    let name = output.display().to_string();
    let asked = Asked { only: Vec::new(), since: since.transpose()?, output };
    let totals = export(&access.connect()?, asked).await?;
    tell(format_args!("{}", summary(totals, &name)));
    Ok(())
}

/// The backups from the last full one on, oldest first, and the last definition of each collection, after all were read.
fn verify(folder: &Path) -> anyhow::Result<(Vec<PathBuf>, Definitions)> {
    let (mut chain, mut definitions) = (Vec::new(), Definitions::new());
    for Backup { path, begun, .. } in backups(folder)? {
        if begun.since.is_none() {
            (chain, definitions) = Default::default();
        }
        let totals = Archive::open(&path)?.read(|line, _| {
            if let Line::Collection(collection) = line {
                definitions.insert(collection.name.clone(), collection);
            }
            Ok(())
        });
        let totals = totals.map_err(|why| Failed::data(why.context(unsound(&path))))?;
        let what = begun.since.map_or("everything".to_owned(), |since| format!("what was written since {since}"));
        tell(format_args!("{}, of {what}", summary(totals, &path.display().to_string())));
        chain.push(path);
    }
    ensure!(!chain.is_empty(), "there is no backup in {}", folder.display());
    Ok((chain, definitions))
}

async fn restore(access: Access, folder: PathBuf) -> anyhow::Result<()> {
    let storage = access.connect()?;
    let (chain, definitions) = spawn_blocking(move || verify(&folder)).await??;
    let mut outcome = Ok(());
    for path in chain {
        let name = path.display().to_string();
        let told = import(&storage, Arc::new(Archive::open(&path)?), &name, false, Some(&definitions)).await?;
        tell(format_args!("{name}: {told}"));
        outcome = outcome.and(told.outcome());
    }
    outcome
}

struct Backup {
    number: u32,
    path: PathBuf,
    begun: Begun,
}

/// The backups in a folder, oldest first.
///
/// # Errors
/// Where one is missing, or does not go on where the one before ended.
fn backups(folder: &Path) -> anyhow::Result<Vec<Backup>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok();
    let mut found: Vec<(u32, PathBuf)> =
        entries.flatten().filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
    found.sort_unstable();
    let mut backups: Vec<Backup> = Vec::new();
    for (number, path) in found {
        let begun = Archive::open(&path)?.begun().map_err(|why| Failed::data(why.context(unsound(&path))))?;
        let goes_on = match (begun.since, backups.last()) {
            (None, None) => true,
            (None, Some(before)) => number == before.number + 1,
            (Some(since), Some(before)) => number == before.number + 1 && since <= before.begun.at,
            (Some(_), None) => false,
        };
        ensure!(goes_on, "{} does not go on where the one before ended: a backup is missing", path.display());
        backups.push(Backup { number, path, begun });
    }
    Ok(backups)
}

fn unsound(path: &Path) -> String {
    format!("{} cannot be trusted", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_sound_beginning_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("photos.zst"), "not ours").unwrap();
        assert!(verify(folder.path()).unwrap_err().to_string().contains("no backup"));
        fs::write(folder.path().join("backup-0002.ndjson.zst"), "").unwrap();
        assert!(format!("{:#}", verify(folder.path()).unwrap_err()).contains("cannot be trusted"));
        assert!(verify(Path::new("/nowhere")).is_err());
    }
}

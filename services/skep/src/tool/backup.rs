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
    archive::{Archive, Begun},
    export::{Asked, export, summary},
    import::import,
    storage::Access,
    tell,
};

const FOLDER: &str = "FOLDER";
const FULL: &str = "full";
/// What is written while a backup begins may be in that one or in the next: so the next goes back a little further.
const OVERLAP: SignedDuration = SignedDuration::from_mins(2);

pub(super) const BACKUP: Job = Job {
    name: "backup",
    about: "Adds to a folder what changed since its last backup",
    settings: Access::settings,
    shape: |command| {
        let full = Arg::new(FULL).long(FULL).action(ArgAction::SetTrue).help("everything anew");
        command.arg(folder()).arg(full).after_help(
            "The first backup in a folder has everything, each further one the records that were written since the one before. \
             What was deleted meanwhile comes back with a restore, until a backup is made with --full.\n\n\
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
    let since = last.as_ref().filter(|_| !full).map(|(_, begun)| begun.at - OVERLAP);
    let output = at(&folder, backups(&folder)?.len() + 1);
    let name = output.display().to_string();
    let asked = Asked { only: Vec::new(), since, output };
    let totals = export(&access.connect()?, asked).await?;
    tell(format_args!("{}", summary(totals, &name)));
    Ok(())
}

/// The backups of the last chain, oldest first, after all of them were read.
fn verify(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut chain = Vec::new();
    for (path, begun) in backups(folder)? {
        let name = path.display().to_string();
        let totals = Archive::open(&path)?.read(|_, _| Ok(()));
        let totals = totals.map_err(|why| Failed::data(why.context(format!("{name} cannot be trusted"))))?;
        match begun.since {
            None => {
                tell(format_args!("{}, of everything", summary(totals, &name)));
                chain.clear();
            }
            Some(since) => tell(format_args!("{}, of what was written since {since}", summary(totals, &name))),
        }
        chain.push(path);
    }
    ensure!(!chain.is_empty(), "there is no backup in {}", folder.display());
    Ok(chain)
}

async fn restore(access: Access, folder: PathBuf) -> anyhow::Result<()> {
    let storage = access.connect()?;
    let chain = spawn_blocking(move || verify(&folder)).await??;
    for path in chain {
        let name = path.display().to_string();
        let told = import(&storage, Arc::new(Archive::open(&path)?), &name, false).await?;
        tell(format_args!("{name}: {told}"));
        told.outcome()?;
    }
    Ok(())
}

/// Every backup in a folder, oldest first.
///
/// # Errors
/// Where one is missing, or does not go on where the one before ended.
fn backups(folder: &Path) -> anyhow::Result<Vec<(PathBuf, Begun)>> {
    let mut backups: Vec<(PathBuf, Begun)> = Vec::new();
    loop {
        let path = at(folder, backups.len() + 1);
        if !path.exists() {
            break;
        }
        let begun = Archive::open(&path)?.begun();
        let begun = begun.map_err(|why| Failed::data(why.context(format!("{} cannot be trusted", path.display()))))?;
        let goes_on = begun.since.is_none_or(|since| backups.last().is_some_and(|(_, before)| since <= before.at));
        ensure!(goes_on, "{} does not go on where the one before ended", path.display());
        backups.push((path, begun));
    }
    let later = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let later = later.flatten().filter(|entry| entry.path().extension().is_some_and(|extension| extension == "zst"));
    ensure!(later.count() == backups.len(), "a backup is missing in {}: they are numbered", folder.display());
    Ok(backups)
}

fn at(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("backup-{number:04}.ndjson.zst"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_its_first_backup_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(verify(folder.path()).unwrap_err().to_string().contains("no backup"));
        fs::write(at(folder.path(), 2), "").unwrap();
        assert!(verify(folder.path()).unwrap_err().to_string().contains("missing"));
        fs::rename(at(folder.path(), 2), at(folder.path(), 1)).unwrap();
        assert!(format!("{:#}", verify(folder.path()).unwrap_err()).contains("cannot be trusted"));
        assert!(verify(Path::new("/nowhere")).is_err());
    }
}

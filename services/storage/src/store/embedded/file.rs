//! The file, and what is done when the disk fails it.
//!
//! After a failed read or write redb wants the file to be closed and opened again. Until that succeeds
//! writes are refused; it is tried again at most once a second, when there is something to write.

use std::{
    path::{Path, PathBuf},
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use redb::{Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, WriteTransaction};
use skep_proto::{Code, Error};

use super::tables::{Outcome, Tables};
use crate::store::Result;

/// Pages that redb keeps in memory, in bytes; the operating system caches the file besides.
const CACHE: usize = 32 << 20;

pub(super) struct File {
    path: PathBuf,
    database: RwLock<Option<Database>>,
    failed: AtomicBool,
}

impl File {
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let database = RwLock::new(Some(open(&path)?));
        Ok(Self { path, database, failed: AtomicBool::new(false) })
    }

    /// Whether the last write failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Looks at the last commit. Short: a few pages of memory, at worst a few reads of the disk.
    pub(super) fn look<T>(&self, work: impl FnOnce(ReadTransaction) -> Outcome<T>) -> Result<T> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(|| unavailable("the store is being opened again"))?;
        let outcome = database.begin_read().map_err(redb::Error::from).and_then(work);
        outcome.unwrap_or_else(|error| {
            tracing::error!(error = %error, "read failed");
            self.failed.store(true, Ordering::Release);
            Err(unavailable("the store could not read"))
        })
    }

    /// Runs a write transaction; one that fails leaves the file in need of [`reopen`](Self::reopen).
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(WriteTransaction) -> std::result::Result<T, redb::Error>,
    ) -> Result<T> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(|| unavailable("the store could not be opened again"))?;
        database.begin_write().map_err(redb::Error::from).and_then(work).map_err(|error| {
            tracing::error!(error = %error, "write failed");
            self.failed.store(true, Ordering::Release);
            unavailable("the store could not write")
        })
    }

    /// Closes the file and opens it again, once nobody looks at it.
    pub(super) fn reopen(&self) {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        *database = None;
        match open(&self.path) {
            Ok(opened) => {
                tracing::info!("the store is open again");
                *database = Some(opened);
                self.failed.store(false, Ordering::Release);
            }
            Err(error) => tracing::error!(error.message = format_args!("{error:#}"), "cannot open the store again"),
        }
    }
}

fn open(path: &Path) -> anyhow::Result<Database> {
    let database = Builder::new().set_cache_size(CACHE).create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => anyhow::anyhow!(
            "{} is open in another process: stop that one, or name another folder in DATA_DIR",
            path.display()
        ),
        other => anyhow::Error::new(other).context(format!("cannot open {}", path.display())),
    })?;
    let transaction = database.begin_write()?;
    drop(Tables::open(&transaction)?);
    transaction.commit().context("cannot write to the store")?;
    Ok(database)
}

fn unavailable(why: &str) -> Error {
    Error::new(Code::Unavailable, why)
}

//! The file, and what is done when the disk fails it.
//!
//! After a failed read or write redb wants the file to be closed and opened again. Then reads go on; writes rest for a
//! while, since to open may mean to read all of the file.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use redb::{Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, WriteTransaction};
use skep_proto::{Code, Error};

use super::{form, tables::Outcome};
use crate::store::Result;

/// Pages that redb keeps in memory, in bytes; the operating system caches the file besides.
const CACHE: usize = 32 << 20;
/// How long writes rest at least after a failure.
const REST: Duration = Duration::from_secs(1);

pub(super) struct File {
    path: PathBuf,
    database: RwLock<Option<Database>>,
    /// Whether a failure came since the file was opened.
    broken: AtomicBool,
    /// Until when writes rest.
    resting: Mutex<Option<Instant>>,
}

impl File {
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let database = RwLock::new(Some(open(&path)?));
        Ok(Self { path, database, broken: AtomicBool::new(false), resting: Mutex::new(None) })
    }

    /// Whether a failure came since the file was opened.
    pub(super) fn must_be_reopened(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Refuses while writes rest after a failure.
    pub(super) fn has_settled(&self) -> Result<()> {
        let resting = *self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        match resting.filter(|until| Instant::now() < *until) {
            Some(_) => Err(unavailable("the store could not write a moment ago")),
            None => Ok(()),
        }
    }

    /// How large it is, in bytes.
    pub(super) fn bytes(&self) -> Result<u64> {
        Ok(self.path.metadata().map_err(|_| unavailable("the store's file cannot be looked at"))?.len())
    }

    /// Looks at the last commit. Short: a few pages of memory, at worst a few reads of the disk.
    pub(super) fn look<T>(&self, work: impl FnOnce(ReadTransaction) -> Outcome<T>) -> Result<T> {
        let database = self.database.try_read();
        let database = database.as_ref().ok().and_then(|database| database.as_ref());
        let database = database.ok_or_else(|| unavailable("the store is being opened again"))?;
        let outcome = database.begin_read().map_err(redb::Error::from).and_then(work);
        outcome.unwrap_or_else(|error| {
            tracing::error!(error = %error, "read failed");
            self.broken.store(true, Ordering::Release);
            Err(unavailable("the store could not read"))
        })
    }

    /// Runs a write transaction; after one that fails the file wants to be [reopened](Self::reopen).
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(WriteTransaction) -> std::result::Result<T, redb::Error>,
    ) -> Result<T> {
        self.has_settled()?;
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(|| unavailable("the store could not be opened again"))?;
        database.begin_write().map_err(redb::Error::from).and_then(work).map_err(|error| {
            tracing::error!(error = %error, "write failed");
            self.broken.store(true, Ordering::Release);
            unavailable("the store could not write")
        })
    }

    /// Closes the file, opens it again once nobody looks at it, and lets writes rest.
    pub(super) fn reopen(&self) {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        *database = None;
        match open(&self.path) {
            Ok(opened) => {
                tracing::info!("the store is open again");
                *database = Some(opened);
                self.broken.store(false, Ordering::Release);
            }
            Err(error) => tracing::error!(error.message = format_args!("{error:#}"), "cannot open the store again"),
        }
        let rest = REST.max(started.elapsed() * 10);
        *self.resting.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + rest);
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
    form::complete(&database).with_context(|| format!("cannot bring {} up to date", path.display()))?;
    Ok(database)
}

fn unavailable(why: &str) -> Error {
    Error::new(Code::Unavailable, why)
}

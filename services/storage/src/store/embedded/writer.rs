//! The one writer: it makes many callers' writes one transaction, and answers when that is on disk.
//!
//! While a commit waits for the disk the next callers queue up, so the batch grows with the load.

use std::{
    sync::{Arc, PoisonError},
    thread,
    time::Instant,
};

use redb::{Durability, WriteTransaction};
use skep_proto::{Code, Error};
use tokio::sync::{mpsc, oneshot};

use super::{
    SharedDefinitions,
    file::File,
    load_definitions,
    tables::{Outcome, Tables},
};
use crate::store::{Definition, Result, operation::Operation};

/// Writes that may wait; beyond, callers wait to be let in.
const QUEUE: usize = 1024;
/// Writes that share a commit at most.
const BATCH: usize = 512;

pub(super) struct Writer(mpsc::Sender<Box<dyn Job>>);

impl Writer {
    /// Starts the writer's thread; it ends when the last handle is dropped.
    pub(super) fn start(file: Arc<File>, definitions: SharedDefinitions) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write_batches(&file, receiver, &definitions))?;
        Ok(Self(sender))
    }

    /// Whether its thread has ended, which only a defect can cause.
    pub(super) fn has_stopped(&self) -> bool {
        self.0.is_closed()
    }

    /// Runs `work` in the next transaction and returns what it did once that is on disk.
    ///
    /// # Errors
    /// `unavailable` when the transaction could not be committed: it may be on disk or not.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tables<'_>) -> Outcome<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let task = Task { work: Some(work), done: None, answer };
        self.0.send(Box::new(task)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

trait Job: Send {
    fn run(&mut self, tables: &mut Tables<'_>) -> std::result::Result<(), redb::Error>;
    fn answer(self: Box<Self>, committed: std::result::Result<(), &Error>);
}

struct Task<T, F> {
    work: Option<F>,
    done: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&mut Tables<'_>) -> Outcome<T> + Send> Job for Task<T, F> {
    fn run(&mut self, tables: &mut Tables<'_>) -> std::result::Result<(), redb::Error> {
        if let Some(work) = self.work.take() {
            self.done = Some(work(tables)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: std::result::Result<(), &Error>) {
        let answer = match (committed, self.done) {
            (Ok(()), Some(done)) => done,
            (Ok(()), None) => Err(stopped()),
            (Err(error), _) => Err(error.clone()),
        };
        // A caller that no longer listens does not need the answer.
        let _ = self.answer.send(answer);
    }
}

fn write_batches(file: &File, mut queue: mpsc::Receiver<Box<dyn Job>>, definitions: &SharedDefinitions) {
    let (mut batch, commits) = (Vec::with_capacity(BATCH), Operation::new("commit"));
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        let committed = file.write(|transaction| commit(transaction, &mut batch, &commits)).map(|redefined| {
            let mut known = definitions.write().unwrap_or_else(PoisonError::into_inner);
            for (name, definition) in redefined {
                match definition {
                    Some(definition) => drop(known.insert(name, Arc::new(definition))),
                    None => drop(known.remove(&name)),
                }
            }
        });
        if file.must_be_reopened() && file.has_settled().is_ok() {
            file.reopen();
            // A commit that failed may be on disk all the same.
            if let Ok(found) = load_definitions(file) {
                *definitions.write().unwrap_or_else(PoisonError::into_inner) = found;
            }
        }
        for job in batch.drain(..) {
            job.answer(committed.as_ref().copied());
        }
    }
}

/// Commits what the batch writes; tells the definitions that it changed.
fn commit(
    mut transaction: WriteTransaction,
    batch: &mut [Box<dyn Job>],
    commits: &Operation,
) -> std::result::Result<Redefined, redb::Error> {
    transaction.set_durability(Durability::Immediate)?;
    let mut tables = Tables::open(&transaction)?;
    for job in batch {
        job.run(&mut tables)?;
    }
    let redefined = std::mem::take(&mut tables.redefined);
    drop(tables);
    let begun = Instant::now();
    let committed = transaction.commit();
    if let Some(nanos) = commits.ended(begun.elapsed(), committed.is_ok()) {
        tracing::warn!(event.duration = nanos, "slow commit");
    }
    committed?;
    Ok(redefined)
}

type Redefined = Vec<(String, Option<Definition>)>;

fn stopped() -> Error {
    Error::new(Code::Unavailable, "the store is stopping")
}

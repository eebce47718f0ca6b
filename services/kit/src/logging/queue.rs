//! Lines on their way to what writes them: handing one over costs a copy, and never waits for a disk.

use std::{
    io, mem,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::file::settle;

/// How long the writer rests after it wrote, unless so many bytes wait: lines need not wake its thread, each by itself.
const REST: Duration = Duration::from_millis(50);
const BATCH: usize = 128 << 10;

/// How long closing waits for what is still to be written.
const LAST: Duration = Duration::from_secs(1);

/// What is kept of the room that a burst of lines took, in bytes.
const KEPT: usize = 1 << 20;

/// Takes lines for a thread that writes them. What does not fit is lost, and counted.
#[derive(Clone)]
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    /// The most that waits, in bytes.
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
    lost: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    is_closing: bool,
    is_closed: bool,
}

/// While it lives lines are written. When it is dropped what waits is written, which takes [`LAST`] at most.
pub(super) struct Writer(Arc<Shared>);

impl Queue {
    /// A queue for `limit` bytes. `write` gets whole lines, leaves what must go before the next ones, and
    /// tells how many it could not write.
    pub(super) fn start(
        limit: usize,
        write: impl FnMut(&mut Vec<u8>) -> u64 + Send + 'static,
    ) -> io::Result<(Self, Writer)> {
        let (state, changed, lost) = (Mutex::default(), Condvar::new(), Arc::default());
        let shared = Arc::new(Shared { limit, state, changed, lost });
        let writing = shared.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || writing.write(write))?;
        Ok((Self(shared.clone()), Writer(shared)))
    }

    /// Hands over a line with its end.
    pub(super) fn put(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.is_closed || state.lines.len() + line.len() > self.0.limit {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let before = state.lines.len();
        state.lines.extend_from_slice(line);
        let is_due = before == 0 || before < BATCH && state.lines.len() >= BATCH;
        drop(state);
        if is_due {
            self.0.changed.notify_all();
        }
    }

    /// Counts the lines that found no room or were not written.
    pub(super) fn lost(&self) -> Arc<AtomicU64> {
        self.0.lost.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut write: impl FnMut(&mut Vec<u8>) -> u64) {
        let mut batch = Vec::new();
        loop {
            let idle = |state: &mut State| state.lines.is_empty() && !state.is_closing;
            let mut state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
            if state.lines.is_empty() {
                state.is_closed = true;
                return self.changed.notify_all();
            }
            if batch.is_empty() {
                mem::swap(&mut batch, &mut state.lines);
            } else {
                batch.append(&mut state.lines);
            }
            drop(state);
            // A defect, or a library that tells of its troubles on a standard error that is closed, ends nothing.
            let written = panic::catch_unwind(AssertUnwindSafe(|| write(&mut batch)));
            let lost = written.unwrap_or_else(|_| settle(&mut batch, 0));
            self.lost.fetch_add(lost, Ordering::Relaxed);
            batch.shrink_to(KEPT);
            let _ = self
                .changed
                .wait_timeout_while(self.lock(), REST, |state| !state.is_closing && state.lines.len() < BATCH);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_closing = true;
        self.0.changed.notify_all();
        let _ = self.0.changed.wait_timeout_while(state, LAST, |state| !state.is_closed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn who_hands_over_a_line_never_waits_and_what_does_not_fit_is_counted() {
        let ((begun, beginning), (go_on, going_on)) = (mpsc::channel(), mpsc::channel::<()>());
        let mut written = Vec::new();
        let (seen, all) = mpsc::channel();
        let write = move |lines: &mut Vec<u8>| {
            begun.send(()).unwrap();
            let _ = going_on.recv();
            written.append(lines);
            seen.send(written.clone()).unwrap();
            0
        };
        let (queue, writer) = Queue::start(8, write).unwrap();
        queue.put(b"one\n");
        beginning.recv().unwrap();
        for line in [b"two\n", b"thr\n", b"fou\n"] {
            queue.put(line);
        }
        assert_eq!(queue.lost().load(Ordering::Relaxed), 1, "the disk hangs, and two lines are all that fits");
        drop(go_on);
        drop(writer);
        queue.put(b"six\n");
        assert_eq!(queue.lost().load(Ordering::Relaxed), 2, "nobody is there to write it");
        assert_eq!(all.iter().last().unwrap(), b"one\ntwo\nthr\n");
    }

    #[test]
    fn a_writer_that_panics_loses_what_it_had_and_goes_on() {
        let (seen, all) = mpsc::channel();
        let write = move |lines: &mut Vec<u8>| {
            assert!(!lines.starts_with(b"bad"), "as it is meant to");
            seen.send(std::mem::take(lines)).unwrap();
            0
        };
        let (queue, writer) = Queue::start(64, write).unwrap();
        queue.put(b"bad\n");
        while queue.lost().load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        queue.put(b"good\n");
        drop(writer);
        assert_eq!(all.iter().collect::<Vec<_>>(), [b"good\n"]);
        assert_eq!(queue.lost().load(Ordering::Relaxed), 1);
    }
}

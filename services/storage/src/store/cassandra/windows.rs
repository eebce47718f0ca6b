//! Which windows of a collection hold anything.
//!
//! Every process notes a window under a name of its own before it makes a record there. A window that was found
//! empty loses only the notes that were seen before it was looked at, and only those that nobody relies on any more. So
//! it is with an owner's list, which has its own name where a collection has its uid.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use skep_proto::mutation;
use uuid::{Builder, Uuid};

use super::{database::Database, place::Regimes};
use crate::store::Result;

/// How long after its time a note may be cleared away. Far beyond [`LATE`], the minute by which two clocks may be
/// apart, and the time that a write takes.
const CLEARED: i64 = 5 * 60 * 1_000_000;
/// How long after its time a note is relied on. Its time is the end of its window; one that is made later tells its own.
const LATE: i64 = 60 * 1_000_000;
/// Notes that are read at once: of a few windows, as each replica that wrote there left one.
const SLICE: i32 = 64;
/// Notes remembered before those that are over are forgotten, or all of them if most are not.
const REMEMBERED: usize = 1 << 16;

/// The windows that this process has noted.
pub(super) struct Noted {
    /// What it calls its notes.
    name: Uuid,
    /// Collection, window, and until when the note is relied on.
    windows: Mutex<HashSet<(Uuid, i64, i64)>>,
}

impl Default for Noted {
    fn default() -> Self {
        Self { name: Uuid::new_v4(), windows: Mutex::default() }
    }
}

impl Noted {
    /// The name of notes that are made in this minute, and its time.
    fn late(&self, now: i64) -> (i64, Uuid) {
        let minute = now - now.rem_euclid(LATE);
        let (millis, [_, _, _, _, _, _, random @ ..]) = ((minute / 1000).unsigned_abs(), self.name.into_bytes());
        (minute, Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// A window, and the notes of it that were seen.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) start: i64,
    notes: Vec<Uuid>,
}

impl Window {
    /// How many processes noted it, or fewer.
    pub(super) fn notes(&self) -> usize {
        self.notes.len()
    }
}

impl Database {
    /// Sees to it that lists find the window.
    pub(super) async fn note_window(&self, collection: Uuid, regimes: &Regimes, window: i64) -> Result<()> {
        let (now, end) = (mutation::now(), regimes.end(window));
        let (time, name) = if now > end + LATE {
            // What may have been cleared away is never written again.
            self.noted.late(now)
        } else {
            (end, self.noted.name)
        };
        let note = self.run(&self.statements.window_note, (collection, window, name));
        self.once((collection, window, time + LATE), note).await
    }

    /// Sees to it that the list of an owner is found when its collection is cleared away.
    pub(super) async fn note_list(&self, collection: Uuid, part: i32, list: Uuid) -> Result<()> {
        self.once((list, i64::MIN, i64::MAX), self.run(&self.statements.list_note, (collection, part, list))).await
    }

    /// Writes a note, unless this process remembers that it did.
    async fn once(&self, note: (Uuid, i64, i64), write: impl Future<Output = Result<()>>) -> Result<()> {
        if self.noted.windows.lock().unwrap_or_else(PoisonError::into_inner).contains(&note) {
            return Ok(());
        }
        write.await?;
        let (now, mut windows) = (mutation::now(), self.noted.windows.lock().unwrap_or_else(PoisonError::into_inner));
        if windows.len() >= REMEMBERED {
            windows.retain(|(.., until)| *until >= now);
            if windows.len() > REMEMBERED / 2 {
                windows.clear();
            }
        }
        windows.insert(note);
        Ok(())
    }

    /// The next windows that begin before `edge`, or after it if not `descending`; none when there are no more.
    pub(super) async fn windows(&self, collection: Uuid, edge: i64, descending: bool) -> Result<Vec<Window>> {
        let statements = (&self.statements.window_slice, &self.statements.window_slice_up);
        let (mut windows, statement) = (Vec::<Window>::new(), if descending { statements.0 } else { statements.1 });
        for (start, note) in self.rows(statement, (collection, edge, SLICE)).await? {
            match windows.last_mut() {
                Some(last) if last.start == start => last.notes.push(note),
                _ => windows.push(Window { start, notes: vec![note] }),
            }
        }
        Ok(windows)
    }

    /// Forgets a window that was found empty after it was read, if nothing new comes there any more.
    pub(super) async fn clear_window(&self, collection: Uuid, regimes: &Regimes, window: &Window) -> Result<()> {
        let (end, now) = (regimes.end(window.start), mutation::now());
        let over = |note: &Uuid| mutation::time(*note).unwrap_or(end) + CLEARED <= now;
        let notes = window.notes.iter().copied().filter(over).collect();
        self.forget_window(collection, &Window { start: window.start, notes }).await
    }

    /// Forgets a window.
    pub(super) async fn forget_window(&self, collection: Uuid, window: &Window) -> Result<()> {
        for note in &window.notes {
            self.run(&self.statements.window_clear, (collection, window.start, note)).await?;
        }
        Ok(())
    }
}

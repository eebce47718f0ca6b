//! Room for bodies, both ways: many slow clients cannot fill the memory.

use std::sync::Arc;

use skep_proto::{Code, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes of room that are given out together.
const SLOT: usize = 1 << 10;
/// So much of every body has room of its own, so that large ones leave some to the small.
const SMALL: usize = 16 << 10;

/// What bodies of one direction may take of the memory, shared by all requests.
pub(super) struct Room {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// What one body takes of a [`Room`], until it is dropped.
pub(super) struct Share([OwnedSemaphorePermit; 2]);

impl Room {
    /// Room for `bytes`, and beside them for a small body of each of the `connections`.
    pub(super) fn new(bytes: usize, connections: usize) -> Self {
        let slots = |bytes: usize| Arc::new(Semaphore::new((bytes / SLOT).min(Semaphore::MAX_PERMITS)));
        Self { small: slots(connections.saturating_mul(SMALL)), large: slots(bytes) }
    }

    /// Room for a body of so many bytes.
    pub(super) fn take(&self, bytes: usize) -> Result<Share, Error> {
        let take = |room: &Arc<Semaphore>, bytes: usize| {
            let slots = u32::try_from(bytes.div_ceil(SLOT)).unwrap_or(u32::MAX);
            Arc::clone(room).try_acquire_many_owned(slots).map_err(|_| overloaded())
        };
        Ok(Share([take(&self.small, bytes.min(SMALL))?, take(&self.large, bytes.saturating_sub(SMALL))?]))
    }

    /// Whether there is room for a body of so many bytes.
    pub(super) fn has(&self, bytes: usize) -> bool {
        self.large.available_permits() >= bytes / SLOT
    }

    /// Whether a body of so many bytes takes more than the room of the small.
    pub(super) fn is_large(bytes: u64) -> bool {
        bytes > SMALL as u64
    }
}

impl Share {
    /// Makes it one for a body of so many bytes.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        for (taken, bytes) in self.0.iter_mut().zip([bytes.min(SMALL), bytes.saturating_sub(SMALL)]) {
            let missing = bytes.div_ceil(SLOT).saturating_sub(taken.num_permits());
            let slots = u32::try_from(missing).unwrap_or(u32::MAX);
            let more = Arc::clone(taken.semaphore()).try_acquire_many_owned(slots).map_err(|_| overloaded())?;
            taken.merge(more);
        }
        Ok(())
    }
}

pub(super) fn overloaded() -> Error {
    Error::new(Code::Overloaded, "too many large bodies are under way; send it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_leave_room_to_small_ones() {
        let room = Room::new(100 << 10, 2);
        let mut first = room.take(0).unwrap();
        first.grow((16 << 10) + (60 << 10)).unwrap();
        assert!(room.take(57 << 10).is_err());
        let second = room.take(56 << 10).unwrap();
        assert!(!room.has(SLOT) && first.grow(77 << 10).is_err() && room.take(1).is_err());
        drop(second);
        assert!(room.has(40 << 10) && !room.has(41 << 10));
        first.grow(77 << 10).unwrap();
        room.take(16 << 10).unwrap();
    }
}

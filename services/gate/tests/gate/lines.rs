//! The log of a test: what its thread says. One subscriber listens for all of them, since those that come and go in other
//! threads can leave a line unwanted.

use std::{cell::RefCell, io, sync::Once};

thread_local! {
    static SAID: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Listens from now on.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let everything = tracing_subscriber::fmt().with_writer(|| ThisThread).with_ansi(false).finish();
        tracing::subscriber::set_global_default(everything).unwrap();
    });
    // For what was said before anybody listened.
    tracing::callsite::rebuild_interest_cache();
}

/// What this thread said since it was asked last.
pub(crate) fn said() -> String {
    String::from_utf8(SAID.with(RefCell::take)).unwrap()
}

struct ThisThread;

impl io::Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A thread that ends says nothing any more.
        let _ = SAID.try_with(|said| said.borrow_mut().extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

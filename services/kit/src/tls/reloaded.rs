use std::{
    fmt, fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use tracing::{info, warn};

/// What is made of files. It is made anew when somebody asks for it after they have changed; if that fails, what was made
/// before stays in force.
pub(super) struct Reloaded<T, const N: usize> {
    /// Whose certificate it is, for the log.
    name: &'static str,
    files: [PathBuf; N],
    make: fn(&[PathBuf; N]) -> anyhow::Result<T>,
    state: Mutex<State<T, N>>,
}

struct State<T, const N: usize> {
    read: Stamps<N>,
    made: T,
}

/// When each file was changed, and its length; `None` if there is no such file.
type Stamps<const N: usize> = [Option<(SystemTime, u64)>; N];

impl<T: Clone, const N: usize> Reloaded<T, N> {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// Those of `make`.
    pub(super) fn open(
        name: &'static str,
        files: [PathBuf; N],
        make: fn(&[PathBuf; N]) -> anyhow::Result<T>,
    ) -> anyhow::Result<Self> {
        // Before the files: what changes meanwhile is read again.
        let read = stamps(&files);
        let state = Mutex::new(State { read, made: make(&files)? });
        Ok(Self { name, files, make, state })
    }

    pub(super) fn current(&self) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = stamps(&self.files);
        if found != state.read {
            state.read = found;
            match (self.make)(&self.files) {
                Ok(made) => {
                    state.made = made;
                    info!(certificate = self.name, "a certificate was read again");
                }
                // Told once, until they change again.
                Err(error) => warn!(
                    certificate = self.name,
                    error.message = format_args!("{error:#}"),
                    "a new certificate cannot be used"
                ),
            }
        }
        state.made.clone()
    }
}

impl<T, const N: usize> fmt::Debug for Reloaded<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reloaded").field(&self.files).finish()
    }
}

fn stamps<const N: usize>(files: &[PathBuf; N]) -> Stamps<N> {
    files.each_ref().map(|file| {
        let found = fs::metadata(file).ok()?;
        Some((found.modified().ok()?, found.len()))
    })
}

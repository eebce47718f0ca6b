use std::{fmt, pin::Pin};

use clap::{ArgMatches, Command};
use tokio::runtime;

use crate::config::{Setting, Values};

/// What a [`Job`] does, once it is awaited.
pub type Work = Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// What a program does beside serving: by a command of its own, to its end, without doors and log files.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The name of the command.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Every setting that `begin` reads; each is a flag of the command and of those below it.
    pub settings: fn() -> Vec<Setting>,
    /// Gives the command what it takes beside settings: arguments, commands below it, examples.
    pub shape: fn(Command) -> Command,
    /// Reads the settings and the arguments, and gives the work; where there are faults that is thrown away.
    pub begin: fn(&mut Values, &ArgMatches) -> Work,
}

/// A failure that has an exit code of its own, as a [`Job`] tells it: the outermost error of its result.
///
/// The codes are those of sysexits.h.
#[derive(Debug)]
pub struct Failed {
    code: u8,
    error: anyhow::Error,
}

impl Failed {
    /// What was read is not what it should be: `EX_DATAERR`, 65.
    pub fn data(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 65, error: error.into() }
    }

    /// A service does not answer, and may later: `EX_UNAVAILABLE`, 69.
    pub fn unavailable(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 69, error: error.into() }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl std::error::Error for Failed {}

/// The exit code of what a job or a service ended with.
pub(super) fn code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<Failed>().map_or(1, |failed| failed.code)
}

pub(super) fn done(work: Work) -> anyhow::Result<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

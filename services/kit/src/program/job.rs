use std::pin::Pin;

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
    /// Every setting that `begin` reads.
    pub settings: fn() -> Vec<Setting>,
    /// Reads the settings, and gives the work; where there are faults that is thrown away.
    pub begin: fn(&mut Values) -> Work,
}

pub(super) fn done(work: Work) -> anyhow::Result<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

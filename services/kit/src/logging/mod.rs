//! Logs: one JSON object a line with ECS field names to dated files, and a short form to standard error.
//!
//! Writing happens on threads of its own, behind queues that drop rather than wait: a slow or full disk
//! never blocks a request. What is dropped is counted in `skep_log_lines_lost_total` and said in the log.

mod escape;
mod fields;
mod file;
mod janitor;
mod levels;
mod lines;
mod losses;
mod panics;
mod queue;
#[cfg(test)]
mod tests;

use std::{
    env, fs,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use tokio::{task::JoinHandle, time::MissedTickBehavior};
use tracing::warn;
use tracing_subscriber::layer::SubscriberExt;

use self::{
    file::LogFile,
    lines::Lines,
    queue::{Queue, Writer},
};
pub(crate) use self::{
    file::Period,
    levels::{Directives, Levels},
    losses::Losses,
};

use crate::Program;

/// Bytes of lines that wait for the disk, for each service.
const FILE_QUEUE: usize = 8 << 20;

/// Bytes of lines that wait for standard error.
const PEOPLE_QUEUE: usize = 1 << 20;

/// How often old files are removed, and lost lines are told.
const UPKEEP: Duration = Duration::from_mins(1);

/// Whose lines they are: what `service.name` says, and the targets (crates, modules) that belong to it.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// The name of the service.
    pub name: &'static str,
    /// Crates or modules, each with all below it.
    pub targets: &'static [&'static str],
}

/// How and where to log.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) directives: Directives,
    pub(crate) period: Period,
    pub(crate) keep_days: u32,
    pub(crate) keep_bytes: u64,
}

/// Logs that are open. When this is dropped what waits is written, which takes a second a file at most.
pub(crate) struct Logs {
    pub(crate) losses: Arc<Losses>,
    _writers: Vec<Writer>,
}

/// Sends everything this process logs, and its panics, to `options.dir` and to standard error. A folder
/// that cannot be written is told, tried again, and ends nothing.
pub(crate) fn start(program: &Program, options: &Options, instance: &str) -> anyhow::Result<(Logs, Levels)> {
    let colour = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let (lines, logs, faults) = open(program, options, instance, io::stderr(), colour)?;
    let (levels, filter) = Levels::new(&options.directives)?;
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    tracing::subscriber::set_global_default(subscriber).context("logs are set up already")?;
    panics::log();
    for error in faults {
        warn!(error, "cannot write log files, set LOG_DIR to a folder that this process may write");
    }
    Ok((logs, levels))
}

/// Opens a stream for each service, and one for people; tells the folders that cannot be written.
fn open(
    program: &Program,
    options: &Options,
    instance: &str,
    mut people: impl Write + Send + 'static,
    colour: bool,
) -> io::Result<(Lines, Logs, Vec<String>)> {
    let (mut losses, mut writers, mut faults) = (Losses::default(), Vec::new(), Vec::new());
    let (people, writer) = Queue::start(PEOPLE_QUEUE, move |lines| file::write(&mut people, lines))?;
    losses.watch(program.services[0].name, "stderr", people.lost());
    writers.push(writer);
    let mut lines = Lines::new(people, colour);
    for service in program.services {
        let (mut file, fault) = LogFile::open(&options.dir, &format!("{}-{instance}", service.name), &options.period);
        let (file, writer) = Queue::start(FILE_QUEUE, move |lines| file.write(lines))?;
        losses.watch(service.name, "file", file.lost());
        lines.add(*service, program.version, instance, &host(), file);
        writers.push(writer);
        faults.extend(fault);
    }
    Ok((lines, Logs { losses: Arc::new(losses), _writers: writers }, faults))
}

/// Looks after the logs for as long as the process lives: removes old files, tells what was lost.
pub(crate) async fn keep(losses: Arc<Losses>, options: Options) {
    let options = Arc::new(options);
    let mut ticks = tokio::time::interval(UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cleaning: Option<JoinHandle<()>> = None;
    loop {
        ticks.tick().await;
        losses.tell();
        // A disk that hangs loses lines, and that is to be told meanwhile.
        if cleaning.as_ref().is_none_or(JoinHandle::is_finished) {
            let (losses, options) = (losses.clone(), options.clone());
            cleaning = Some(tokio::task::spawn_blocking(move || {
                losses.services().for_each(|service| janitor::clean(&options, service, jiff::Timestamp::now()));
            }));
        }
    }
}

/// The name of this replica: `HOSTNAME`, or what the kernel calls this host, fit for a file's name.
pub fn instance() -> String {
    let name = env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(host);
    safe(&name)
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

fn safe(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    name.chars().take(64).map(fit).collect()
}

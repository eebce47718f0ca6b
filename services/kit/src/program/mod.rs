//! The life of a process: arguments, settings, logs, metrics, health, signals, and a stop that drains.

mod cli;
mod common;
mod drain;
mod files;
mod job;
mod pages;
mod question;

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use tokio::runtime;
use tokio_util::sync::CancellationToken;

use self::cli::{Call, Settings};
pub use self::{
    job::{Failed, Job, Work},
    question::get,
};
use crate::{Config, Readiness, Service, admin::Admin, listen, logging, metrics};

/// `EX_USAGE` of sysexits.h: the command or its settings are wrong.
const USAGE: u8 = 64;

/// How long tasks that are left at the end may take to notice.
const LINGER: Duration = Duration::from_millis(100);

/// What a program is.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The name of the command.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The subcommand that serves, where the command has others; it is run also when none is named.
    pub default_subcommand: Option<&'static str>,
    /// Defaults of this program, by the name of their setting; they go before the setting's own.
    pub defaults: &'static [(&'static str, &'static str)],
    /// What it does beside serving, each by a command of its own.
    pub jobs: &'static [Job],
    /// The services whose log lines it writes; the first takes what nobody claims.
    pub services: &'static [Service],
}

/// What a service is given while it runs.
#[derive(Clone, Debug)]
pub struct Process {
    /// Cancelled when the process is told to stop: accept nothing more, finish what is in flight, return.
    pub shutdown: CancellationToken,
    /// Where a service says what it needs to be of use.
    pub ready: Readiness,
    /// The name of this replica: its container's or machine's host name.
    pub instance: Arc<str>,
    /// How many connections a door may hold at once: what the limit of open files leaves to each of two.
    pub connections: usize,
    /// How long finishing may take, from the cancellation of `shutdown` on.
    pub drain: Duration,
}

/// Runs `program`: reads the arguments and settings, then serves until told to stop by SIGTERM or SIGINT.
///
/// The exit code is 0 after a stop that was asked for, 64 when the arguments or settings are wrong (every
/// fault is told), 1 when `serve` fails, and what a [`Failed`] says.
pub fn run<C: Config>(program: &Program, serve: impl AsyncFnOnce(C, Process) -> anyhow::Result<()>) -> ExitCode {
    ExitCode::from(run_with(program, env::args_os().collect(), serve))
}

/// As [`run`], with the arguments given (the first is the command's name) and the exit code returned.
pub fn run_with<C: Config>(
    program: &Program,
    args: Vec<OsString>,
    serve: impl AsyncFnOnce(C, Process) -> anyhow::Result<()>,
) -> u8 {
    match cli::parse(program, args, &|name| env::var_os(name)) {
        Call::Print(text) => print(&text),
        Call::Refuse(text) => {
            say(&text);
            USAGE
        }
        Call::Ask(question) => match question.ask() {
            Ok(answer) => print(&answer),
            Err(error) => outcome(program, Err(error)),
        },
        Call::Work(work) => outcome(program, job::done(work)),
        Call::Serve(settings) => outcome(program, start(program, settings, serve)),
    }
}

fn start<C: Config>(
    program: &Program,
    settings: Settings<C>,
    serve: impl AsyncFnOnce(C, Process) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Settings { common, config, shown } = settings;
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let instance = logging::instance();
    let (logs, levels) = logging::start(program, &common.logs, &instance)?;
    let (pid, configuration) = (std::process::id(), shown.trim_end());
    tracing::info!(target: "kit::configuration", { configuration, process.pid = pid }, "started");
    let process = Process {
        shutdown: CancellationToken::new(),
        ready: Readiness::default(),
        instance: instance.as_str().into(),
        connections: files::connections(),
        drain: common.drain,
    };
    let result = runtime.block_on(async {
        let metrics = metrics::install(program)?;
        let signals = drain::Signals::new()?;
        tokio::spawn(metrics::keep(metrics.clone()));
        tokio::spawn(logging::keep(logs.losses.clone(), common.logs.clone()));
        let door = listen(common.metrics_addr, "metrics", false).await?;
        let (ready, losses) = (process.ready.clone(), logs.losses.clone());
        tokio::spawn(Admin { metrics, ready, losses, levels: levels.into() }.serve(door));
        drain::until_stopped(serve(config, process.clone()), &process, signals).await
    });
    runtime.shutdown_timeout(LINGER);
    logs.losses.tell();
    if let Err(error) = &result {
        tracing::error!(error.message = format_args!("{error:#}"), "the process failed");
    }
    result
}

/// The exit code of `result`; a failure is told with its causes.
fn outcome(program: &Program, result: anyhow::Result<()>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(error) => {
            say(&format!("{}: {error:#}\n", program.name));
            job::code(&error)
        }
    }
}

fn print(text: &str) -> u8 {
    // Nobody is left to tell when standard output is closed.
    let _ = io::stdout().write_all(text.as_bytes());
    0
}

/// Writes to standard error, where a person may be reading or not.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

use std::{io, pin::pin};

use tokio::{
    runtime::Handle,
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};
use tracing::{info, warn};

use super::Process;

/// The signals that ask a process to stop.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on these signals no longer end the process by themselves.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one: its name, and the exit code that a shell gives a process it ends.
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", 143),
            _ = self.interrupt.recv() => ("SIGINT", 130),
        }
    }
}

/// Runs `serving` until it ends, or until a signal and then for at most `process.drain`. A second signal
/// ends the process at once.
pub(super) async fn until_stopped(
    serving: impl Future<Output = anyhow::Result<()>>,
    process: &Process,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let mut serving = pin!(serving);
    let (name, _) = tokio::select! {
        result = &mut serving => return result,
        signal = signals.next() => signal,
    };
    process.ready.withdraw();
    process.shutdown.cancel();
    info!(signal = name, drain_seconds = process.drain.as_secs(), "stopping");
    // A task of its own, so that it is heard also while `serving` holds the thread.
    let impatient = tokio::spawn(async move {
        let (_, code) = signals.next().await;
        std::process::exit(code);
    });
    let drained = timeout(process.drain, serving).await;
    impatient.abort();
    if let Ok(result) = drained {
        return result.inspect(|()| info!("stopped"));
    }
    warn!(tasks = Handle::current().metrics().num_alive_tasks(), "stopped before all was finished");
    Ok(())
}

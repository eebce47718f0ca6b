use std::{backtrace::Backtrace, panic, thread};

use tracing::error;

/// How many frames a line shows.
const FRAMES: usize = 12;

/// Frames of what unwinds, starts threads and polls tasks, which say nothing about the panic.
const NOISE: &[&str] = &["std::", "core::", "alloc::", "tokio::", "hyper::", "__rust", "rust_", "kit::logging::panics"];

/// From here on a panic is a line of the log.
pub(super) fn log() {
    panic::set_hook(Box::new(|info| {
        let place = info.location();
        error!(
            target: "kit::panic",
            {
                error.message = info.payload_as_str().unwrap_or("a panic without a text"),
                error.stack_trace = frames(&Backtrace::force_capture().to_string()),
                log.origin.file.name = place.map(panic::Location::file),
                log.origin.file.line = place.map(panic::Location::line),
                process.thread.name = thread::current().name(),
            },
            "panicked"
        );
    }));
}

/// The functions of a backtrace that are worth reading, a line each, the innermost first.
fn frames(backtrace: &str) -> String {
    let numbered = backtrace.lines().map(str::trim_start).filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let names = numbered.filter_map(|line| Some(line.split_once(": ")?.1));
    // An inlined frame has no path, and repeats the one around it.
    let telling = names.filter(|name| {
        let name = name.trim_start_matches(['<', '&']);
        name.split('<').next().is_some_and(|path| path.contains("::")) && !NOISE.iter().any(|it| name.starts_with(it))
    });
    telling.take(FRAMES).collect::<Vec<_>>().join("\n")
}

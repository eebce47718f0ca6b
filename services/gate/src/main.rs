//! The `gate` binary: REST over the storage that is found behind gRPC.

use std::{process::ExitCode, sync::Arc};

use gate::{Config, Home, backend::remote};
use kit::{Process, Program, Service};

/// A call allocates in one thread and frees in another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = Program {
        name: "gate",
        about: "Serves the records of Skep over REST",
        version: env!("CARGO_PKG_VERSION"),
        default_subcommand: None,
        defaults: &[("METRICS_ADDR", "0.0.0.0:9082")],
        jobs: &[],
        services: &[Service { name: "gate", targets: &["gate"] }],
    };
    kit::run(&program, async |config: Config, process: Process| {
        let storage = remote::connect(config.storage, &config.internal)?;
        let listener = kit::listen(config.addr, "rest", config.policy.tls.is_some()).await?;
        gate::serve(listener, Arc::new(storage), &Home::Docs, config.policy, &process).await
    })
}

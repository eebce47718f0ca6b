//! The `storage` binary: records and their rules behind gRPC.

use std::process::ExitCode;

use kit::{Job, Process, Program, Service};
use storage::Config;

/// A call allocates in one thread and frees in another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = Program {
        name: "storage",
        about: "Keeps the records of Skep, and serves them over gRPC",
        version: env!("CARGO_PKG_VERSION"),
        default_subcommand: None,
        defaults: &[("METRICS_ADDR", "0.0.0.0:9081")],
        jobs: &[Job {
            name: "authorize",
            about: "Gives Cassandra's users their passwords and rights, and ends",
            settings: storage::Authorize::settings,
            shape: |command| command,
            begin: |values, _| Box::pin(storage::Authorize::read(values).run()),
        }],
        services: &[Service { name: "storage", targets: &["storage"] }],
    };
    kit::run(&program, async |config: Config, process: Process| {
        let engine = storage::open(&config, &process)?;
        let (administrator, shutdown) = (config.administrator.clone(), process.shutdown.clone());
        tokio::spawn(storage::ensure_administrator(engine.clone(), administrator, shutdown));
        let listener = kit::listen(config.addr, "grpc", config.internal.tls.is_some()).await?;
        storage::serve(listener, engine, &config.internal, &process).await
    })
}

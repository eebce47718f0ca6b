//! The `skep` binary: gate and storage in one process.

mod config;
mod example;
mod serve;
mod tool;

use std::process::ExitCode;

use kit::{Program, Service};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = Program {
        name: "skep",
        about: "A CRUD back end that outlives its machines: REST and gRPC over records kept on disk",
        version: env!("CARGO_PKG_VERSION"),
        default_subcommand: Some("serve"),
        defaults: &[
            ("GATE_ADDR", "127.0.0.1:8082"),
            ("STORAGE_ADDR", "127.0.0.1:8081"),
            ("METRICS_ADDR", "127.0.0.1:9082"),
            ("DATA_DIR", "./data"),
        ],
        jobs: tool::JOBS,
        services: &[Service { name: "gate", targets: &["gate"] }, Service { name: "storage", targets: &["storage"] }],
    };
    kit::run(&program, serve::serve)
}

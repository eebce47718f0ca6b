//! `skep serve`: storage and gate in one process, without a network hop between them.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
};

use gate::Home;
use kit::Process;
use skep_proto::{Contract, Local};

use crate::config::Config;

/// Serves REST and gRPC over one store until the process is told to stop.
pub(crate) async fn serve(config: Config, process: Process) -> anyhow::Result<()> {
    let engine = storage::open(&config.storage, &process)?;
    let backend: Arc<dyn Contract> = Arc::new(Local::new(Arc::clone(&engine)));
    let home = match config.example {
        Some(example) => {
            example.define(&*backend).await?;
            example.home()
        }
        None => Home::Docs,
    };
    let rest = kit::listen(config.gate_addr, "rest").await?;
    let grpc = kit::listen(config.storage.addr, "grpc").await?;
    greet(rest.local_addr()?);
    let token = config.storage.token.as_ref();
    let rest = gate::serve(rest, backend, &home, config.policy, &process);
    tokio::try_join!(rest, storage::serve(grpc, engine, token, &process)).map(drop)
}

/// Tells a person where to look.
fn greet(addr: SocketAddr) {
    // Nobody need be listening on standard output.
    let _ = writeln!(io::stdout(), "Skep is at http://{addr}/ and its API at http://{addr}/docs; Ctrl-C stops it.");
}

//! `skep serve`: storage and gate in one process, without a network hop between them.

use std::sync::Arc;

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
    tokio::try_join!(
        storage::serve(&config.storage, engine, &process),
        gate::serve(config.gate_addr, backend, &home, &process),
    )?;
    Ok(())
}

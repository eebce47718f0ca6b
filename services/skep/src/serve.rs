//! `skep serve`: storage and gate in one process, without a network hop between them.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
};

use gate::Home;
use kit::Process;
use skep_proto::{Contract, Local, mutation};
use storage::{
    Engine,
    accounts::{Administrator, made_up_password},
};

use crate::config::Config;

/// Serves REST and gRPC over one store until the process is told to stop.
pub(crate) async fn serve(config: Config, process: Process) -> anyhow::Result<()> {
    let engine = storage::open(&config.storage, &process)?;
    ensure_administrator(&engine, config.storage.administrator).await?;
    let backend: Arc<dyn Contract> = Arc::new(Local::new(Arc::clone(&engine)));
    let home = match config.example {
        Some(example) => {
            example.define(&*backend).await?;
            example.home()
        }
        None => Home::Docs,
    };
    let tls = config.policy.tls.is_some();
    let rest = kit::listen(config.gate_addr, "rest", tls).await?;
    let grpc = kit::listen(config.storage.addr, "grpc", config.storage.internal.tls.is_some()).await?;
    greet(rest.local_addr()?, tls);
    let rest = gate::serve(rest, backend, &home, config.policy, &process);
    tokio::try_join!(rest, storage::serve(grpc, engine, &config.storage.internal, &process)).map(drop)
}

/// Sees to it that there is a first administrator, with a password that is made up if none was given.
async fn ensure_administrator(engine: &Engine, mut wanted: Administrator) -> anyhow::Result<()> {
    let accounts = engine.accounts();
    if wanted.password.is_none() && accounts.named(&wanted.name).await?.is_none() {
        let password = made_up_password();
        // Told before it is in force: a process that ends between the two makes up another when it starts again.
        let told = format!("The administrator is {}, and the password {}\n", wanted.name, password.expose());
        let mut output = io::stdout();
        if let Err(error) = output.write_all(told.as_bytes()).and_then(|()| output.flush()) {
            tracing::warn!(error.message = %error, "no administrator is made: standard output takes no password, so give ADMIN_PASSWORD");
            return Ok(());
        }
        wanted.password = Some(password);
    }
    Ok(accounts.ensure(&wanted, mutation::new()).await?)
}

/// Tells a person where to look.
fn greet(addr: SocketAddr, tls: bool) {
    let scheme = if tls { "https" } else { "http" };
    // Nobody need be listening on standard output.
    let _ =
        writeln!(io::stdout(), "Skep is at {scheme}://{addr}/ and its API at {scheme}://{addr}/docs; Ctrl-C stops it.");
}

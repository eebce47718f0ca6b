//! Gate and storage that show each other certificates.

use std::{net::Ipv4Addr, time::Duration};

use integration::{Certificates, ChaosProxy, House, Program, eventually};
use serde_json::json;
use tempfile::TempDir;

use crate::Outcome;

const FOLLOWED: Duration = Duration::from_secs(10);

/// Who shows what is in these files.
fn shows(program: Program, certificates: &Certificates) -> Program {
    let Certificates { keystore, authority } = certificates;
    let program = program.env("INTERNAL_TLS_CERT", keystore.display().to_string());
    let program = program.env("INTERNAL_TLS_KEY", keystore.display().to_string());
    program.env("INTERNAL_TLS_CA", authority.display().to_string())
}

#[tokio::test]
async fn certificates_are_replaced_while_both_run_and_strangers_are_not_served() -> Outcome {
    let (folder, elsewhere) = (TempDir::new()?, TempDir::new()?);
    let address = Ipv4Addr::LOCALHOST.into();
    let certificates = Certificates::make(folder.path(), [address])?;
    let storage = shows(Program::storage(House::token())?, &certificates).start().await?;
    let network = ChaosProxy::start((address, 0).into(), storage.door("grpc")?).await?;
    let before = || Program::gate_before(&[network.address()], House::token());
    let gate = shows(before()?, &certificates).start().await?;
    let (rest, path) = (gate.http("rest")?, "/v1/collections/notes/records");
    rest.define("notes").await?.expect(201);

    // One trusts nobody whom storage is, one shows nothing, though both have the token.
    let other = Certificates::make(elsewhere.path(), [address])?;
    for stranger in [shows(before()?, &other), before()?] {
        let stranger = stranger.open().await?;
        stranger.http("rest")?.get(path).await?.problem(503, "unavailable");
        assert_eq!(stranger.http("metrics")?.get("/readyz").await?.status, 503);
    }

    // Another authority, in the same files: who connects anew goes by it.
    Certificates::make(folder.path(), [address])?;
    network.reset().await?;
    network.heal().await?;
    let made = async || {
        let answer = rest.post(path).json(json!({"data": {"note": "kept"}})).await.ok()?;
        (answer.status == 201).then_some(())
    };
    eventually("they know each other by the new ones", FOLLOWED, made).await?;
    for process in [&gate, &storage] {
        let lines = process.logs().lines()?;
        assert!(lines.iter().any(|line| line["message"] == "a certificate was read again"), "{lines:?}");
    }
    Ok(())
}

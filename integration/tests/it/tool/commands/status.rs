use integration::{House, Program};
use serde_json::{Value, json};

use super::{nobody, run, skep, tool};
use crate::Outcome;

#[tokio::test]
async fn everything_that_is_found_is_shown() -> Outcome {
    let house = House::two().await?;
    let (storage, gate) = (house.engine().door("grpc")?.to_string(), house.gate.door("metrics")?.to_string());
    let status = tool(&house, &["status", "--skep-gates", &gate])?;
    let told = run(&status).await?.exits(0);
    let words: Vec<Vec<_>> = told.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(words[0], ["STORAGE", "INSTANCE", "VERSION", "STORE", "STATE"], "{told:#?}");
    assert!(words[1].starts_with(&[&storage]) && words[1].ends_with(&["KiB", "ready"]), "{told:#?}");
    assert_eq!(words[3..], [vec!["GATE", "VERSION", "REDIS", "STATE"], vec![&gate, version, "none", "ready"]]);

    let report: Value = serde_json::from_str(&run(&status.arg("--json")).await?.exits(0).out)?;
    let told = &report["storages"][0];
    assert!(told["store"]["bytes"].as_u64() > Some(0) && told["instance"].is_string(), "{report:#}");
    let known = json!({"address": storage, "name": "127.0.0.1", "answers": true, "ready": true, "version": version,
        "instance": told["instance"], "store": {"kind": "embedded", "bytes": told["store"]["bytes"]}, "fault": null});
    let gate = json!({"address": gate, "name": "127.0.0.1", "answers": true, "ready": true, "version": version,
        "redis": null, "fault": null});
    assert_eq!(report, json!({"ready": true, "storages": [known], "nodes": [], "gates": [gate]}));
    Ok(())
}

#[tokio::test]
async fn what_is_not_ready_is_told_beside_what_is() -> Outcome {
    let (house, away) = (House::two().await?, nobody()?);
    let storage = house.engine().door("grpc")?.to_string();
    let gate = Program::gate_before(&[away.parse()?], House::token())?.open().await?;
    let gate = gate.door("metrics")?.to_string();
    let (storages, gates) = (format!("{storage},{away},nowhere.invalid"), format!("{gate},{away}"));
    let status = ["status", "--skep-addr", &storages, "--skep-gates", &gates];
    let told = skep(&house, &status).await?.exits(1);
    for (who, what) in [
        (&*storage, "ready"),
        (&*away, "does not answer"),
        ("nowhere.invalid:8081", "its name has no address"),
        (&*gate, "storage: storage cannot be reached"),
    ] {
        assert!(told.out.lines().any(|line| line.starts_with(who) && line.contains(what)), "{who}: {told:#?}");
    }
    assert!(told.err.contains("not everything is ready"), "{told:#?}");
    Ok(())
}

#[tokio::test]
async fn silence_and_a_wrong_token_have_exit_codes_of_their_own() -> Outcome {
    let (house, away) = (House::two().await?, nobody()?);
    let silent = skep(&house, &["status", "--skep-addr", &away]).await?.exits(69);
    assert!(silent.err.contains("nothing answers") && silent.out.contains("does not answer"), "{silent:#?}");
    let strict = run(&tool(&house, &["status"])?.env("INTERNAL_TOKEN", "wrong")).await?.exits(1);
    assert!(strict.out.contains("does not let us in: give INTERNAL_TOKEN_FILE"), "{strict:#?}");
    skep(&house, &["status", "--skep-addr", "a/b", "--skep-gates", "a/b"]).await?.fails(64, "SKEP_GATES is");
    Ok(())
}

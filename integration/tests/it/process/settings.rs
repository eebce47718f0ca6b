use std::{fs, process::Output};

use integration::{House, Program};

use crate::Outcome;

const SECRET: &str = "hunter2-and-some-more-letters";

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs it, asserts that it refuses to start as misused, and gives what it says.
async fn refusal(program: Program) -> anyhow::Result<String> {
    let output = program.run().await?;
    assert_eq!(output.status.code(), Some(64), "{}", text(&output));
    assert!(output.stdout.is_empty(), "{}", text(&output));
    Ok(String::from_utf8(output.stderr)?)
}

#[tokio::test]
async fn every_fault_is_told_at_once() -> Outcome {
    let wrong = [
        ("GATE_ADDR", "nowhere"),
        ("STORAGE_ADDR", "127.0.0.1:99999"),
        ("METRICS_ADDR", ""),
        ("DRAIN_SECONDS", "soon"),
        ("LOG_KEEP_BYTES", "1 bushel"),
        ("LOG_KEEP_DAYS", "-1"),
        ("LOG", "storage=loud"),
    ];
    let program =
        wrong.into_iter().try_fold(Program::skep()?, |program, (name, value)| anyhow::Ok(program.env(name, value)))?;
    let told = refusal(program).await?;
    for (name, _) in wrong.into_iter().filter(|(_, value)| !value.is_empty()) {
        assert!(told.contains(name), "{name} is not named in: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn a_flag_goes_before_the_environment() -> Outcome {
    let flagged =
        Program::skep()?.arg("--drain-seconds=7").env("DRAIN_SECONDS", "5").arg("--print-config").run().await?;
    assert!(flagged.status.success(), "{}", text(&flagged));
    let told = text(&flagged);
    assert!(told.lines().any(|line| line.contains("DRAIN_SECONDS") && line.contains('7')), "{told}");
    for unknown in ["--no-such-flag", "surprise"] {
        refusal(Program::skep()?.arg(unknown)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_fault_of_a_gate_is_told_at_once_and_no_secret_with_it() -> Outcome {
    let wrong = [
        ("STORAGE_PORT", "0"),
        ("SESSION_LIFETIME", "2y"),
        ("SIGN_UP", "perhaps"),
        ("RATE_LIMIT", "6000"),
        ("SIGN_IN_LIMIT", "0/1m"),
        ("CLIENT_ADDRESS", "somewhere"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("CORS_ORIGINS", "*"),
        ("REDIS_URL", "http://:hunter2@redis"),
        ("REDIS_PORT", "99999"),
        ("REDIS_USERNAME", "ann"),
    ];
    let gate = wrong.iter().fold(Program::tool("gate")?, |gate, (name, value)| gate.env(name, *value));
    let told = refusal(gate).await?;
    for (name, _) in wrong {
        assert!(told.contains(name), "{name} is not named in: {told}");
    }
    assert!(told.contains("REDIS_HOST") && told.contains("REDIS_PASSWORD") && !told.contains("hunter2"), "{told}");

    // Across settings.
    for (settings, name) in [
        (&[("CLIENT_ADDRESS", "forwarded")][..], "TRUSTED_PROXIES"),
        (&[("TRUSTED_PROXIES", "10.0.0.1")], "TRUSTED_PROXIES"),
        (&[("SESSION_LIFETIME", "30s")], "SESSION_LIFETIME"),
        (&[("REDIS_PASSWORD", "hunter2")], "REDIS_HOST"),
        (&[("REDIS_URL", "redis://:hunter2@redis"), ("REDIS_HOST", "redis")], "REDIS_URL"),
    ] {
        let gate = settings.iter().fold(Program::tool("gate")?, |gate, (name, value)| gate.env(name, *value));
        let told = refusal(gate).await?;
        assert!(told.contains(name) && !told.contains("hunter2"), "{settings:?}: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn storage_is_told_where_to_keep_records_and_whom_to_serve() -> Outcome {
    let told = refusal(Program::storage("token")?.without("DATA_DIR")).await?;
    assert!(told.contains("DATA_DIR") && told.contains("CASSANDRA_HOSTS"), "{told}");
    let told = refusal(Program::storage("token")?.env("CASSANDRA_HOSTS", "127.0.0.1:9042")).await?;
    assert!(told.contains("only one of them"), "{told}");
    let everywhere = Program::storage("token")?.without("INTERNAL_TOKEN").env("STORAGE_ADDR", "0.0.0.0:0");
    let told = refusal(everywhere.clone()).await?;
    assert!(told.contains("INTERNAL_TOKEN") && told.contains("ALLOW_INSECURE"), "{told}");
    everywhere.env("ALLOW_INSECURE", "true").start().await?;
    Program::storage("token")?.without("INTERNAL_TOKEN").start().await?;
    Ok(())
}

#[tokio::test]
async fn a_secret_comes_from_a_file_and_is_not_shown() -> Outcome {
    let program = Program::storage(SECRET)?.without("INTERNAL_TOKEN");
    let file = program.path("token");
    fs::write(&file, format!("{SECRET}\n"))?;
    for program in [
        program.clone().env("INTERNAL_TOKEN_FILE", file.display().to_string()),
        program.clone().arg(format!("--internal-token-file={}", file.display())),
        program.clone().env("INTERNAL_TOKEN", SECRET),
    ] {
        let shown = program.arg("--print-config").run().await?;
        let told = text(&shown);
        assert!(shown.status.success() && told.contains("INTERNAL_TOKEN") && !told.contains(SECRET), "{told}");
        assert!(told.contains("DATA_DIR"), "{told}");
    }
    let missing = program.clone().env("INTERNAL_TOKEN_FILE", "/nowhere/at/all");
    assert!(refusal(missing).await?.contains("/nowhere/at/all"));
    let both = program.env("INTERNAL_TOKEN", SECRET).env("INTERNAL_TOKEN_FILE", file.display().to_string());
    assert!(!refusal(both).await?.contains(SECRET));
    Ok(())
}

#[tokio::test]
async fn a_gate_with_a_token_from_a_file_is_let_in() -> Outcome {
    let storage = Program::storage(House::token())?.start().await?;
    let gate = Program::gate(&storage, "")?.without("INTERNAL_TOKEN");
    let file = gate.path("token");
    fs::write(&file, format!("{}\n", House::token()))?;
    let gate = gate.env("INTERNAL_TOKEN_FILE", file.display().to_string()).start().await?;
    crate::crud::define(&gate.http("rest")?, "notes").await
}

#[tokio::test]
async fn a_taken_port_is_told() -> Outcome {
    let first = Program::skep()?.start().await?;
    let taken = first.door("rest")?.to_string();
    let second = Program::skep()?.env("GATE_ADDR", &taken).run().await?;
    assert!(!second.status.success() && text(&second).contains(&taken), "{}", text(&second));
    Ok(())
}

#[tokio::test]
async fn one_data_folder_has_one_user() -> Outcome {
    let first = Program::skep()?.start().await?;
    let folder = first.program().path("data").display().to_string();
    let second = Program::skep()?.env("DATA_DIR", &folder).run().await?;
    assert!(!second.status.success() && text(&second).contains(&folder), "{}", text(&second));
    first.http("rest")?.get("/v1/collections").await?.expect(200);
    Ok(())
}

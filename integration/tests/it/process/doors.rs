use integration::{House, Process, Program};
use reqwest::Method;

use crate::{Outcome, crud::define};

/// The exit status of `healthcheck`, told where the process's own door is.
async fn healthcheck(program: Program, metrics: &str) -> anyhow::Result<Option<i32>> {
    Ok(program.env("METRICS_ADDR", metrics).run().await?.status.code())
}

fn checker(of: &Process) -> anyhow::Result<Program> {
    // A fresh program: `serve` is not among its arguments.
    Ok(Program::tool(of.program().binary())?.arg("healthcheck"))
}

#[tokio::test]
async fn a_process_tells_how_it_is() -> Outcome {
    for house in [House::one().await?, House::two().await?] {
        define(&house.rest()?, "notes").await?;
        for process in [Some(&house.gate), house.storage.as_ref()].into_iter().flatten() {
            let metrics = process.http("metrics")?;
            for path in ["/livez", "/readyz", "/healthz"] {
                metrics.get(path).await?.expect(200);
            }
            let told = metrics.get("/metrics").await?.expect(200);
            assert!(told.header("content-type").starts_with("text/plain"), "{told:#?}");
            let (samples, _): (Vec<_>, Vec<_>) = told.text.lines().partition(|line| !line.starts_with('#'));
            assert!(samples.iter().any(|line| !line.is_empty()), "no metrics at all");
            let names = ["/v1/collections/notes", "notes"];
            assert!(
                !samples.iter().any(|line| names.iter().any(|name| line.contains(name))),
                "a label that grows: {samples:?}"
            );
            assert_eq!(metrics.call(Method::POST, "/metrics").await?.status, 405);
            assert_eq!(metrics.get("/nowhere").await?.status, 404);
        }
        for path in ["/livez", "/readyz"] {
            house.rest()?.get(path).await?.expect(200);
        }
    }
    Ok(())
}

#[tokio::test]
async fn idle_clients_leave_files_for_the_rest() -> Outcome {
    let skep = Program::skep()?.below(&["sh", "-c", "ulimit -n 256 && exec \"$0\" \"$@\""]).start().await?;
    let door = skep.door("rest")?;
    let idle = futures_util::future::try_join_all((0..300).map(|_| tokio::net::TcpStream::connect(door))).await?;
    skep.http("metrics")?.get("/readyz").await?.expect(200);
    assert_eq!(healthcheck(checker(&skep)?, &skep.door("metrics")?.to_string()).await?, Some(0));
    assert!(skep.stderr().contains("few files may be open") && !skep.stderr().contains("cannot accept"));
    drop(idle);
    Ok(())
}

#[tokio::test]
async fn this_machine_alone_is_served_on_loopback() -> Outcome {
    let house = House::one().await?;
    let rest = house.rest()?;
    define(&rest, "notes").await?;
    let path = "/v1/collections/notes";
    rest.get(path).header("host", "evil.example").await?.problem(403, "forbidden");
    rest.delete(path).header("origin", "http://evil.example").await?.problem(403, "forbidden");
    let own = rest.delete(path).header("host", "localhost").header("origin", "http://localhost").await?;
    own.problem(401, "unauthenticated");
    rest.administrator().await?.delete(path).header("host", "localhost").await?.expect(204);
    Ok(())
}

#[tokio::test]
async fn a_gate_without_storage_lives_and_is_not_ready() -> Outcome {
    let mut house = House::two().await?;
    define(&house.rest()?, "notes").await?;
    let storage = house.storage.as_mut().expect("there are two");
    storage.kill().await?;
    let (rest, metrics) = (house.gate.http("rest")?, house.gate.http("metrics")?);
    metrics.get("/livez").await?.expect(200);
    metrics.get("/readyz").await?.expect(503);
    // Ready once, then alive: a lost storage restarts no gate.
    metrics.get("/healthz").await?.expect(200);
    let refused = rest.get("/v1/collections").await?.problem(503, "unavailable");
    assert!(!refused.header("retry-after").is_empty(), "{refused:#?}");

    storage.restart().await?;
    let back = integration::eventually("the gate is ready again", std::time::Duration::from_secs(10), async || {
        metrics.get("/readyz").await.ok().filter(|answer| answer.status == 200)
    });
    back.await?;
    rest.get("/v1/collections/notes").await?.expect(200);
    Ok(())
}

#[tokio::test]
async fn a_gate_before_a_storage_that_hangs_answers_in_time() -> Outcome {
    let house = House::two().await?;
    define(&house.rest()?, "notes").await?;
    let storage = house.storage.as_ref().expect("there are two");
    storage.pause()?;
    let answer = house.rest()?.get("/v1/collections").await?;
    assert!(answer.status == 503 && !answer.header("retry-after").is_empty(), "{answer:#?}");
    storage.resume()?;
    let back = integration::eventually("served again", std::time::Duration::from_secs(10), async || {
        house.rest().ok()?.get("/v1/collections/notes").await.ok().filter(|answer| answer.status == 200)
    });
    back.await.map(drop)
}

#[tokio::test]
async fn a_health_check_needs_no_other_tool() -> Outcome {
    let mut house = House::two().await?;
    let storage = house.storage.as_mut().expect("there are two");
    for process in [&mut house.gate, storage] {
        let metrics = process.door("metrics")?.to_string();
        assert_eq!(healthcheck(checker(process)?, &metrics).await?, Some(0));
        let url = format!("http://{metrics}/readyz");
        assert_eq!(checker(process)?.arg(url).run().await?.status.code(), Some(0));
        process.kill().await?;
        assert_eq!(healthcheck(checker(process)?, &metrics).await?, Some(1));
    }
    Ok(())
}
